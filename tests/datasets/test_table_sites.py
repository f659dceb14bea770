"""Tables of sites: rows that are chosen, splits by contig, and shuffled negatives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ambergen.config import load_run
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, SplitConfig, TableSource
from ambergen.errors import ConfigError, FileFormatError, SplitError
from ambergen.sequence.alphabets import DNA

CONTIGS = ("chr1", "chr2", "chr3", "chr4")
SPLIT = SplitConfig(test=("chr4",), selection=("chr3",), search=("chr2",))


def write_sites(path: Path, n: int = 40, seed: int = 0) -> Path:
    """Sites of two factors on four contigs; `open` is a label of its own."""
    rng = np.random.default_rng(seed)
    rows = [
        (CONTIGS[row % 4], ("a", "b")[row // 4 % 2], "".join(rng.choice(list("ACGT"), 30)), str(int(row // 8 % 2)))
        for row in range(n)
    ]
    path.write_text("".join("\t".join(row) + "\n" for row in [("chrom", "set", "sequence", "open"), *rows]))
    return path


def pairs(text: str) -> Counter[str]:
    return Counter(text[at : at + 2] for at in range(len(text) - 1))


def test_build__shuffles_are_negatives_in_the_split_of_their_site(tmp_path: Path) -> None:
    path = write_sites(tmp_path / "sites.tsv")
    source = TableSource(path, contig="chrom", rows="set=a", sites="factor", shuffles=2)
    store = build(DataConfig(source, split=SPLIT), tmp_path / "store")
    assert store.tracks == ("factor",)
    for name, contig in zip(("train", "search", "selection", "test"), CONTIGS, strict=True):
        rows = store.indices(name)
        labels, texts = store.labels(rows)[:, 0], [DNA.decode(tokens) for tokens in store.tokens(rows)]
        sites = [text for text, label in zip(texts, labels, strict=True) if label]
        cells = [line.split("\t") for line in path.read_text().splitlines()[1:]]
        assert sites == [c[2] for c in cells if c[0] == contig and c[1] == "a"]
        shuffled = [text for text, label in zip(texts, labels, strict=True) if not label]
        assert Counter(map(str, map(sorted, map(pairs, sites + sites)))) == Counter(
            map(str, map(sorted, map(pairs, shuffled)))
        )
        assert not set(sites) & set(shuffled)
    assert store.windows(store.indices("test")).contig[-1] == "dinucleotide shuffle 2 of sites.tsv, line 37"


def test_build__label_columns_stand_beside_the_sites(tmp_path: Path) -> None:
    source = TableSource(write_sites(tmp_path / "sites.tsv"), labels=("open",), contig="chrom", sites="x", shuffles=1)
    store = build(DataConfig(source, split=SPLIT), tmp_path / "store")
    rows = np.arange(store.n_windows)
    labels = store.labels(rows)
    assert store.tracks == ("x", "open")
    assert labels[:40, 0].all()
    assert labels[:40, 1].sum() == 16
    assert not labels[40:].any()


def test_build__rows_that_are_drawn_into_a_split_take_their_shuffles_along(tmp_path: Path) -> None:
    source = TableSource(write_sites(tmp_path / "sites.tsv", 200), contig="chrom", sites="x", shuffles=1)
    store = build(DataConfig(source, split=SplitConfig(test=("chr4",))), tmp_path / "store")
    n = store.n_windows // 2
    assert (store.split[:n] == store.split[n:]).all()
    assert set(store.split) == {0, 1, 2, 3}


def test_build__a_sequence_that_is_its_own_shuffle_has_none(tmp_path: Path) -> None:
    path = write_sites(tmp_path / "sites.tsv")
    with path.open("a") as file:
        file.write(f"chr1\ta\t{'A' * 30}\t0\n")
    source = TableSource(path, contig="chrom", sites="x", shuffles=1)
    store = build(DataConfig(source, split=SPLIT), tmp_path / "store")
    assert store.n_windows == 41 + 40


@pytest.mark.parametrize(
    ("changes", "split", "error", "words"),
    [
        ({"sites": "x"}, SPLIT, ConfigError, "expected at least 1 shuffled sequence"),
        ({"shuffles": -1}, SPLIT, ConfigError, "data.table.shuffles: -1"),
        ({"sites": "open", "shuffles": 1, "labels": ("open",)}, SPLIT, ConfigError, "'open' is a label column, too"),
        ({"rows": "set"}, SPLIT, ConfigError, "expected column=value"),
        ({"rows": "set=c"}, SPLIT, FileFormatError, "no row has set=c .* the column holds a, b"),
        ({"rows": "sets=a"}, SPLIT, FileFormatError, "there is no column 'sets' .* the nearest is 'set'"),
        ({}, SplitConfig(test=("chr9",), selection=("chr3",)), SplitError, "names chr9, .* has it in no row; it has"),
        ({}, SplitConfig(test=("chr4",), selection=("chr4",)), ConfigError, "a contig is named twice"),
        ({"split_column": "set"}, SPLIT, ConfigError, "stands beside other files or a split_column"),
        ({"contig": None}, SPLIT, ConfigError, "the column with the contigs"),
    ],
)
def test_build__wrong_tables_of_sites_are_refused(
    tmp_path: Path, changes: dict[str, object], split: SplitConfig, error: type[Exception], words: str
) -> None:
    settings = {"train": write_sites(tmp_path / "sites.tsv"), "contig": "chrom", **changes}
    with pytest.raises(error, match=words):
        build(DataConfig(TableSource(**settings), split=split), tmp_path / "store")  # type: ignore[arg-type]
    assert not (tmp_path / "store").exists()


def test_load_run__a_table_with_contigs_has_a_split(tmp_path: Path) -> None:
    write_sites(tmp_path / "sites.tsv")
    file = tmp_path / "run.yaml"
    file.write_text(
        "data:\n  table: {train: sites.tsv, contig: chrom, rows: set=a, sites: x, shuffles: 1}\n"
        "  split: {test: [chr4], selection: [chr3], search: [chr2]}\n"
    )
    run = load_run(file, ["data.table.rows=set=b"])
    assert run.n_tracks == 1
    assert run.data.split == SPLIT
    assert isinstance(run.data.source, TableSource)
    assert run.data.source.rows == "set=b"
    again = tmp_path / "again.yaml"
    again.write_text(run.to_yaml())
    assert load_run(again) == run
    file.write_text("data:\n  table: {train: sites.tsv}\n  split: {test: [chr4], selection: [chr3]}\n")
    with pytest.raises(ConfigError, match="or name the column with the contigs"):
        load_run(file)

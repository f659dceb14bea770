from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, SplitConfig, TableSource
from ambergen.datasets.store import Store
from ambergen.errors import AlphabetError, ConfigError, FileFormatError, InputError, LeakError, SplitError
from ambergen.sequence.alphabets import DNA

Rows = list[list[str]]
SPLITS = ("train", "search", "selection", "test")


def random_rows(n: int, seed: int, length: int = 12) -> Rows:
    """Sequences, two labels and a remark."""
    rng = np.random.default_rng(seed)
    return [
        ["".join(rng.choice(list("ACGTn"), length)), str(row % 2), str(int(rng.random() < 0.5 or row < 2)), "seen"]
        for row in range(n)
    ]


HEADER = ["sequence", "bound", "open", "remark"]


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a table and returns its path."""

    def write(rows: Rows, name: str = "table.csv", header: list[str] = HEADER, separator: str = ",") -> Path:
        path = tmp_path / name
        text = "".join(separator.join(row) + "\n" for row in [header, *rows])
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.fixture
def files(table: Callable[..., Path]) -> TableSource:
    """A file for each split."""
    paths = {name: table(random_rows(20, seed), f"{name}.csv") for seed, name in enumerate(SPLITS)}
    return TableSource(**paths)


def test_build__a_store_holds_the_rows_of_a_table(files: TableSource, tmp_path: Path) -> None:
    store = build(DataConfig(files), tmp_path / "store")
    assert store.tracks == ("bound", "open")
    assert (store.length, store.bin, store.n_windows) == (12, 12, 80)
    for seed, name in enumerate(SPLITS):
        rows = random_rows(20, seed)
        indices = store.indices(name)
        letters = [DNA.decode(tokens) for tokens in store.tokens(indices)]
        assert letters == [row[0].upper() for row in rows]
        assert store.labels(indices).astype(str).tolist() == [row[1:3] for row in rows]
        assert store.positives(name).tolist() == store.labels(indices).sum(axis=0).tolist()
        assert store.windows(indices).contig[3] == f"{name}.csv, line 5"
    assert store.mask(store.indices("train")) is None


@pytest.mark.parametrize(("name", "separator"), [("t.tsv.gz", "\t"), ("t.csv.gz", ","), ("t.txt", "\t")])
def test_build__one_file_with_a_split_column(
    table: Callable[..., Path], tmp_path: Path, name: str, separator: str
) -> None:
    words = ["train", "search", "dev", "test"]
    rows = [[*row, words[number % 4]] for number, row in enumerate(random_rows(80, 3))]
    for row in rows[:8]:
        row[1:3] = ["1", "1"]
    path = table(rows, name, [*HEADER, "fold"], separator)
    store = build(DataConfig(TableSource(path, split_column="fold")), tmp_path / "store")
    assert store.split.tolist() == [0, 1, 2, 3] * 20
    assert store.tracks == ("bound", "open")


def test_build__an_empty_cell_is_a_label_that_is_not_known(files: TableSource, tmp_path: Path) -> None:
    text = files.train.read_text().splitlines()
    cells = text[3].split(",")
    text[3] = ",".join([cells[0], "", *cells[2:]])
    files.train.write_text("\n".join(text) + "\n")
    store = build(DataConfig(files), tmp_path / "store")
    mask = store.mask(np.arange(store.n_windows))
    assert mask is not None
    assert np.argwhere(~mask).tolist() == [[2, 0]]
    assert store.labels(np.array([2]))[0, 0] == 0


def test_build__draws_selection_and_search_from_train_where_they_are_absent(
    table: Callable[..., Path], tmp_path: Path
) -> None:
    train = random_rows(200, 1)
    train += train[:100]  # copies of a sequence must not end on two sides
    source = TableSource(table(train, "train.csv"), test=table(random_rows(20, 2), "test.csv"))
    stores = [build(DataConfig(source), tmp_path / f"store{n}", seed) for n, seed in enumerate((0, 0, 1))]
    counts = {name: len(stores[0].indices(name)) for name in SPLITS}
    assert counts["test"] == 20
    assert 25 <= counts["selection"] <= 30
    assert 22 <= counts["search"] <= 27
    assert stores[0].checksum == stores[1].checksum != stores[2].checksum
    assert not stores[0].manifest["leaks"]["identical"]


def test_build__blank_lines_at_the_end_are_no_rows(files: TableSource, tmp_path: Path) -> None:
    with open(files.train, "a") as stream:
        stream.write("\n\n")
    assert len(build(DataConfig(files), tmp_path / "store").indices("train")) == 20


def test_build__label_columns_may_be_named(files: TableSource, tmp_path: Path) -> None:
    store = build(DataConfig(replace(files, labels=("open",))), tmp_path / "store")
    assert store.tracks == ("open",)


def test_build__a_leak_is_refused_dropped_or_allowed(files: TableSource, tmp_path: Path) -> None:
    assert files.test is not None
    leaked = DNA.decode(DNA.complement_table[DNA.encode(random_rows(20, 3)[4][0], "")[::-1]])
    with open(files.train, "a") as stream:
        stream.write(f"{leaked},1,1,copy\n")
    message = (
        r"1 window of train has the sequence of 1 window of test \(for example train\.csv, line 22 and test\.csv, line "
        r"6\); expected .*on either strand.*Set data\.on_leak to drop"
    )
    with pytest.raises(LeakError, match=message):
        build(DataConfig(files), tmp_path / "store")
    dropped = build(DataConfig(files, on_leak="drop"), tmp_path / "store")
    assert len(dropped.indices("train")) == 20
    assert dropped.manifest["leaks"]["dropped"] == {"train": 1, "search": 0, "selection": 0, "test": 0}
    allowed = build(DataConfig(files, on_leak="allow"), tmp_path / "store")
    assert len(allowed.indices("train")) == 21
    assert allowed.manifest["leaks"]["identical"] == [{"splits": ["train", "test"], "windows": [1, 1]}]


def line(number: int, text: str) -> Callable[[Path], None]:
    """Replaces a line of a file, counted from 1."""

    def change(path: Path) -> None:
        lines = path.read_text().splitlines()
        lines[number - 1] = text
        path.write_text("\n".join(lines) + "\n")

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (line(4, "ACGTJCGTACGT,0,1,x"), AlphabetError, r"train\.csv, line 4, base 5: 'J' is not a DNA symbol"),
        (line(4, "ACGT,0,1,x"), FileFormatError, r"train\.csv, line 4: the sequence has 4 letters, line 2 has 12;"),
        (line(4, ",0,1,x"), FileFormatError, r"train\.csv, line 4: there is no sequence"),
        (line(4, ""), FileFormatError, r"line 4: the row has 0 columns, the header has 4"),
        (line(4, "ACGTACGTACGT,0"), FileFormatError, r"line 4: the row has 2 columns, the header has 4"),
        (line(1, "seq,bound,open,remark"), FileFormatError, r"line 1: there is no column 'sequence'.*nearest is 'seq'"),
        (line(1, "sequence,bound,bound,remark"), FileFormatError, r"line 1: two columns have the name 'bound'"),
        (line(1, "sequence,bounds,open,remark"), FileFormatError, r"search\.csv, line 1: there is no column 'bounds'"),
        (line(3, 'ACGTACGTACGT,0,1,"x'), FileFormatError, r"train\.csv, line 21: .*Correct the line"),
        (lambda path: path.write_text(""), FileFormatError, r"train\.csv: the file is empty"),
        (lambda path: path.write_text("sequence,bound\n"), FileFormatError, r"no column holds labels"),
        (lambda path: path.write_bytes(b"sequence,a\n\xff\xfe,1\n"), FileFormatError, r"this is not text; expected a"),
        (lambda path: path.write_text("sequence,a\nACGT,0.3\n"), FileFormatError, r"labels \('a' holds '0\.3'\); exp"),
    ],
)
def test_build__refuses_a_bad_table(
    files: TableSource, tmp_path: Path, change: Callable[[Path], None], error: type[InputError], message: str
) -> None:
    change(files.train)
    with pytest.raises(error, match=message):
        build(DataConfig(files), tmp_path / "store")
    assert not list(tmp_path.glob("store*"))


def test_build__refuses_a_label_that_is_no_label(files: TableSource, tmp_path: Path) -> None:
    line(5, "ACGTACGTACGT,0,yes,x")(files.train)
    message = r"train\.csv, line 5, column 'open': the label is 'yes'; expected 0, 1, or nothing"
    with pytest.raises(FileFormatError, match=message):
        build(DataConfig(replace(files, labels=("bound", "open"))), tmp_path / "store")


def test_build__refuses_files_of_different_lengths(
    files: TableSource, table: Callable[..., Path], tmp_path: Path
) -> None:
    longer = table(random_rows(20, 9, length=13), "longer.csv")
    with pytest.raises(
        FileFormatError, match=r"longer\.csv, line 2: the sequence has 13 letters, the rows of the file"
    ):
        build(DataConfig(replace(files, test=longer)), tmp_path / "store")


def test_build__refuses_a_word_that_is_no_split(table: Callable[..., Path], tmp_path: Path) -> None:
    path = table([[*row, "holdout"] for row in random_rows(5, 1)], header=[*HEADER, "fold"])
    with pytest.raises(FileFormatError, match=r"line 2, column 'fold': the split is 'holdout'; expected train, search"):
        build(DataConfig(TableSource(path, split_column="fold")), tmp_path / "store")


def test_build__refuses_a_table_without_test_rows(files: TableSource, tmp_path: Path) -> None:
    with pytest.raises(SplitError, match=r"there are no test rows; expected a file for them \(data\.table\.test\)"):
        build(DataConfig(replace(files, test=None)), tmp_path / "store")


def test_build__refuses_a_split_without_positives(
    files: TableSource, table: Callable[..., Path], tmp_path: Path
) -> None:
    negatives = [[row[0], "0", "1", row[3]] for row in random_rows(9, 30)]
    with pytest.raises(SplitError, match=r"data\.table\.test: track 'bound' has no positive window among the 9"):
        build(DataConfig(replace(files, test=table(negatives, "negatives.csv"))), tmp_path / "store")


@pytest.mark.parametrize(
    ("change", "split", "message"),
    [
        ({"split_column": "fold"}, SplitConfig(), r"split_column 'fold' and a file for search are given"),
        ({}, SplitConfig(test=("chr1",)), r"data\.split: contigs are named, but the data come from a table"),
    ],
)
def test_build__refuses_two_ways_to_split(
    files: TableSource, tmp_path: Path, change: dict[str, str], split: SplitConfig, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build(DataConfig(replace(files, **change), split=split), tmp_path / "store")


@pytest.mark.parametrize(("task", "n_dropped"), [("tf_0", 1), ("tf_3", 3)])
def test_build__gue_tables_leak_one_to_three_rows(shared_data: Path, tmp_path: Path, task: str, n_dropped: int) -> None:
    train, selection, test = (shared_data / "gue" / f"{task}_{part}.csv.gz" for part in ("train", "dev", "test"))
    source = TableSource(train, selection, test)
    with pytest.raises(LeakError, match=r"windows? of train ha(s|ve) the sequence of"):
        build(DataConfig(source), tmp_path / "store")
    store = build(DataConfig(source, on_leak="drop"), tmp_path / "store")
    assert isinstance(store, Store)
    assert sum(store.manifest["leaks"]["dropped"].values()) == n_dropped
    assert len(store.indices("test")) == 1000
    assert store.tracks == ("label",)

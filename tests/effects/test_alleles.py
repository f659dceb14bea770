from __future__ import annotations

import numpy as np
import pytest

from ambergen.effects.alleles import STATUSES, AlleleReader
from ambergen.effects.config import EffectConfig
from ambergen.errors import ConfigError, FileFormatError
from ambergen.io.genome import Genome
from ambergen.sequence.variants import Record

GENOME = Genome.of({"chr1": "ACGTTGCATC", "MT": "GGGNA"})


def judge(*records: Record, config: EffectConfig | None = None, size: int = 100) -> list[tuple[object, ...]]:
    reader = AlleleReader(GENOME, config or EffectConfig(), 7, "mean_logits", GENOME.aliases(), "some.vcf")
    tables = [alleles.table for alleles in reader.chunks(records, size)]
    columns = ["record_index", "alt_index", "status", "ref_match", "swapped"]
    return [tuple(row) for table in tables for row in table[columns].itertuples(index=False)]


def one(*cells: object, **changes: object) -> tuple[object, ...]:
    contig, start, ref, alt = cells
    (row,) = judge(Record(contig, start, ".", ref, (alt,)), config=EffectConfig(**changes))  # type: ignore[arg-type]
    return row[2:]


@pytest.mark.parametrize(
    ("cells", "status"),
    [
        (("chr1", 0, "A", "T"), "ok"),
        (("1", 9, "c", "t"), "ok"),
        (("chrM", 0, "GG", ""), "ok"),
        (("chr1", 4, "", "TT"), "ok"),
        (("chr1", 0, "A", "."), "no_alternate"),
        (("chr1", 0, "A", "<DEL>"), "unsupported"),
        (("chr1", 0, "A", "*"), "unsupported"),
        (("chr1", 0, "A", "A[chr2:7["), "unsupported"),
        (("chr1", 0, "A", "R"), "unsupported"),
        (("chr1", 0, "N", "A"), "unsupported"),
        (("chr1", 0, " ", "A"), "unsupported"),
        (("chr1", 0, "", ""), "unsupported"),
        (("chr9", 0, "A", "T"), "unknown_contig"),
        (("chr1", -1, "A", "T"), "outside_contig"),
        (("chr1", 10, "A", "T"), "outside_contig"),
        (("chr1", 9, "CA", "T"), "outside_contig"),
        (("chr1", 2, "G", "ACGT"), "ok"),
        (("chr1", 2, "G", "ACGTA"), "too_long"),
        (("chr1", 0, "ACGTT", "A"), "too_long"),
    ],
)
def test_allele_reader__every_allele_has_a_status(cells: tuple[object, ...], status: str) -> None:
    found = one(*cells)
    assert found == (status, status == "ok", False)
    assert found[0] in STATUSES


def test_allele_reader__another_reference_allele_is_flagged_skipped_or_an_error() -> None:
    assert one("chr1", 0, "C", "T") == ("ok", False, False)
    assert one("chr1", 0, "C", "A") == ("ok", False, True)
    assert one("chr1", 3, "TG", "TT") == ("ok", False, True)
    assert one("MT", 3, "A", "C") == ("ok", False, False)  # the genome has N
    assert one("chr1", 0, "C", "A", mismatch="skip") == ("ref_mismatch", False, True)
    with pytest.raises(FileFormatError) as caught:
        judge(
            Record("chr1", 1, ".", "C", ("T",)), Record("1", 2, ".", "T", ("C",)), config=EffectConfig(mismatch="error")
        )
    assert str(caught.value).startswith(
        "some.vcf, record 2 (1:3 T>C): reference allele is T, the genome has G there. The file was probably called on "
        "another assembly; pass the genome that it was called on"
    )
    with pytest.raises(FileFormatError, match="two alleles were probably exchanged"):
        one("chr1", 0, "C", "A", mismatch="error")


def test_allele_reader__duplicates_are_known_across_records_and_chunks() -> None:
    records = (
        Record("chr1", 2, "a", "G", ("A", "C", "a")),
        Record("chr1", 2, "b", "G", ("C", "T")),
        Record("chr1", 3, "c", "T", ("C",)),
        Record("1", 3, "d", "t", ("C",)),  # the same contig by its other name
    )
    statuses = ["ok", "ok", "duplicate", "duplicate", "ok", "ok", "duplicate"]
    for size in (1, 2, 100):
        found = judge(*records, size=size)
        assert [row[2] for row in found] == statuses
        assert [row[:2] for row in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (3, 0)]


def test_allele_reader__chunks_end_with_a_record() -> None:
    reader = AlleleReader(GENOME, EffectConfig(), 7, "forward", GENOME.aliases())
    records = [Record("chr1", n, ".", "A", ("C", "G")) for n in range(5)]
    chunks = list(reader.chunks(records, 3))
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    assert chunks[1].table["pos"].tolist() == [3, 3, 4, 4]
    assert [edit.row for edit in chunks[1].edits] == [0, 1, 2, 3]
    assert chunks[0].table["strand"].eq("forward").all()
    assert chunks[0].table["n_pad"].dtype == np.int32
    assert list(reader.chunks([], 3)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strands": "both"}, "strands: 'both' is not known; expected mean_logits, mean_probabilities or forward"),
        ({"anchor": "right"}, "anchor: 'right'"),
        ({"mismatch": "swap"}, "mismatch: 'swap' is not known; expected flag, skip or error"),
        ({"shift": -1}, "shift: -1 bases; expected 0 or more"),
    ],
)
def test_effect_config__refuses_what_it_does_not_know(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        EffectConfig(**changes)  # type: ignore[arg-type]

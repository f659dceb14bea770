from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import AmbergenError, FileFormatError, PanelError
from ambergen.io.annotations import Score, open_annotation
from ambergen.io.genotypes import PanelVariants

ANNOT = "CHR BP SNP CM base depth\n1 10 rs0 0.1 1 0.25\n1 20 rs1 0.2 1 -3e-7\n2 5 rs2 0 1 7\n"
EFFECTS = (
    "record_index\talt_index\tchrom\tpos\tid\tref\talt\ttrack\tref_pred\talt_pred\tdiff\tlogit_diff\tlog2_odds\t"
    "deepsea_effect\tpercentile\tstrand\tref_match\tswapped\tn_unknown\tn_pad\tstatus\n"
)


def variants(contig: str = "1") -> PanelVariants:
    """Two variants of chromosome 1, or one of chromosome 2."""
    everything = PanelVariants(
        np.array(["1", "1", "2"], dtype=object),
        np.array(["rs0", "rs1", "rs2"], dtype=object),
        np.array([0.1, 0.2, 0.0]),
        np.array([9, 19, 4]),
        np.array(["A", "AT", "C"], dtype=object),
        np.array(["G", "A", "T"], dtype=object),
    )
    return everything.select(everything.contig == contig)


def write(tmp_path: Path, text: str, name: str) -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def effect(record: int, chrom: str, pos: int, ref: str, alt: str, track: str, diff: str, other: str = "0.5") -> str:
    cells = [
        record,
        0,
        chrom,
        pos,
        ".",
        ref,
        alt,
        track,
        0.1,
        0.2,
        diff,
        other,
        1,
        other,
        "",
        "both",
        True,
        False,
        0,
        0,
    ]
    return "\t".join(map(str, [*cells, "ok"])) + "\n"


# ---- .annot


@pytest.mark.parametrize("name", ["a.annot", "a.annot.gz", "a.txt"])
def test_annot__has_values_of_each_chromosome(tmp_path: Path, name: str) -> None:
    for text in (ANNOT, ANNOT.replace(" ", "\t"), ANNOT.replace("BP SNP", "SNP BP").replace("10 rs0", "rs0 10")):
        if "SNP BP" in text:
            text = text.replace("20 rs1", "rs1 20").replace("5 rs2", "rs2 5")
        annotation = open_annotation(write(tmp_path, text, name))
        assert annotation.names == ("base", "depth")
        np.testing.assert_array_equal(annotation.values(variants("1"), slice(0, 2), "1"), [[1, 0.25], [1, -3e-7]])
        np.testing.assert_array_equal(annotation.values(variants("2"), slice(2, 3), "2"), [[1, 7]])


def test_thin_annot__has_a_row_for_each_variant_of_all_files(tmp_path: Path) -> None:
    annotation = open_annotation(write(tmp_path, "base\tdepth\n1\t2\n1\t3\n0\t4\n", "a.annot.gz"))
    assert annotation.names == ("base", "depth")
    np.testing.assert_array_equal(annotation.values(variants("1"), slice(0, 2), "1"), [[1, 2], [1, 3]])
    np.testing.assert_array_equal(annotation.values(variants("2"), slice(2, 3), "2"), [[0, 4]])


@pytest.mark.parametrize("pattern", ["a.@.annot", "a.@", "a."])
def test_annot__of_each_chromosome_is_read_in_its_turn(tmp_path: Path, pattern: str) -> None:
    write(tmp_path, "depth\n2\n3\n", "a.1.annot")
    write(tmp_path, "CHR BP SNP depth\n2 5 rs2 4\n", "a.2.annot")
    annotation = open_annotation(tmp_path / pattern)
    np.testing.assert_array_equal(annotation.values(variants("1"), slice(0, 2), "1"), [[2], [3]])
    np.testing.assert_array_equal(annotation.values(variants("2"), slice(0, 1), "2"), [[4]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ANNOT.replace("rs1", "rs9"), r"line 3: the variant is rs9 at 1:20; the .bim file has rs1 at 1:20 there"),
        (ANNOT.replace("20 rs1", "21 rs1"), r"line 3: the variant is rs1 at 1:21; the .bim file has rs1 at 1:20"),
        (ANNOT.replace("1 20 rs1 0.2 1 -3e-7\n", ""), "the file has 1 rows of annotations, the .bim file has 2"),
        (ANNOT.replace("2 5", "1 5"), "the file has 3 rows of annotations, the .bim file has 2 variants"),
        (ANNOT.replace("\n1 ", "\nchr1 "), "no row is of chromosome 1; the file has chr1, 2. Names must be those"),
        (ANNOT.replace("-3e-7", "x"), "line 3: depth is 'x'; expected a number. Use 0"),
        (ANNOT.replace("-3e-7", "nan"), "line 3: depth is 'nan'; expected a number"),
        (ANNOT.replace("-3e-7", "inf"), "line 3: depth is 'inf'; expected a number"),
        (ANNOT.replace(" -3e-7", ""), "line 3: the line has 5 columns, the header has 6"),
        (ANNOT.replace("-3e-7", "1 2"), "line 3: the line has 7 columns, the header has 6"),
        (ANNOT.replace("20 rs1", "2o rs1"), "line 3: BP is '2o'; expected a number"),
        ("base\n1\n", "the file has 1 rows of annotations, the .bim file has 2 variants"),
        (ANNOT.replace("base depth", "base base"), "line 1: the column base is there twice"),
        ("CHR BP SNP CM\n1 10 rs0 0\n", "line 1: there is no annotation beside the places"),
        ("1 0\n1 0\n", "line 1: the line has only numbers; expected the names of the annotations. Add a header"),
    ],
)
def test_annot__that_disagrees_with_the_panel_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text, "a.annot")
    with pytest.raises(AmbergenError, match=words) as caught:
        open_annotation(path).values(variants(), slice(0, 2), "1")
    assert isinstance(caught.value, (FileFormatError, PanelError))


def test_annot__has_the_same_columns_for_every_chromosome(tmp_path: Path) -> None:
    write(tmp_path, "depth\n2\n3\n", "a.1.annot")
    write(tmp_path, "height\n4\n", "a.2.annot")
    annotation = open_annotation(tmp_path / "a.@.annot")
    with pytest.raises(
        FileFormatError, match=r"a.2.annot, line 1: the annotations are height; the other .* have depth"
    ):
        annotation.values(variants("2"), slice(0, 1), "2")


# ---- intervals


@pytest.mark.parametrize("prefix", ["", "chr"])
def test_intervals__annotate_variants_whose_first_base_lies_inside(tmp_path: Path, prefix: str) -> None:
    # 0-based half-open intervals; rs0 is at 9, rs1 at 19
    for text, expected in (("1\t9\t10\n", [1, 0]), ("1\t10\t19\n", [0, 0]), ("1\t0\t10\n1\t5\t20\n2\t0\t9\n", [1, 1])):
        text = "".join(f"{prefix}{line}\n" for line in text.splitlines())
        annotation = open_annotation(write(tmp_path, text, "my peaks.v2.bed"))
        assert annotation.names == ("my peaks.v2",)
        np.testing.assert_array_equal(annotation.values(variants(), slice(0, 2), "1")[:, 0], expected)


def test_intervals__may_come_one_file_a_chromosome(tmp_path: Path) -> None:
    write(tmp_path, "1\t9\t10\n", "p.1.bed.gz")
    write(tmp_path, "2\t0\t10\n", "p.2.bed.gz")
    annotation = open_annotation(tmp_path / "p.@.bed.gz")
    assert annotation.values(variants("1"), slice(0, 2), "1").tolist() == [[1], [0]]
    assert annotation.values(variants("2"), slice(0, 1), "2").tolist() == [[1]]


def test_open_annotation__of_no_kind_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "something else entirely\n", "x.txt")
    with pytest.raises(FileFormatError, match=r"x.txt, line 1: start is 'else'"):
        open_annotation(path).values(variants(), slice(0, 2), "1")
    with pytest.raises(FileFormatError, match="there is no such file"):
        open_annotation(tmp_path / "absent.annot")


# ---- variant effects


@pytest.mark.parametrize(("score", "expected"), [("abs_diff", 0.3), ("abs_logit_diff", 2.0), ("deepsea_effect", 2.0)])
def test_effects__give_each_track_an_annotation_without_direction(
    tmp_path: Path, score: Score, expected: float
) -> None:
    text = EFFECTS + effect(0, "chr1", 10, "A", "G", "CTCF", "-0.3", "-2" if score != "deepsea_effect" else "2")
    text += effect(0, "chr1", 10, "A", "G", "REB1", "0.1")
    # an allele pair the other way round, in lower case
    text += effect(1, "chr1", 20, "a", "at", "CTCF", "0.2") + effect(1, "chr1", 20, "a", "at", "REB1", "")
    annotation = open_annotation(write(tmp_path, text, "effects.tsv.gz"), score)
    assert annotation.names == ("CTCF", "REB1")
    values = annotation.values(variants(), slice(0, 2), "1")
    assert values[0, 0] == pytest.approx(expected)
    assert np.isnan(values[1, 1]) == (score == "abs_diff")


def test_effects__match_chromosome_position_and_both_alleles_and_average_repeats(tmp_path: Path) -> None:
    text = EFFECTS
    for record, (chrom, pos, ref, alt, diff) in enumerate(
        [
            ("1", 10, "A", "C", "0.9"),
            ("1", 10, "G", "A", "0.2"),
            ("1", 10, "A", "G", "-0.4"),
            ("1", 10, "A", "G", ""),
            ("2", 10, "A", "G", "0.8"),
            ("1", 11, "A", "G", "0.7"),
        ]
    ):
        text += effect(record, chrom, pos, ref, alt, "t", diff)
    annotation = open_annotation(write(tmp_path, text, "e.tsv"))
    values = annotation.values(variants(), slice(0, 2), "1")[:, 0]
    assert values[0] == pytest.approx(0.3)
    assert np.isnan(values[1])
    assert np.isnan(annotation.values(variants("2"), slice(0, 1), "2")).all()


def test_effects__of_some_tracks_come_in_the_order_asked_for(tmp_path: Path) -> None:
    text = EFFECTS + "".join(effect(0, "1", 10, "A", "G", track, d) for track, d in zip("abc", ("0.1", "0.2", "0.3")))
    path = write(tmp_path, text, "e.tsv")
    annotation = open_annotation(path, tracks=["c", "a"])
    assert annotation.names == ("c", "a")
    np.testing.assert_allclose(annotation.values(variants(), slice(0, 2), "1")[0], [0.3, 0.1], rtol=1e-6)
    with pytest.raises(FileFormatError, match=r"there is no track x; the file has a, b, c\. Name a track"):
        open_annotation(path, tracks=["a", "x"])


def test_effects__may_come_one_file_a_chromosome(tmp_path: Path) -> None:
    write(tmp_path, EFFECTS + effect(0, "1", 10, "A", "G", "t", "0.5"), "e.1.tsv")
    write(tmp_path, EFFECTS + effect(0, "2", 5, "C", "T", "t", "0.25"), "e.2.tsv")
    annotation = open_annotation(tmp_path / "e.@.tsv")
    assert annotation.values(variants("1"), slice(0, 2), "1")[0, 0] == 0.5
    assert annotation.values(variants("2"), slice(0, 1), "2")[0, 0] == 0.25


def test_effects__that_are_malformed_are_refused(tmp_path: Path) -> None:
    row = effect(0, "1", 10, "A", "G", "t", "0.5")
    with pytest.raises(FileFormatError, match=r"e.tsv: a line is no row of effects .*'x'.*make it again"):
        open_annotation(write(tmp_path, EFFECTS + row.replace("\t10\t", "\tx\t"), "e.tsv"))
    with pytest.raises(
        FileFormatError, match="there is no column deepsea_effect, which the score deepsea_effect needs"
    ):
        open_annotation(write(tmp_path, EFFECTS.replace("deepsea_effect", "other") + row, "e.tsv"), "deepsea_effect")

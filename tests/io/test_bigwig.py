from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import FileFormatError, InputError
from ambergen.io import bigwig
from ambergen.io.bigwig import BigWig

pybigtools = pytest.importorskip("pybigtools", reason="pybigtools has no build for this Python")

RUNS = [("chr1", 10, 20, 1.5), ("chr1", 30, 40, -2.0), ("chr1", 40, 41, 0.1), ("chr2", 0, 5, 3.0)]
CONTIGS = {"chr1": 1000, "chr2": 500}


def write(path: Path) -> Path:
    pybigtools.open(str(path.with_suffix(".bw")), "w").write(CONTIGS, RUNS)
    return path.with_suffix(".bw").rename(path)


@pytest.fixture(scope="module")
def signal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A name without the usual suffix: the content decides.
    return write(tmp_path_factory.mktemp("bigwig") / "signal")


def test_contigs__are_those_of_the_file(signal: Path) -> None:
    with BigWig(signal) as file:
        assert file.contigs == CONTIGS


@given(
    contig=st.sampled_from(["chr1", "chr2"]),
    start=st.integers(0, 60),
    width=st.integers(1, 60),
    block=st.integers(1, 9),
)
def test_values__are_those_of_the_runs_and_zero_between(
    signal: Path, contig: str, start: int, width: int, block: int
) -> None:
    expected = np.zeros(CONTIGS[contig], dtype=np.float32)
    for name, first, last, value in RUNS:
        if name == contig:
            expected[first:last] = value
    with BigWig(signal) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bigwig, "_BLOCK", block)
        values = file.values(contig, start, start + width)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, expected[start : start + width])


def test_values__contig_that_the_file_lacks_is_an_error(signal: Path) -> None:
    with (
        BigWig(signal) as file,
        pytest.raises(FileFormatError, match=r"no contig '1' in the file; it has chr1, chr2.*alias"),
    ):
        file.values("1", 0, 10)


@pytest.mark.parametrize(("start", "end"), [(990, 1001), (-1, 5), (5, 5)])
def test_values__bases_off_the_contig_are_an_error(signal: Path, start: int, end: int) -> None:
    message = f"bases {start}-{end} were asked of contig 'chr1', which has 1000 bases.*another assembly"
    with BigWig(signal) as file, pytest.raises(FileFormatError, match=message):
        file.values("chr1", start, end)


def test_open__what_is_not_a_whole_bigwig_is_an_error(
    tmp_path: Path, signal: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "signal.bw"
    for content in (b"", b"chr1\t0\t10\t1.5\n", signal.read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"signal\.bw: this is not a whole bigWig file.*Make or fetch"):
            BigWig(path)
    with pytest.raises(FileFormatError, match=r"none\.bw: there is no such file"):
        BigWig(tmp_path / "none.bw")
    assert capfd.readouterr().err == ""


def test_open__damaged_values_are_an_error(tmp_path: Path, signal: Path) -> None:
    data = bytearray(signal.read_bytes())
    full_data_offset = int.from_bytes(data[16:24], "little")
    data[full_data_offset + 8 : full_data_offset + 60] = b"\xff" * 52
    path = tmp_path / "damaged.bw"
    path.write_bytes(bytes(data))
    with BigWig(path) as file, pytest.raises(FileFormatError, match=r"damaged\.bw: this is not a whole bigWig file"):
        file.values("chr1", 0, 50)


def test_open__bigbed_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "peaks.bb"
    pybigtools.open(str(path), "w").write(CONTIGS, [("chr1", 10, 20, "name")])
    with pytest.raises(FileFormatError, match=r"peaks\.bb: this is not a whole bigWig file \(it is a bigBed\)"):
        BigWig(path)


def test_open__without_pybigtools_says_what_to_install(signal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigwig, "pybigtools", None)
    with pytest.raises(InputError, match=r"needs the package pybigtools.*`pip install pybigtools`, or give the peaks"):
        BigWig(signal)

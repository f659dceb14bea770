from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content

TEXT = b"chr1\t10\t20\n" * 10_000


def read(path: Path) -> bytes:
    with open_by_content(path) as stream:
        return stream.read()


def test_open_by_content__passes_over_a_byte_order_mark(tmp_path: Path, bgzip: Callable[[bytes], bytes]) -> None:
    path, marked = tmp_path / "peaks.bed", b"\xef\xbb\xbf" + TEXT
    for packed in (marked, gzip.compress(marked), bgzip(marked)):
        path.write_bytes(packed)
        assert read(path) == TEXT


@pytest.mark.parametrize("name", ["peaks.bed", "peaks.bed.gz"])
def test_open_by_content__looks_into_the_file_not_at_its_name(
    tmp_path: Path, bgzip: Callable[[bytes], bytes], name: str
) -> None:
    path = tmp_path / name
    for packed in (TEXT, gzip.compress(TEXT), bgzip(TEXT), gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])):
        path.write_bytes(packed)
        assert read(path) == TEXT


def test_open_by_content__an_empty_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert read(path) == b""


def test_open_by_content__truncated_gzip_is_an_error(tmp_path: Path, bgzip: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "cut.gz"
    whole = bgzip(TEXT)
    for packed in (gzip.compress(TEXT)[:-20], whole[:-40], whole[: -len(bgzip(b""))]):
        path.write_bytes(packed)
        with pytest.raises(FileFormatError, match=r"cut\.gz: the gzip data end too early.*Fetch or make it again"):
            read(path)


def test_open_by_content__damaged_gzip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "damaged.gz"
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 255
    path.write_bytes(bytes(packed))
    with pytest.raises(FileFormatError, match=r"damaged\.gz: the gzip data are damaged \(CRC.*Fetch or make it again"):
        read(path)


@pytest.mark.parametrize(("packing", "packed"), [("bzip2", bz2.compress(TEXT)), ("xz", lzma.compress(TEXT))])
def test_open_by_content__names_a_packing_that_it_does_not_read(tmp_path: Path, packing: str, packed: bytes) -> None:
    path = tmp_path / "packed"
    path.write_bytes(packed)
    with pytest.raises(FileFormatError, match=f"packed: the file is packed with {packing}; expected.*Unpack it"):
        read(path)


def test_open_by_content__absent_file_and_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"none: there is no such file\. Check the path; it is relative to"):
        read(tmp_path / "none")
    with pytest.raises(FileFormatError, match=r": this is a folder; expected a file"):
        read(tmp_path)

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ambergen.io.bgzip import BgzipWriter
from ambergen.io.compression import open_by_content


@pytest.mark.parametrize("text", ["", "a line\n", "ACGTé\n" * 60_000])
def test_bgzip_writer__blocks_that_gzip_reads(tmp_path: Path, text: str) -> None:
    writer = BgzipWriter(tmp_path / "a.gz")
    for first in range(0, len(text), 7_000):
        writer.write(text[first : first + 7_000])
    writer.close()
    packed = (tmp_path / "a.gz").read_bytes()
    assert gzip.decompress(packed).decode() == text
    with open_by_content(tmp_path / "a.gz") as stream:  # checks the block at the end
        assert stream.read().decode() == text
    sizes, at = [], 0
    while at < len(packed):  # each block tells its own size, which must lead to the next one
        assert packed[at : at + 4] == b"\x1f\x8b\x08\x04"
        sizes.append(int.from_bytes(packed[at + 16 : at + 18], "little") + 1)
        at += sizes[-1]
    assert at == len(packed)
    assert max(sizes) <= 1 << 16

"""bgzip: gzip in blocks, which tabix and bcftools can look into."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

# SAM specification, section 4.1.2: a gzip member a block, whose extra field BC has the size of the member less one;
# an empty block at the end.
_HEAD = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00"
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BLOCK = 0xFF00
_LEVEL, _RAW_DEFLATE = 6, -15


class BgzipWriter:
    """A file that text is written into."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._waiting = bytearray()

    def write(self, text: str) -> None:
        """Add text, as UTF-8; bytes that were read as surrogates become what they were."""
        self._waiting += text.encode("utf-8", errors="surrogateescape")
        while len(self._waiting) >= _BLOCK:
            self._put(bytes(self._waiting[:_BLOCK]))
            del self._waiting[:_BLOCK]

    def close(self) -> None:
        """Write what waits and the block that says that the file is whole."""
        if self._waiting:
            self._put(bytes(self._waiting))
        self._file.write(_END)
        self._file.close()

    def _put(self, data: bytes) -> None:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
        packed = packer.compress(data) + packer.flush()
        size = len(_HEAD) + 2 + len(packed) + 8
        self._file.write(_HEAD + struct.pack("<H", size - 1) + packed + struct.pack("<II", zlib.crc32(data), len(data)))

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def _block(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    head = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff" + struct.pack("<HBBHH", 6, 66, 67, 2, len(packed) + 25)
    return head + packed + struct.pack("<II", zlib.crc32(data), len(data))


@pytest.fixture(scope="session")
def bgzip() -> Callable[[bytes], bytes]:
    """Packs as bgzip does: gzip members of at most 64 kB with their size, and the empty block at the end."""

    def pack(data: bytes) -> bytes:
        blocks = [_block(data[first : first + 40_000]) for first in range(0, len(data), 40_000)]
        return b"".join(blocks) + BGZIP_END

    return pack

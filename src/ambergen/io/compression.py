"""Files opened by what is in them: plain text, gzip and bgzip."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from ambergen.errors import FileFormatError

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Spreadsheets write it before text in UTF-8."""
_OTHER_PACKINGS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\x03\x04": "zip",
}
# The empty block that ends every file of bgzip (SAM specification, section 4.1.2). Without it a file that was cut
# between two blocks looks complete.
_BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@contextmanager
def open_by_content(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacked if its first bytes say that it is packed; without a byte order mark.

    Raises
    ------
    FileFormatError
        If the file cannot be read, is packed in another way, or its packed data end too early or are damaged; also
        when that comes to light while the caller reads.
    """
    try:
        with open(path, "rb") as raw:
            head = raw.read(18)
            _refuse_other_packings(path, head)
            if not head.startswith(_GZIP):
                raw.seek(len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0)
                yield raw
                return
            if head[12:14] == b"BC":
                _check_bgzip_end(path, raw)
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                if unpacked.peek(3).startswith(_BYTE_ORDER_MARK):
                    unpacked.read(len(_BYTE_ORDER_MARK))
                yield cast(BinaryIO, unpacked)
    except EOFError as error:
        raise _truncated(path) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FileFormatError(
            f"{path}: the gzip data are damaged ({error}). Fetch or make it again; `gzip -t` tells when it is whole."
        ) from error
    except FileNotFoundError as error:
        raise FileFormatError(
            f"{path}: there is no such file. Check the path; it is relative to {Path.cwd()}."
        ) from error
    except IsADirectoryError as error:
        raise FileFormatError(f"{path}: this is a folder; expected a file. Name the file inside it.") from error
    except PermissionError as error:
        raise FileFormatError(f"{path}: you may not read this file. Change its permissions (`chmod u+r`).") from error


def _refuse_other_packings(path: Path, head: bytes) -> None:
    for magic, packing in _OTHER_PACKINGS.items():
        if head.startswith(magic):
            raise FileFormatError(
                f"{path}: the file is packed with {packing}; expected plain text, gzip or bgzip. "
                "Unpack it, or pack it again with gzip."
            )


def _check_bgzip_end(path: Path, raw: BinaryIO) -> None:
    size = raw.seek(0, 2)
    raw.seek(max(0, size - len(_BGZIP_END)))
    if raw.read() != _BGZIP_END:
        raise _truncated(path)


def _truncated(path: Path) -> FileFormatError:
    return FileFormatError(
        f"{path}: the gzip data end too early; the file was probably cut off while it was copied. "
        "Fetch or make it again; `gzip -t` tells when it is whole."
    )

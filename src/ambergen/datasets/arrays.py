"""Arrays on disk in NumPy's own format, written row by row while their number is not known yet."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

# The header of a .npy file has room for the final shape, so that it can be written over at the end.
_HEADER_BYTES = 128


class ArrayWriter:
    """Appends rows to a .npy file; a context manager.

    Parameters
    ----------
    path : the file, which is replaced
    dtype : of the elements
    row_shape : shape of one row; empty for a one-dimensional array

    Attributes
    ----------
    n_rows : rows so far
    """

    def __init__(self, path: Path, dtype: DTypeLike, row_shape: tuple[int, ...] = ()) -> None:
        self.path = path
        self.n_rows = 0
        self._dtype = np.dtype(dtype)
        self._row_shape = row_shape
        self._hash = hashlib.sha256()
        self._stream = open(path, "wb")  # noqa: SIM115 - closed by __exit__
        self._stream.write(bytes(_HEADER_BYTES))

    def write(self, rows: NDArray) -> None:
        """Append rows (n, *row_shape)."""
        data = np.ascontiguousarray(rows, dtype=self._dtype)
        assert data.shape[1:] == self._row_shape
        payload = data.reshape(-1).view(np.uint8).data
        self._stream.write(payload)
        self._hash.update(payload)
        self.n_rows += len(data)

    @property
    def sha256(self) -> str:
        """Of the elements, without the header."""
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stream:
            self._stream.seek(0)
            self._stream.write(self._header())

    def _header(self) -> bytes:
        """Version 1.0 of numpy.lib.format: magic, version, length of the text, the text padded with spaces."""
        shape = (self.n_rows, *self._row_shape)
        text = repr({"descr": self._dtype.str, "fortran_order": False, "shape": shape}).encode("ascii")
        text_bytes = _HEADER_BYTES - 10
        return b"\x93NUMPY\x01\x00" + text_bytes.to_bytes(2, "little") + text.ljust(text_bytes - 1) + b"\n"


def map_array(path: Path) -> NDArray:
    """The array of a .npy file without reading it; pages come in as they are used."""
    return np.load(path, mmap_mode="r", allow_pickle=False)

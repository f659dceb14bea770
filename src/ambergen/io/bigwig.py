"""bigWig files: one number a base."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import FileFormatError, InputError

try:
    import pybigtools
except ImportError:  # a core dependency, but not on every Python that we support
    pybigtools = None

# Values come as float64; a block at a time keeps a human chromosome at 1 GB instead of 3.
_BLOCK = 1 << 22


class BigWig:
    """A bigWig file that is open for reading; a context manager.

    Attributes
    ----------
    contigs : length of every contig, in bases

    Raises
    ------
    FileFormatError
        If there is no such file, or it is not a whole bigWig.
    InputError
        If the package pybigtools is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader, self._stream = _open(path)
        self.contigs: dict[str, int] = dict(self._reader.chroms())

    def values(self, contig: str, start: int, end: int) -> NDArray[np.float32]:
        """The numbers of the bases `start` … `end` - 1.

        Returns
        -------
        (end - start,) float32
            0 where the file has no number.

        Raises
        ------
        FileFormatError
            If the file lacks the contig, the bases are not on it, or the data are damaged.
        """
        if contig not in self.contigs:
            raise FileFormatError(
                f"{self._path}: there is no contig '{contig}' in the file; it has {_some(list(self.contigs))}. "
                "Give a table of contig aliases, or a file that was made on this genome."
            )
        length = self.contigs[contig]
        if not 0 <= start < end <= length:
            raise FileFormatError(
                f"{self._path}: bases {start}-{end} were asked of contig '{contig}', which has {length} bases in the "
                "file; expected an interval on it. The file was probably made on another assembly; give the genome "
                "that it was made on."
            )
        values = np.empty(end - start, dtype=np.float32)
        for first in range(start, end, _BLOCK):
            last = min(first + _BLOCK, end)
            values[first - start : last - start] = self._read(contig, first, last)
        return values

    def _read(self, contig: str, start: int, end: int) -> NDArray[np.float64]:
        try:
            return self._reader.values(contig, start, end, fillna=0.0)
        except BaseException as error:
            # Damaged data end in an error of pybigtools, or in a panic of its Rust code, a class without a module
            if isinstance(error, pybigtools.BBIReadError) or type(error).__name__ == "PanicException":
                raise _not_bigwig(self._path, str(error)) from error
            raise

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> tuple[Any, BinaryIO]:
    """The reader, and the open file that it reads from."""
    if pybigtools is None:
        raise InputError(
            f"{path}: reading bigWig needs the package pybigtools, which is not installed (it has no build for "
            "Python 3.14 yet). Install it with `pip install pybigtools`, or give the peaks as BED."
        )
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such file. Check the path; it is relative to {Path.cwd()}.")
    # An open file rather than its path: given a path, pybigtools judges by the suffix and writes to stderr.
    stream = open(path, "rb")  # noqa: SIM115 - it stays open as long as the reader
    try:
        reader = pybigtools.open(stream)
        if not reader.is_bigwig:
            raise _not_bigwig(path, "it is a bigBed")
    except pybigtools.BBIReadError as error:
        stream.close()
        raise _not_bigwig(path, str(error)) from error
    except BaseException:
        stream.close()
        raise
    return reader, stream


def _not_bigwig(path: Path, reason: str) -> FileFormatError:
    return FileFormatError(
        f"{path}: this is not a whole bigWig file ({reason.rstrip('.')}); expected what `bedGraphToBigWig` or "
        "`wigToBigWig` writes. Make or fetch the file again."
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown}, …" if len(names) > 3 else shown

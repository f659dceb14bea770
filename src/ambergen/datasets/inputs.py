"""The files that a store was built from, and whether they are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ambergen.datasets.config import CountConfig, DataConfig, GenomeSource
from ambergen.errors import FileFormatError


@dataclass(frozen=True)
class InputFile:
    """One input.

    Attributes
    ----------
    role : what it is to the data set, for example ``genome`` or ``track CTCF``
    path : absolute
    size : bytes
    modified : nanoseconds since 1970
    sha256 : 64 hex digits
    """

    role: str
    path: str
    size: int
    modified: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def input_paths(config: DataConfig) -> dict[str, Path]:
    """Role and path of every input of a data set."""
    paths: dict[str, Path | None] = {"exclude": config.windows.exclude}
    source = config.source
    if isinstance(source, GenomeSource):
        paths |= {"genome": source.genome, "aliases": source.aliases}
        paths |= {f"track {track.name}": track.peaks or track.bigwig for track in source.tracks}
        paths |= count_paths(source.counts)
    else:
        paths |= {"train": source.train, "search": source.search, "selection": source.selection, "test": source.test}
    return {role: path for role, path in paths.items() if path is not None}


def count_paths(counts: CountConfig | None) -> dict[str, Path | None]:
    """Role and path of the files of counts."""
    return {
        f"counts {track.name}{strand}": path
        for track in (() if counts is None else counts.tracks)
        for strand, path in (("", track.bigwig), (", plus strand", track.plus), (", minus strand", track.minus))
    }


def describe(paths: Mapping[str, Path], known: Sequence[Mapping[str, Any]] = ()) -> list[InputFile]:
    """Size, time and checksum of the inputs, in order of role.

    Parameters
    ----------
    paths : by role
    known : entries of an older manifest; a file of the same path, size and time is not read again

    Raises
    ------
    FileFormatError
        If a file is absent or cannot be read.
    """
    before = {(entry["path"], entry["size"], entry["modified"]): entry["sha256"] for entry in known}
    inputs: list[InputFile] = []
    for role, path in sorted(paths.items()):
        try:
            status = path.stat()
            absolute = str(path.resolve())
            digest = before.get((absolute, status.st_size, status.st_mtime_ns))
            if digest is None:
                with open(path, "rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror).lower()
            raise FileFormatError(
                f"{path} ({role}): {reason}; expected a file that can be read. Check the path; it is relative to "
                f"{Path.cwd()}."
            ) from error
        inputs.append(InputFile(role, absolute, status.st_size, status.st_mtime_ns, digest))
    return inputs


def same_content(inputs: Sequence[InputFile], known: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the inputs have the roles, sizes and checksums of an older manifest's."""
    return [(i.role, i.size, i.sha256) for i in inputs] == [(k["role"], k["size"], k["sha256"]) for k in known]

"""Files that a reader sees whole, the old one or the new one and never half of it, and that one process writes."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ambergen.errors import RunError


def write_text(path: Path, text: str) -> None:
    """Text in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write beside `path`, flush to disk, rename; where that fails, `path` is as it was and nothing else is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, record: Any) -> None:
    """`record` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Be the only one who writes a file or works in a folder; the system ends this when the process ends, however.

    The lock is a file beside `path`, or within it where it is a folder, which goes with the block.

    Raises
    ------
    RunError
        If another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path / ".lock" if path.is_dir() else path.with_name(f".{path.name}.lock")
    while True:
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                # some network file systems have no locks; then the user has to take care
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    what = "in this folder" if path.is_dir() else "on this file"
                    raise RunError(
                        f"{path}: another ambergen is at work {what}. Wait for it, stop it, or name another one "
                        "(--out; of a run --set out=…)."
                    ) from error
            if not _is_same(file.fileno(), lock):
                continue  # the process that had the lock has removed the file since
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False

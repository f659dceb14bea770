"""The files of a store while it is being built, and the last steps that all kinds of input share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from ambergen.datasets.arrays import ArrayWriter, map_array
from ambergen.datasets.config import OnLeak
from ambergen.datasets.leaks import Leaks, PairLeak
from ambergen.datasets.store import MANIFEST
from ambergen.errors import LeakError
from ambergen.progress import Task

_VERBS = {"identical": ("has the sequence of", "have the sequence of"), "overlapping": ("overlaps", "overlap")}


@dataclass
class StoreParts:
    """The folder of a store in the making; remembers sizes and checksums of the files for the manifest."""

    folder: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @contextmanager
    def writer(self, name: str, dtype: DTypeLike, row_shape: tuple[int, ...] = ()) -> Iterator[ArrayWriter]:
        """An array to append to; its entry for the manifest is made when it closes."""
        with ArrayWriter(self.folder / name, dtype, row_shape) as writer:
            yield writer
        size = writer.path.stat().st_size
        self.files[name] = {"bytes": size, "rows": writer.n_rows, "sha256_of_elements": writer.sha256}

    def write(self, name: str, array: NDArray) -> None:
        """A whole array."""
        with self.writer(name, array.dtype, array.shape[1:]) as writer:
            writer.write(array)

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """The last file of a store."""
        text = json.dumps(manifest, indent=1, ensure_ascii=False)
        (self.folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def window_reader(
    path: Path, offsets: NDArray[np.int64], length: int, task: Task | None = None
) -> Callable[[NDArray[np.int64]], NDArray[np.uint8]]:
    """A function from row numbers (n,) to tokens (n, length) of a token line on disk.

    The file is mapped for one call at a time, so that the pages it touched do not stay in this process's memory.
    `task` counts the rows.
    """

    def tokens_of(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        if task is not None:
            task.advance(len(rows))
        return sliding_window_view(map_array(path), length)[offsets[rows]]

    return tokens_of


def kept_despite_leaks(leaks: Leaks, policy: OnLeak, name_row: Callable[[int], str]) -> NDArray[np.bool_]:
    """Which windows stay.

    Parameters
    ----------
    name_row : tells the user which window a row is

    Returns
    -------
    (n_windows,) bool

    Raises
    ------
    LeakError
        If there are leaks and the policy is to refuse them.
    """
    if leaks and policy == "refuse":
        raise LeakError(_leak_message(leaks, name_row))
    return ~leaks.to_drop if policy == "drop" else np.ones_like(leaks.to_drop)


def leak_report(leaks: Leaks, policy: OnLeak, split_names: tuple[str, ...], split: NDArray[np.uint8]) -> dict[str, Any]:
    """What the manifest says about leaks."""
    to_drop = leaks.to_drop & (policy == "drop")
    dropped = np.bincount(split[to_drop], minlength=len(split_names))
    return {
        **leaks.to_dict(),
        "on_leak": policy,
        "dropped": {name: int(count) for name, count in zip(split_names, dropped, strict=True)},
    }


def _leak_message(leaks: Leaks, name_row: Callable[[int], str]) -> str:
    def sentence(kind: str, pair: PairLeak) -> str:
        one, other = (name_row(row) for row in pair.example)
        return (
            f"{_windows(pair.in_first)} of {pair.first} {_VERBS[kind][pair.in_first > 1]} "
            f"{_windows(pair.in_second)} of {pair.second} "
            f"(for example {one} and {other})"
        )

    found = [sentence("identical", pair) for pair in leaks.identical]
    found += [sentence("overlapping", pair) for pair in leaks.overlapping]
    return (
        f"data: {'; '.join(found)}; expected no window of one split in another, on either strand, for the score would "
        "be partly memory. Set data.on_leak to drop, which leaves them out of the split that matters less (train, then "
        "search, then selection), or to allow, which keeps them and says so in the report."
    )


def _windows(count: int) -> str:
    return f"{count:,} window" + ("s" if count > 1 else "")

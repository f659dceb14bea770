"""Effects in parts on disk, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowException

from ambergen.atomic import write_json
from ambergen.effects.alleles import Alleles
from ambergen.effects.engine import Engine
from ambergen.effects.files import Output, from_table, to_table
from ambergen.effects.results import Effects
from ambergen.io.genome import Genome
from ambergen.progress import Progress

SHARD = 2048
"""Alleles in a part."""


class Shards:
    """The parts of one job, in a folder.

    Parameters
    ----------
    job : all that the numbers depend on
        Parts of another job that lie in the folder are thrown away.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self._folder, self.n = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        record = folder / "job.json"
        plain = json.loads(json.dumps(job))
        if _read(record) != plain:
            shutil.rmtree(folder)
            folder.mkdir()
            write_json(record, plain)

    def has(self, n_alleles: int) -> bool:
        """Whether the next part is there, whole."""
        try:
            return pq.read_metadata(self._path(self.n)).num_rows == n_alleles
        except (OSError, ArrowException):
            return False

    def skip(self) -> Effects:
        """Take the next part as done."""
        self.n += 1
        return self.read(self.n - 1)

    def add(self, effects: Effects) -> None:
        """Write the next part, whole or not at all."""
        path = self._path(self.n)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            pq.write_table(to_table(effects), file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        self.n += 1

    def read(self, number: int) -> Effects:
        """One part."""
        path = self._path(number)
        return from_table(pq.read_table(path), str(path))

    def __iter__(self) -> Iterator[Effects]:
        """The parts that were added or skipped, in their order, one in memory at a time."""
        for number in range(self.n):
            yield self.read(number)

    def remove(self) -> None:
        """Throw the parts away."""
        shutil.rmtree(self._folder)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.parquet"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def score_shards(
    engine: Engine,
    genome: Genome,
    chunks: Iterator[Alleles],
    shards: Shards,
    progress: Progress,
    tracks: Sequence[str] = (),
) -> Counter[str]:
    """Score the alleles that have no part yet.

    Parameters
    ----------
    tracks : that are kept; all where there are none

    Returns
    -------
    Counter
        Alleles of each status, and how many have another reference allele than the genome (``not ref_match``).
    """
    counts: Counter[str] = Counter()
    with progress.task("Scoring alleles") as task:
        for alleles in chunks:
            if shards.has(len(alleles)):
                effects = shards.skip()
                task.advance(len(alleles))
            else:
                effects = engine.effects(genome, alleles, task.advance)
                task.advance(len(alleles) - len(alleles.edits))
                effects = effects.select_tracks(tracks) if tracks else effects
                shards.add(effects)
            counts += count(effects)
    return counts


def count(effects: Effects) -> Counter[str]:
    """As `score_shards` counts."""
    status = effects.variants["status"]
    counts = Counter(status.tolist())
    scored = status.isin(("ok", "duplicate"))
    counts["not ref_match"] = int((scored & ~effects.variants["ref_match"]).sum())
    return counts


def assemble(shards: Shards, outputs: Sequence[Output], facts: Mapping[str, Any]) -> None:
    """Pass all parts to the outputs, with these facts about them, and close them."""
    try:
        for effects in shards:
            for output in outputs:
                output.write(effects.with_facts(facts))
    finally:
        for output in outputs:
            output.close()

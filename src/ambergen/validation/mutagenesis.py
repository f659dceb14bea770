"""Several scorers against one saturation mutagenesis: correlations of predicted with measured effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ambergen.baselines.motif_scorer import MotifScorer, Unit
from ambergen.baselines.pwm import PWM
from ambergen.effects.engine import score
from ambergen.effects.measured import agreement
from ambergen.effects.results import Effects
from ambergen.errors import InputError
from ambergen.io.genome import Genome
from ambergen.io.motifs import Motif, motifs_of
from ambergen.progress import SILENT, Progress
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.scorer import Scorer

_KEY = ["chrom", "pos", "ref", "alt"]


@dataclass(frozen=True, eq=False)
class Mutagenesis:
    """What came of it.

    table : one row a group and scorer (and track, where a scorer has several): see
        `ambergen.effects.measured.agreement`, and `score`, the predicted number
    variants : one row a measurement: group chrom pos ref alt measured, and a column a scorer
    scorers : names of those columns
    left_out : measurements that are no single-base substitution
    notes : what makes the table doubtful, such as variants without a score or with another reference allele
    """

    table: pd.DataFrame
    variants: pd.DataFrame
    scorers: tuple[str, ...]
    left_out: int
    notes: tuple[str, ...] = ()


def named_motifs(
    motifs: Sequence[Motif], names: Sequence[str], source: str, unit: Unit = "occupancy"
) -> list[MotifScorer]:
    """A scorer for each name: all matrices with that name or identifier, in either case of its letters.

    Raises
    ------
    InputError
        If no matrix has a name.
    """
    scorers = []
    for name in names:
        matrices = tuple(PWM.of(motif) for motif in motifs_of(motifs, name, source))
        scorers.append(MotifScorer({name: matrices}, 2 * max(m.width for m in matrices) + 1, unit))
    return scorers


def mutagenesis(
    scorers: Sequence[tuple[str, Sequence[Scorer]]],
    genome: Genome,
    measured: pd.DataFrame,
    tracks: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Mutagenesis:
    """Score all measured single-base variants with every scorer and correlate.

    Parameters
    ----------
    scorers : name and models, whose mean is taken
    measured : see `ambergen.effects.measured.read_measured`
    tracks : only these, of scorers with several

    Raises
    ------
    InputError
        If no measurement is of a single base, none could be scored, or a scorer has none of the tracks.
    """
    single = measured["ref"].isin(list(DNA.symbols)) & measured["alt"].isin(list(DNA.symbols))
    if not single.any():
        raise InputError("mutagenesis: no measurement is of a single base; expected alleles A, C, G or T.")
    chosen = measured[single].reset_index(drop=True)
    variants = chosen[_KEY].drop_duplicates().reset_index(drop=True)
    aliases = genome.aliases()
    tables, columns, shown = [], chosen[["group", *_KEY, "measured"]].copy(), []
    with progress.task("mutagenesis", total=len(scorers)) as task:
        for name, models in scorers:
            effects = score(list(models), genome, variants)
            kind = "logit_diff" if "logit_diff" in effects.matrices else "diff"
            found = agreement(effects, chosen, kind, aliases)
            wanted = [track for track in effects.tracks if not tracks or len(effects.tracks) == 1 or track in tracks]
            if not wanted:
                raise InputError(
                    f"{name}: has none of the tracks {', '.join(tracks)}; its tracks are "
                    f"{', '.join(effects.tracks[:8])}{', …' if len(effects.tracks) > 8 else ''}. Name one of them."
                )
            for track in wanted:
                label = name if len(effects.tracks) == 1 else f"{name} {track}"
                rows = found[found["track"] == track].assign(scorer=label, score=kind)
                tables.append(rows)
                columns[label] = _of_variants(effects, kind, track, chosen, variants)
                shown.append(label)
            task.advance()
    table = pd.concat(tables, ignore_index=True)
    if not table["n"].any():
        raise InputError(
            f"{genome.source}: none of the {len(chosen):,} measured variants could be scored; expected contigs and "
            "positions of this genome. Check the assembly."
        )
    order = {group: number for number, group in enumerate(dict.fromkeys(chosen["group"]))}
    table = table.sort_values("group", key=lambda groups: groups.map(order), kind="stable").reset_index(drop=True)
    first = ["group", "scorer", "track", "score"]
    return Mutagenesis(
        table[[*first, *(name for name in table if name not in first)]],
        columns,
        tuple(shown),
        int((~single).sum()),
        _notes(effects, genome.source),
    )


def _notes(effects: Effects, source: str) -> tuple[str, ...]:
    """What the places of the variants on the genome say, which is the same for every scorer."""
    rows = effects.variants
    scored = rows["status"] == "ok"
    absent, other = int((~scored).sum()), int((scored & ~rows["ref_match"]).sum())
    notes = []
    if absent:
        notes.append(
            f"{absent:,} of {len(rows):,} measured variants have no score, as their contigs or positions are not in "
            f"{source}."
        )
    if other:
        notes.append(
            f"At {other:,} of {int(scored.sum()):,} scored variants the reference allele is not that of {source}. Many "
            "of them mean another assembly, and then the correlations mean nothing."
        )
    return tuple(notes)


def _of_variants(
    effects: Effects, kind: str, track: str, chosen: pd.DataFrame, variants: pd.DataFrame
) -> np.ndarray[Any, Any]:
    """The score of each measurement; nan where there is none."""
    values = getattr(effects, kind)[:, effects.tracks.index(track)]
    # A row of variants has one alternate allele, so that effects stand in their order.
    row_of = {key: row for row, key in enumerate(variants.itertuples(index=False, name=None))}
    return np.asarray(values[[row_of[key] for key in chosen[_KEY].itertuples(index=False, name=None)]], np.float64)

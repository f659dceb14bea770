"""From alleles to effects: windows, the scores of the models, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit

from ambergen.effects.alleles import COLUMNS, AlleleReader, Alleles, Edit
from ambergen.effects.background import Background
from ambergen.effects.config import EffectConfig
from ambergen.effects.results import Effects, concatenate
from ambergen.effects.statistics import EffectScores, scores
from ambergen.errors import ConfigError, InputError
from ambergen.io.genome import Genome
from ambergen.io.variant_table import find_column, missing_columns, open_variants, record
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.edits import Edits, bases_left, check_index, cut
from ambergen.sequence.onehot import reverse_complement
from ambergen.sequence.scorer import Scorer, StrandScorer, TwinScorer, VariantScorer
from ambergen.sequence.variants import Record

Floats = NDArray[np.float64]
Tokens = NDArray[np.uint8]
Variants = str | Path | pd.DataFrame | Iterable[tuple[str, int, str, str]]
Sequences = Genome | str | Path | Mapping[str, str | NDArray[np.uint8]]

BATCH = 256
"""Alleles that are scored together."""


def score(
    model: Scorer | Sequence[Scorer],
    genome: Sequences,
    variants: Variants,
    config: EffectConfig | None = None,
    background: Background | None = None,
    aliases: Path | None = None,
    **changes: Any,
) -> Effects:
    """Effects of variants on the tracks of a model.

    Parameters
    ----------
    model : one, or several with the same tracks (seeds of one architecture), whose mean is scored and whose spread told
    genome : a FASTA file, sequences by the names of their contigs, or a `Genome`
    variants : a VCF file or a table; a data frame with the columns chrom, pos, ref, alt; or tuples of these four
        Positions count from 1.
    config : windows, strands and policies; `changes` are made to it: ``score(…, strands="forward", shift=2)``
    background : effects of other variants, against which each is ranked
    aliases : a table of the names of contigs

    Returns
    -------
    Effects
        A row for every alternate allele with its status.

    Raises
    ------
    InputError
        If variants or genome cannot be read, a setting is impossible, or the models do not fit together.
    """
    models = [model] if isinstance(model, Scorer) else list(model)
    settings = replace(config or EffectConfig(), **_known(changes))
    engine = Engine(models, settings, background)
    line = genome if isinstance(genome, Genome) else _genome(genome)
    reader = engine.reader(line, aliases, str(variants) if isinstance(variants, str | Path) else "variants")
    parts = [engine.effects(line, alleles) for alleles in reader.chunks(_records(variants), BATCH)]
    return concatenate(parts) if parts else engine.none()


def _known(changes: dict[str, Any]) -> dict[str, Any]:
    fields = list(asdict(EffectConfig()))
    for name in changes:
        if name not in fields:
            raise ConfigError(f"score: {name!r} is no setting; expected one of {', '.join(fields)}.")
    return changes


def _genome(genome: str | Path | Mapping[str, str | NDArray[np.uint8]]) -> Genome:
    return Genome.read(Path(genome)) if isinstance(genome, str | Path) else Genome.of(genome)


def _records(variants: Variants) -> Iterator[Record]:
    if isinstance(variants, str | Path):
        yield from open_variants(Path(variants)).records()
        return
    rows: Iterable[tuple[str, int, str, str, str]]
    if isinstance(variants, pd.DataFrame):
        rows = _rows(variants)
    else:
        rows = ((contig, position, ".", ref, alt) for contig, position, ref, alt in variants)
    for number, (contig, position, name, ref, alt) in enumerate(rows, start=1):
        yield record(f"variants, row {number}", contig, position, name, ref, alt)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[str, int, str, str, str]]:
    names = [str(name) for name in frame.columns]
    if missing := missing_columns(names):
        raise InputError(
            f"variants: the table has the columns {', '.join(names)}; expected chrom, pos, ref and alt, so "
            f"{' and '.join(missing)} is missing. Rename the columns."
        )
    places = [find_column(names, column) for column in ("chrom", "pos", "id", "ref", "alt")]
    cells = [[""] * len(frame) if at is None else frame.iloc[:, at].to_list() for at in places]
    for contig, position, name, ref, alt in zip(*cells, strict=True):
        ref, alt = ("" if pd.isna(allele) else str(allele) for allele in (ref, alt))
        yield str(contig), position, "." if pd.isna(name) else str(name), ref, alt


class Engine:
    """Models that are scored together, with their settings.

    Attributes
    ----------
    length, tracks, output : of all the models

    Raises
    ------
    InputError
        If the models differ in tracks or window length, cannot be read in the way that the settings ask for, or the
        background is of other models or settings.
    """

    def __init__(
        self, models: Sequence[Scorer], config: EffectConfig | None = None, background: Background | None = None
    ) -> None:
        self.models, self.config, self.background = list(models), config or EffectConfig(), background
        if not self.models:
            raise InputError("effects: there is no model; expected at least one.")
        first = self.models[0]
        self.length, self.tracks, self.output = first.length, tuple(first.tracks), first.output
        self.index = check_index(self.length, self.config.index)
        for model in self.models[1:]:
            if (model.length, tuple(model.tracks), model.output) != (self.length, self.tracks, self.output):
                raise InputError(
                    f"effects: the models differ: {_describe(first)} and {_describe(model)}. Score together only "
                    "models of the same tracks and window length, such as the seeds of one architecture."
                )
        self._check_strands()
        self._check_shift()
        if background is not None:
            background.check(self.tracks, self.strand, settings=self.windows())

    @property
    def strand(self) -> str:
        """What the column strand says."""
        if self.output == "raw" and self.config.strands == "mean_logits":
            return "mean_scores"
        return self.config.strands

    def reader(self, genome: Genome, aliases: Path | None = None, source: str = "variants") -> AlleleReader:
        """What turns records into alleles of these windows."""
        return AlleleReader(genome, self.config, self.length, self.strand, genome.aliases(aliases), source)

    def effects(
        self, genome: Genome, alleles: Alleles, tell: Callable[[int], None] = lambda n_alleles: None
    ) -> Effects:
        """Effects of alleles, `BATCH` at a time; `tell` hears how many are done."""
        table = alleles.table.copy()
        found: dict[str, NDArray[np.float32]] = {}
        notes = {name: table[name].to_numpy(copy=True) for name in ("n_unknown", "n_pad", "status")}
        for at in range(0, len(alleles.edits), BATCH):
            edits = alleles.edits[at : at + BATCH]
            windows = _Windows(genome, edits, self)
            rows = np.array([edit.row for edit in edits])
            notes["n_pad"][rows], notes["n_unknown"][rows] = windows.n_pad, windows.n_unknown
            keep = windows.n_pad == 0 if self.config.drop_edge else np.ones(len(rows), bool)
            notes["status"][rows[~keep]] = "edge"
            for name, values in self._matrices(windows, keep).items():
                if name not in found:
                    found[name] = np.full((len(table), len(self.tracks)), np.nan, np.float32)
                found[name][rows[keep]] = values
            tell(len(edits))
        for name, column in notes.items():
            table[name] = column
        return self._result(table, found)

    def none(self) -> Effects:
        """The effects of no allele."""
        table = pd.DataFrame({name: np.empty(0, dtype) for name, dtype in COLUMNS.items()})
        return self._result(table, {})

    def about(self) -> dict[str, Any]:
        """What the numbers depend on besides models, genome and variants."""
        return {**asdict(self.config), "index": self.index, "length": self.length, "models": len(self.models)}

    def windows(self) -> dict[str, Any]:
        """What effects have to share to be ranked among each other."""
        about = self.about()
        return {name: about[name] for name in ("strands", "anchor", "index", "shift", "length", "models")}

    def score_names(self) -> tuple[str, ...]:
        """The matrices that these models and settings give."""
        names = ["ref_pred", "alt_pred", "diff"]
        names += ["logit_diff", "log2_odds", "deepsea_effect"] if self.output == "logit" else []
        if self.background is not None:
            names += ["percentile", "e_value", "p_value", "z"]
        if len(self.models) > 1:
            names += ["diff_spread", "logit_diff_spread"] if self.output == "logit" else ["diff_spread"]
        return tuple(names)

    def _result(self, table: pd.DataFrame, found: dict[str, NDArray[np.float32]]) -> Effects:
        shape = (len(table), len(self.tracks))
        matrices = {
            name: found[name] if name in found else np.full(shape, np.nan, np.float32) for name in self.score_names()
        }
        return Effects(table, self.tracks, matrices, self.about())

    def _check_strands(self) -> None:
        if self.config.strands == "mean_logits":
            return
        if self.output == "raw" and self.config.strands == "mean_probabilities":
            raise InputError(
                "effects: this model gives scores without a scale, so there are no probabilities to average. Use "
                "strands mean_logits, the mean of the scores of both strands."
            )
        for model in self.models:
            if isinstance(model, VariantScorer) or not isinstance(model, StrandScorer):
                raise InputError(
                    f"effects: a {type(model).__name__} reads both strands by itself; expected strands mean_logits, "
                    f"found {self.config.strands}. Leave the strands as they are."
                )

    def _check_shift(self) -> None:
        shift = self.config.shift
        if not (self.index - shift >= 0 and self.index + shift < self.length):
            raise ConfigError(
                f"shift: {shift} bases move the variant out of the window of {self.length} bases, in which it stands "
                f"at index {self.index}. Use at most {min(self.index, self.length - 1 - self.index)}."
            )

    # ---- the models

    def _matrices(self, windows: _Windows, keep: NDArray[np.bool_]) -> dict[str, Floats]:
        members = [self._member(model, windows, keep) for model in self.models]
        mean = _Evidence(*(np.mean([getattr(one, name) for one in members], axis=0) for name in _Evidence._fields))
        values = self._scores(mean)
        if self.background is not None:
            values |= self.background.ranks(values)
        if len(members) > 1:
            each = [self._scores(one) for one in members]
            for name in ("diff", "logit_diff"):
                if name in values:
                    values[f"{name}_spread"] = np.std([one[name] for one in each], axis=0, ddof=1)
        return values

    def _scores(self, evidence: _Evidence) -> dict[str, Floats]:
        ref, alt = evidence.ref, evidence.alt
        if self.output == "raw":
            return {"ref_pred": ref, "alt_pred": alt, "diff": evidence.effect}
        if self.config.strands == "mean_probabilities":
            effects: EffectScores = scores(ref, alt)
            return {"ref_pred": ref, "alt_pred": alt, **effects._asdict()}
        effects = scores(ref, alt, logits=True)
        return {"ref_pred": expit(ref), "alt_pred": expit(alt), **effects._asdict()}

    def _member(self, model: Scorer, windows: _Windows, keep: NDArray[np.bool_]) -> _Evidence:
        """Scores of one model, means over the shifts."""
        total: list[Floats] = []
        ref_row, alt_row = windows.ref_row[keep], windows.alt_row[keep]
        used, place = np.unique(np.concatenate([ref_row, alt_row]), return_inverse=True)
        of_ref, of_alt = place[: len(ref_row)], place[len(ref_row) :]
        twin_of = np.arange(len(used))
        twin_of[of_alt] = of_ref
        twin_of[of_ref] = of_ref
        for shift, tokens in windows.tokens.items():
            values = self._predict(model, tokens[used], twin_of)
            ref, alt = values[of_ref], values[of_alt]
            effect = alt - ref
            if isinstance(model, VariantScorer) and len(ref_row):
                own = model.variant_effect(tokens[ref_row], tokens[alt_row], self.index + shift)
                effect = np.asarray(own, dtype=np.float64)
                alt = ref + effect if self.output == "logit" else alt
            total.append(np.stack([ref, alt, effect]))
        return _Evidence(*np.mean(total, axis=0))

    def _predict(self, model: Scorer, tokens: Tokens, twin_of: NDArray[np.int64]) -> Floats:
        """(n, n_tracks), logits or scores; probabilities where those are averaged."""
        with full_float32():
            if self.config.strands == "mean_logits":
                if isinstance(model, TwinScorer):
                    return model.predict_twins(tokens, twin_of).astype(np.float64)
                return model.predict(tokens).astype(np.float64)
            assert isinstance(model, StrandScorer)
            forward = _strand(model, tokens, twin_of)
            if self.config.strands == "forward":
                return forward
            other = _strand(model, reverse_complement(tokens), twin_of)[:, model.reverse_partner]
            return (expit(forward) + expit(other)) / 2


def _strand(model: StrandScorer, tokens: Tokens, twin_of: NDArray[np.int64]) -> Floats:
    if isinstance(model, TwinScorer):
        return model.predict_twins(tokens, twin_of, both_strands=False).astype(np.float64)
    return model.predict_strand(tokens).astype(np.float64)


class _Evidence(NamedTuple):
    """(n_alleles, n_tracks) each: scores of the two alleles, in the units that are averaged, and their difference."""

    ref: Floats
    alt: Floats
    effect: Floats


class _Windows:
    """The distinct windows of some edits.

    Attributes
    ----------
    tokens : (n_windows, length) uint8 by shift
    ref_row, alt_row : (n_edits,), each edit's windows; alleles of one site share that of the reference
    n_pad, n_unknown : (n_edits,), in the window that has most
    """

    def __init__(self, genome: Genome, edits: Sequence[Edit], engine: Engine) -> None:
        rows: dict[tuple[int, int, bytes], int] = {}
        chosen: list[tuple[Edit, Tokens]] = []

        def row(edit: Edit, allele: Tokens) -> int:
            key = (edit.start, len(edit.ref), allele.tobytes())
            if key not in rows:
                rows[key] = len(chosen)
                chosen.append((edit, allele))
            return rows[key]

        self.ref_row = np.array([row(edit, edit.ref) for edit in edits])
        self.alt_row = np.array([row(edit, edit.alt) for edit in edits])
        contig = np.array([edit.contig for edit, _ in chosen])
        alleles = [allele for _, allele in chosen]
        what = Edits(
            first=genome.first[contig],
            last=genome.first[contig + 1],
            start=np.array([edit.start for edit, _ in chosen]),
            replaced=np.array([len(edit.ref) for edit, _ in chosen]),
            alleles=alleles,
        )
        left = np.array([bases_left(len(allele), engine.index, engine.config.anchor) for allele in alleles])
        self.tokens: dict[int, Tokens] = {}
        n_pad = n_unknown = np.zeros(len(chosen), np.int64)
        for shift in range(-engine.config.shift, engine.config.shift + 1):
            windows = cut(genome.tokens, what, left + shift, engine.length, DNA.unknown_token)
            self.tokens[shift] = windows.tokens
            n_pad = np.maximum(n_pad, windows.n_pad)
            unknown = (windows.tokens == DNA.unknown_token).sum(axis=1) - windows.n_pad
            n_unknown = np.maximum(n_unknown, unknown)
        self.n_pad = np.maximum(n_pad[self.ref_row], n_pad[self.alt_row])
        self.n_unknown = np.maximum(n_unknown[self.ref_row], n_unknown[self.alt_row])


@contextmanager
def full_float32() -> Iterator[None]:
    """Inside the block convolutions keep all digits of float32 on every device: effects are small differences."""
    cudnn: Any = torch.backends.cudnn
    # torch has a switch for each kind of layer from 2.9 on, and warns of the old one
    switches: list[tuple[Any, str, Any]] = [
        (getattr(cudnn, kind), "fp32_precision", "ieee") for kind in ("conv", "rnn") if hasattr(cudnn, kind)
    ]
    switches = switches or [(cudnn, "allow_tf32", False)]
    before = [getattr(owner, name) for owner, name, _ in switches]
    for owner, name, exact in switches:
        setattr(owner, name, exact)
    try:
        yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)


def _describe(model: Scorer) -> str:
    return f"{len(model.tracks)} tracks, windows of {model.length}, {model.output} outputs"

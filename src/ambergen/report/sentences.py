"""Numbers and findings in words, for people who do not read code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import pandas as pd

from ambergen.metrics.objectives import scale
from ambergen.report.evidence import Evidence, Record, SearchLog

# Below this AUROC a track is called near random, above the other one it is too good to be taken on trust.
NEAR_RANDOM = 0.6
SUSPICIOUS = 0.99
# Fewer positives than this leave an AUROC uncertain by about a tenth.
FEW_POSITIVES = 50

METRICS = {"auroc": "AUROC", "average_precision": "average precision"}


# ---- numbers


def score_text(value: float | None) -> str:
    """0.842; three digits of what is smaller or larger than scores of ranking are; a dash where there is none."""
    if not known(value):
        return "–"
    size = abs(value)
    if size >= 1000 or 0 < size < 0.001:
        return f"{value:.3g}".replace("-", "−")
    decimals = 3 if size >= 0.1 or size == 0 else 4 if size >= 0.01 else 5
    return f"{value:.{decimals}f}".replace("-", "−")


def interval_text(low: float | None, high: float | None) -> str:
    """0.821–0.860, or −0.231 to −0.187; empty where there is none."""
    if not known(low) or not known(high):
        return ""
    return f"{score_text(low)}{' to ' if low < 0 else '–'}{score_text(high)}"


def count_text(value: float | None) -> str:
    """Three digits with a unit: 949, 12.3 k, 4.10 M, 1.20 G."""
    if not known(value):
        return "–"
    number = float(value)  # type: ignore[arg-type]
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size * 0.9995:
            digits = number / size
            return f"{digits:.{0 if digits >= 100 else 1 if digits >= 10 else 2}f} {unit}"
    return f"{number:.0f}"


def duration_text(seconds: float | None) -> str:
    """3.1 s, 2 min 10 s, 44 min, 4 h 05 min, 3 d 2 h."""
    if not known(seconds):
        return "–"
    value = float(seconds)  # type: ignore[arg-type]
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(value / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(value / 3600)
    return f"{hours // 24} d {hours % 24} h"


def power_text(number: str) -> str:
    """An exact integer in a readable form: 12,345 or 1.02e+30."""
    try:
        value = int(number)
    except ValueError:
        return number
    return f"{value:,}" if value < 10**7 else f"{value:.3g}"


def known(value: float | None) -> TypeGuard[float]:
    """Whether there is a number: neither null nor nan."""
    return value is not None and not math.isnan(value)


def names_text(names: Sequence[str], most: int = 12) -> str:
    """a, b and c; a long list ends with the number of the others."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


# ---- findings


@dataclass(frozen=True)
class Hint:
    """Something that a reader should know or mend."""

    heading: str
    advice: str
    tracks: tuple[str, ...] = ()


def track_hints(table: pd.DataFrame, minimum: int) -> list[Hint]:
    """Why tracks have no score, a score near random, or one that is too good.

    Parameters
    ----------
    table : indexed by track
        Columns ``positives``, ``negatives``, ``used``, ``searched`` and ``rival`` (the best AUROC of another kind of
        model, nan where there is none).
    minimum
        Positives and negatives that a track needs to enter a mean.
    """
    own, rival = table["searched"], table["rival"]
    few = table["positives"] < FEW_POSITIVES
    used = table["used"].astype(bool)
    low = used & (own < NEAR_RANDOM)
    elsewhere = rival >= NEAR_RANDOM + 0.05
    cases = [
        (
            ~used,
            "Left out of every mean",
            f"The test contigs hold fewer than {minimum} positive or {minimum} negative windows of these tracks. Give "
            "the test split more contigs, call peaks less strictly, or drop the track.",
        ),
        (
            low & few,
            "Near random, with few positives",
            f"Fewer than {FEW_POSITIVES} positive test windows: the score is uncertain by about ±0.1, and training "
            "saw few examples as well. Read it as “unknown”, not as “unpredictable”; more peaks or more test contigs "
            "would tell.",
        ),
        (
            low & ~few & elsewhere,
            "Near random here, while another model reads it",
            "The sequence does tell, but this network has not learnt it. Longer training, a wider network or longer "
            "windows may help.",
        ),
        (
            low & ~few & ~elsewhere,
            "Near random for every model",
            "No model finds it in the sequence. Usual causes: noisy or contaminated peaks, peaks called on another "
            "assembly, or a signal that is set by something beyond the window.",
        ),
        (
            used & (own > SUSPICIOUS),
            "Almost perfect: check before you trust it",
            "Such scores are rare for biological labels. See whether test windows repeat training sequence, and "
            "whether the label follows from something trivial such as a run of N.",
        ),
    ]
    return [
        Hint(heading, advice, tuple(map(str, table.index[mask.to_numpy()])))
        for mask, heading, advice in cases
        if mask.any()
    ]


def training_hints(evidence: Evidence) -> list[Hint]:
    """Final trainings whose best epoch was the last one: they stopped before they were done."""
    single = [m for m in evidence.summary.get("models", []) if m.get("group") != "ensemble"]
    names = {m.get("architecture"): m.get("model") for m in single}
    unfinished = []
    for (architecture, seed), epochs in evidence.histories.items():
        scores = [e.get("auroc") for e in epochs]
        defined = [s for s in scores if known(s)]
        if len(defined) > 2 and scores[-1] == max(defined):
            unfinished.append(f"{names.get(architecture, architecture)} ({seed.replace('seed', 'seed ')})")
    if not unfinished:
        return []
    return [
        Hint(
            "Training ended while scores still rose",
            "The last epoch was the best one. Raise train.epochs in the run file to see how far these go.",
            tuple(unfinished),
        )
    ]


def search_sentences(log: SearchLog) -> list[str]:
    """What the trials of one search say about how it went."""
    scores = np.array([t["score"] for t in log.trials if known(t.get("score"))], float)
    failed = [t for t in log.trials if t.get("status") == "failed"]
    if not len(scores):
        return ["No candidate has been scored yet."]
    objective = log.started.get("objective")
    what = "" if objective in (None, "auroc") else f", the mean {scale(str(objective)).label},"
    sentences = [
        f"{len(scores):,} candidate networks were scored; the best reward{what} is {score_text(scores.max())}."
    ]
    fifth = len(scores) // 5
    if fifth >= 5:
        first, last = scores[:fifth], scores[-fifth:]
        gain = float(last.mean() - first.mean())
        error = math.hypot(first.std(ddof=1), last.std(ddof=1)) / math.sqrt(fifth)
        if gain > 2 * error:
            verdict = "candidates became better while the search went on"
        elif gain < -2 * error:
            verdict = "candidates became worse, which a search should not do: look at the curves below"
        else:
            verdict = "candidates did not become better beyond chance, so the search had not learnt by then"
        went = f"from {score_text(first.mean())} in the first fifth to {score_text(last.mean())} in the last"
        sentences.append(f"The mean reward went {went}: {verdict}.")
    if failed:
        reasons = sorted({str(t.get("reason") or "no reason given") for t in failed})
        sentences.append(f"{len(failed)} of {len(log.trials):,} candidates failed: {names_text(reasons, 3)}.")
    return sentences


def judgement(evidence: Evidence) -> list[str]:
    """The sentences at the top of the page."""
    written = [str(s) for s in evidence.summary.get("sentences") or []]
    if written:
        return written
    if evidence.summary.get("models"):
        return ["The comparison below has not been put into words."]
    done = sum(len({t["trial"] for t in log.trials}) for log in evidence.searches)
    if done:
        return [
            f"The run is not finished: {done:,} candidate networks have been scored, and no models have been compared "
            "yet. `ambergen run` with the run file goes on from here."
        ]
    return ["This run directory holds no results yet."]


def split_sentence(summary: Record) -> str:
    """Which windows and tracks the numbers of the comparison stand on."""
    tracks = summary.get("tracks") or {}
    words = [f"Numbers are from the {summary.get('split', 'test')} split"]
    if summary.get("n_windows"):
        words[0] += f" ({summary['n_windows']:,} windows)"
    if tracks.get("n"):
        used, n = tracks.get("used", tracks["n"]), tracks["n"]
        all_tracks = f"means are over all {n:,} tracks" if n > 1 else "there is one track"
        words.append(f"means are over {used:,} of {n:,} tracks" if used != n else all_tracks)
    interval = summary.get("interval") or {}
    if interval:
        words.append(
            f"intervals are {interval.get('level', 0.95):.0%}"
            + (f", {interval['method']}" if interval.get("method") else "")
        )
    return "; ".join(words) + "."

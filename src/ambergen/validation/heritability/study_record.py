"""What is told of a study beside its tables: inputs, settings, counts, and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from ambergen.errors import InputError
from ambergen.io.summary_statistics import read_summary_statistics
from ambergen.validation.heritability.tables import CONSTANT, FAILED, OK
from ambergen.validation.heritability.track_reference import BaselineReference, read_baseline, read_tracks
from ambergen.validation.heritability.track_study import Study
from ambergen.validation.heritability.traits import shared_variants

# Enrichment divides by h2; the literature takes traits whose h2 is clearly above 0.
_CLEAR = 4.0


def record_of(study: Study, frame: pd.DataFrame, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a study for `heritability.json`."""
    inputs, baseline = study.inputs, read_baseline(study.baseline_folder)
    files = {
        name: [{"file": str(path), "sha256": study.checksum(path)} for path in paths]
        for name, paths in study.input_files.items()
    }
    files["statistics"] = [{"file": str(p), "sha256": study.checksum(p)} for p in inputs.statistics.values()]
    models: dict[str, dict[str, Any]] = {}
    for source in inputs.sources:
        reference = read_tracks(study.reference_folder(source))
        facts: dict[str, Any] = {
            "path": str(source.path), "kind": source.kind, "checksum": study.source_checksum(source),
            "tracks": list(reference.tracks), "constant": reference.constant, "variants": reference.counts,
        }  # fmt: skip
        models.setdefault(source.arm, {})[source.model] = facts
    return {
        "inputs": {"files": files, "traits": {trait: str(path) for trait, path in inputs.statistics.items()}},
        "settings": {**asdict(study.config), "tracks": list(inputs.tracks)},
        "arms": models,
        "panel": {
            "chromosomes": len(study.parts),
            "variants": sum(len(part.variants) for part in study.parts),
            "constant_or_rare": sum(int((~part.varies).sum()) for part in study.parts),
            "common": sum(int(part.common.sum()) for part in study.parts),
        },
        "baseline": {"annotations": list(baseline.names), "variants": len(baseline), "dropped": baseline.dropped},
        "traits": {trait: _trait_counts(study, baseline, trait) for trait in inputs.statistics},
        "regressions": {status: int((frame["status"] == status).sum()) for status in (OK, CONSTANT, FAILED)},
        "sentences": sentences(frame),
        "provenance": dict(provenance),
    }


def _trait_counts(study: Study, baseline: BaselineReference, trait: str) -> dict[str, Any]:
    """What became of the variants of one trait."""
    read, reading = read_summary_statistics(study.inputs.statistics[trait])
    counts: dict[str, Any] = {
        "rows": reading.n_rows, "incomplete": reading.n_incomplete, "duplicates": reading.n_duplicates,
    }  # fmt: skip
    config = study.config.regression
    try:
        shared = shared_variants(baseline.id.astype(object), len(baseline.names) + 1, read, config)
    except InputError as error:
        return {**counts, "variants": 0, "reason": str(error)}  # its rows in the table say so too
    return {
        **counts, "dropped": shared.dropped, "largest_chi2": shared.largest_chi2, "variants": len(shared.rows),
        "mean_chi2": float(shared.chi2.mean()),
    }  # fmt: skip


def sentences(frame: pd.DataFrame, level: float = 0.05) -> list[str]:
    """What the table of tracks says, in plain words."""
    found = []
    for arm, own in frame.groupby("arm", sort=False):
        fitted = own[own["status"] == OK]
        n_traits, n_models = own["trait"].nunique(), own["model"].nunique()
        n_tracks = own["track"].nunique()
        what = ", ".join(
            f"{n:,} {name}{'' if n == 1 else 's'}"
            for n, name in ((n_tracks, "track"), (n_models, "model"), (n_traits, "trait"))
        )
        if not len(fitted):
            found.append(f"{arm}: no regression of {what} was possible.")
            continue
        enriched = int(((fitted["enrichment_q"] < level) & (fitted["enrichment"] > 1)).sum())
        adding = int(((fitted["q"] < level) & (fitted["tau_star"] > 0)).sum())
        found.append(
            f"{arm}: of {len(fitted):,} regressions over {what}, {enriched:,} show a share of heritability above the "
            f"share of variants, and {adding:,} more heritability than the baseline explains (tau* above 0), at a "
            f"false discovery rate of {level:.0%}."
        )
        first = fitted.sort_values("tau_star_p").iloc[0]
        found.append(
            f"{arm}: the smallest p of tau* is that of {first['track']} in {first['trait']}: tau* "
            f"{first['tau_star']:.3g} (error {first['tau_star_se']:.2g}, q = {first['q']:.2g}), enrichment "
            f"{first['enrichment']:.3g} (error {first['enrichment_se']:.2g})."
        )
    fitted = frame[frame["status"] == OK]
    for trait, own in fitted.groupby("trait", sort=False):
        h2, error = own["h2"].median(), own["h2_se"].median()
        if h2 < _CLEAR * error:
            found.append(
                f"{trait}: h2 is {h2:.3g} with an error of {error:.2g}, less than {_CLEAR:g} errors above 0. "
                "Enrichment and tau* divide by it, so that those of this trait mean little."
            )
    counts = Counter(frame["status"])
    for status, words in ((CONSTANT, "had an annotation that does not vary"), (FAILED, "failed")):
        if counts[status]:
            found.append(f"{counts[status]:,} of {len(frame):,} regressions {words}; each has its reason in the table.")
    return found

"""Reading the folder of a study again: its record, and the results of two arms side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ambergen.errors import FileFormatError, InputError
from ambergen.validation.heritability.arms import ArmOfTrait
from ambergen.validation.heritability.tables import SUMMARY, read_table
from ambergen.validation.heritability.track_jobs import TrackOutcome, read_outcome
from ambergen.validation.heritability.track_study import result_path


def read_record(folder: Path) -> dict[str, Any]:
    """`heritability.json` of a folder.

    Raises
    ------
    FileFormatError
        If it is absent or damaged.
    """
    path = folder / SUMMARY
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(
            f"{path}: cannot be read ({type(error).__name__}); expected the folder of a finished "
            "`ambergen heritability tracks`. Give that folder, or run the command to its end."
        ) from error
    if not isinstance(record, dict) or not {"arms", "inputs"} <= set(record):
        raise FileFormatError(f"{path}: is no record of `ambergen heritability tracks`. Run that command again.")
    return record


def read_arms(folder: Path, searched: str, sampled: str) -> dict[str, tuple[ArmOfTrait, ArmOfTrait]]:
    """Results of two arms for each trait, over the tracks that all of their models have.

    Raises
    ------
    FileFormatError
        If the folder is none of a finished study.
    InputError
        If an arm is absent, the arms are one, or they have no track in common.
    """
    record = read_record(folder)
    arms = record["arms"]
    for name in (searched, sampled):
        if name not in arms:
            raise InputError(
                f"{folder}: there is no arm {name}; the study has {', '.join(arms)}. Name two of its arms with "
                "--searched and --sampled, or run `ambergen heritability tracks` with --arm NAME=PATH for each."
            )
    if searched == sampled:
        raise InputError(f"--searched and --sampled: both are {searched}; expected two arms.")
    models = [(arm, model) for arm in (searched, sampled) for model in arms[arm]]
    tracks = [
        track
        for track in arms[models[0][0]][models[0][1]]["tracks"]
        if all(track in arms[arm][model]["tracks"] for arm, model in models)
    ]
    if not tracks:
        raise InputError(
            f"{folder}: the models of {searched} and {sampled} have no track in common, so there are no pairs; "
            "expected models of the same tracks."
        )
    frame = read_table(folder, "tracks").set_index(["arm", "model", "trait", "track"])
    rows: dict[tuple[str, str, str, str], Any] = frame[["q", "enrichment_q"]].to_dict("index")  # type: ignore[assignment]
    return {
        trait: (
            _arm(folder, trait, searched, arms[searched], tracks, rows),
            _arm(folder, trait, sampled, arms[sampled], tracks, rows),
        )
        for trait in record["inputs"]["traits"]
    }


def _arm(
    folder: Path,
    trait: str,
    arm: str,
    models: Mapping[str, Mapping[str, Any]],
    tracks: list[str],
    rows: Mapping[tuple[str, str, str, str], Mapping[str, float]],
) -> ArmOfTrait:
    outcomes = [
        [_outcome(folder, trait, arm, model, list(facts["tracks"]).index(track)) for track in tracks]
        for model, facts in models.items()
    ]
    n_blocks = max((len(one.delete_tau_star) for row in outcomes for one in row), default=0)
    nothing = [float("nan")] * n_blocks

    def values(name: str) -> np.ndarray:
        found = [[one.values.get(name) for one in row] for row in outcomes]
        return np.array(found, dtype=np.float64)

    def adjusted(name: str) -> np.ndarray:
        return np.array([[rows[arm, model, trait, track][name] for track in tracks] for model in models])

    return ArmOfTrait(
        tuple(models),
        values("enrichment"),
        values("tau_star"),
        adjusted("enrichment_q"),
        adjusted("q"),
        np.array([[one.delete_enrichment or nothing for one in row] for row in outcomes], dtype=np.float64),
        np.array([[one.delete_tau_star or nothing for one in row] for row in outcomes], dtype=np.float64),
    )


def _outcome(folder: Path, trait: str, arm: str, model: str, number: int) -> TrackOutcome:
    path = result_path(folder, trait, arm, model, number)
    found = read_outcome(path)
    # A regression that was lost is a row with its reason in the table, and has no file.
    return found or TrackOutcome("lost", "", {}, [], [], [])

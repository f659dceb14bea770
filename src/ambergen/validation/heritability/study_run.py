"""A whole study, from its inputs to the tables in its folder; and the comparison of two of its arms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ambergen.atomic import only_writer, write_json
from ambergen.executors.base import Executor
from ambergen.progress import SILENT, Progress
from ambergen.provenance import provenance
from ambergen.validation.heritability.arms import compare_arms, comparison_sentences
from ambergen.validation.heritability.study_folder import read_arms, read_record
from ambergen.validation.heritability.study_record import record_of
from ambergen.validation.heritability.tables import SUMMARY, remove_table, write_table
from ambergen.validation.heritability.track_study import Study


def run_study(
    study: Study, executor: Executor, progress: Progress = SILENT, arms: tuple[str, str] = ("searched", "sampled")
) -> dict[str, Any]:
    """Do all steps that are not done yet and write the tables; returns what `heritability.json` has.

    Parameters
    ----------
    executor : runs a job a chromosome, and a job a trait and track
    arms : that are compared where the study has both

    Raises
    ------
    InputError
        If the inputs are wrong, before anything long begins where that can be seen.
    RunError
        If another command works in the folder.
    """
    study.check(progress)
    study.folder.mkdir(parents=True, exist_ok=True)
    with only_writer(study.folder):
        study.annotate(progress)
        study.score(executor, progress)
        lost = study.regress(executor, progress)
    frame, quintiles = study.tables(lost)
    write_table(study.folder, "tracks", frame)
    write_table(study.folder, "quintiles", quintiles)
    made = provenance(seed=0, device="cpu", dtype="float64", threads=executor.threads, workers=executor.workers)
    record = record_of(study, frame, made)
    write_json(study.folder / SUMMARY, record)
    if set(arms) <= set(record["arms"]):
        return compare_folder(study.folder, *arms)
    # One of an earlier run would belong to other arms
    remove_table(study.folder, "comparison")
    return record


def compare_folder(folder: Path, searched: str, sampled: str) -> dict[str, Any]:
    """Compare two arms of a finished study, write the table, and say so in `heritability.json`.

    Raises
    ------
    InputError
        If the folder is none of a finished study, or an arm is absent.
    """
    frame = compare_arms(read_arms(folder, searched, sampled))
    write_table(folder, "comparison", frame)
    said = {"searched": searched, "sampled": sampled, "sentences": comparison_sentences(frame)}
    record = {**read_record(folder), "comparison": said}
    write_json(folder / SUMMARY, record)
    return record

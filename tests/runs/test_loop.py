from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ambergen.budgets import Budget
from ambergen.cost import Cost
from ambergen.datasets.batches import Batch, DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, SplitError, StoreError
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.executors.inline import InlineExecutor
from ambergen.progress import SILENT
from ambergen.runs.config import SearchConfig
from ambergen.runs.events import read_events
from ambergen.runs.loop import SearchResult, search
from ambergen.spaces.space import Space
from ambergen.training.checkpoint import load_checkpoint, save_checkpoint
from tests.simulated import SPACE, TRAIN, build_store, search_config

BUDGET = {"enas": "12 steps", "random": "4 trials"}
FINISHED = ("enas", "random")
# A loss that is no number is what a candidate that fails looks like without touching the code.
HOPELESS = StandAloneConfig(replace(TRAIN, learning_rate=1e38))


def run(
    store: Store, out: Path, config: SearchConfig | None = None, space: Space = SPACE, number: int = 0
) -> SearchResult:
    with InlineExecutor() as executor:
        return search(space, store, config or search_config(), out, executor, number)


def events(out: Path, kind: str | None = None) -> list[dict[str, Any]]:
    return [e for e in read_events(out / "events.jsonl") if kind in (None, e["event"])]


def without_cost(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "cost"} for record in records]


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def finished(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, SearchResult]]:
    """A finished search of each method; the tests that share them only read."""
    searches = {}
    for method in FINISHED:
        out = tmp_path_factory.mktemp(method)
        searches[method] = out, run(small_store, out, search_config(method, BUDGET[method]))
    return searches


# ---- what a search writes


@pytest.mark.parametrize("method", FINISHED)
def test_search__writes_its_events_in_the_form_that_reports_read(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, method: str
) -> None:
    out, result = finished[method]
    log = events(out)
    rounds = 3 if method == "enas" else 4
    per_round = 6 if method == "enas" else 1
    assert Counter(e["event"] for e in log) == {
        "search_started": 1, "step": rounds, "trial": rounds * per_round, "finalist": 2, "search_finished": 1,
    }  # fmt: skip
    assert {e["search"] for e in log} == {0}
    started, ended = log[0], log[-1]
    assert started["event"] == "search_started"
    assert started["method"] == method
    assert started["seed"] == 0
    assert started["budget"] == BUDGET[method]
    assert started["dtype"] == "float32"
    assert Space.from_dict(started["space"]) == SPACE
    assert started["architectures"] == str(SPACE.size) == "216"
    assert (started["n_tracks"], started["length"]) == (3, 64)
    assert started["store"] == small_store.checksum
    assert ended["event"] == "search_finished"
    assert ended["trials"] == len(result.trials) == rounds * per_round
    for number, trial in enumerate(events(out, "trial")):
        assert trial["trial"] == number
        assert trial["step"] == number // per_round
        assert trial["split"] == "search"
        assert trial["status"] == "done"
        assert trial["evaluator"] == ("shared" if method == "enas" else "stand-alone")
        assert 0 < trial["score"] <= 1
        assert trial["parameters"] > 0
        assert trial["multiply_adds"] > 0
        assert set(trial["cost"]) == {"device_seconds", "windows", "peak_memory"}
    for number, step in enumerate(events(out, "step")):
        scores = [t["score"] for t in events(out, "trial") if t["step"] == number]
        assert step["step"] == number
        assert step["reward_mean"] == pytest.approx(np.mean(scores))
        assert step["reward_best"] == max(t["score"] for t in events(out, "trial") if t["step"] <= number)
        assert (step["loss"] is None) == (method == "random")
        assert np.shape(step["operation_probability"]) == (3, 3)
        assert {"reward_baseline", "entropy", "kl", "skip_density", "windows"} <= set(step)


@pytest.mark.parametrize("method", FINISHED)
def test_search__the_winner_is_the_finalist_that_was_best_alone_on_the_selection_split(
    finished: dict[str, tuple[Path, SearchResult]], method: str
) -> None:
    out, result = finished[method]
    finalists = events(out, "finalist")
    best = max(finalists, key=lambda e: e["stand_alone_score"])
    ended = events(out, "search_finished")[0]
    assert ended["winner"] == best["id"] == result.architecture.id
    assert ended["architecture"] == best["architecture"]
    assert [f.architecture.id for f in result.finalists] == [
        e["id"] for e in sorted(finalists, key=lambda e: -e["stand_alone_score"])
    ]
    assert {e["split"] for e in finalists} == {"selection"}


@pytest.mark.parametrize("method", FINISHED)
def test_search__the_cost_is_that_of_everything(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, method: str
) -> None:
    out, result = finished[method]
    ended = Cost(**events(out, "search_finished")[0]["cost"])
    rounds = events(out, "step")[-1]
    finalists = [Cost(**e["cost"]) for e in events(out, "finalist")]
    trials = [Cost(**e["cost"]) for e in events(out, "trial")]
    assert result.cost == ended
    n_train, n_search, n_selection = (len(small_store.indices(s)) for s in ("train", "search", "selection"))
    # What was trained alone in the search is not trained again as a finalist.
    assert all(c.windows == n_selection + (0 if method == "random" else n_train) for c in finalists)
    if method == "random":
        assert all(c.windows == n_train + n_search for c in trials)
        assert ended.windows == sum(c.windows for c in trials + finalists)
        assert ended.device_seconds == pytest.approx(sum(c.device_seconds for c in trials + finalists))
    else:
        config = search_config().supernet
        assert rounds["supernet_steps"] == 12
        assert rounds["windows"] == 12 * 64 + sum(c.windows for c in trials)
        rescored = ended.windows - rounds["windows"] - 2 * (n_train + n_selection)
        assert 2 <= rescored / config.rescored_rows <= 5  # three of the trials and two fresh ones, distinct
        assert ended.device_seconds > sum(c.device_seconds for c in trials + finalists)
    assert rounds["cost"]["device_seconds"] <= ended.device_seconds


@pytest.mark.parametrize("method", FINISHED)
def test_search__repeats_itself_but_for_costs(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path, method: str
) -> None:
    run(small_store, tmp_path, search_config(method, BUDGET[method]))
    assert without_cost(events(tmp_path)) == without_cost(events(finished[method][0]))


def test_search__another_seed_or_number_is_another_search(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    first = [e["id"] for e in events(finished["enas"][0], "trial")]
    run(small_store, tmp_path, number=0)
    run(small_store, tmp_path, number=1)
    ids = {n: [e["id"] for e in events(tmp_path, "trial") if e["search"] == n] for n in (0, 1)}
    assert ids[0] == first != ids[1]
    assert {e["search"] for e in events(tmp_path, "search_finished")} == {0, 1}
    assert {e["seed"] for e in events(tmp_path, "search_started")} == {0, 1}


# ---- what a search looks at


@pytest.mark.parametrize("method", FINISHED)
def test_search__never_reads_the_selection_split_before_the_finalists_and_never_the_test_split(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    split_of = np.empty(small_store.n_windows, dtype=object)
    for split in ("train", "search", "selection", "test"):
        split_of[small_store.indices(split)] = split
    read: list[tuple[str, bool]] = []
    gather, labels = DeviceStore.gather, Store.labels

    def note(rows: np.ndarray) -> None:
        rounds_over = len(events(tmp_path, "step")) == (3 if method == "enas" else 4)
        read.extend((split, rounds_over) for split in set(split_of[rows]))

    def recording_gather(
        self: DeviceStore, indices: Tensor, shift: Tensor | None = None, reverse: Tensor | None = None
    ) -> Batch:
        note(indices.numpy())
        return gather(self, indices, shift, reverse)

    def recording_labels(self: Store, indices: np.ndarray) -> np.ndarray:
        note(indices)
        return labels(self, indices)

    monkeypatch.setattr(DeviceStore, "gather", recording_gather)
    monkeypatch.setattr(Store, "labels", recording_labels)
    run(small_store, tmp_path, search_config(method, BUDGET[method]))
    assert {split for split, rounds_over in read if not rounds_over} == {"train", "search"}
    late = {split for split, rounds_over in read if rounds_over} - {"search"}
    assert late == ({"train", "selection"} if method == "enas" else {"selection"})


# ---- budgets


def test_budget__of_time_gives_the_beginning_of_what_a_longer_one_gives(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    run(small_store, tmp_path, search_config(budget="0.001s"))
    short, long = (events(out, "trial") for out in (tmp_path, finished["enas"][0]))
    assert len(short) == 6  # a round is done to its end
    assert without_cost(long[:6]) == without_cost(short)


@pytest.mark.parametrize(("method", "budget", "trials"), [("random", "3 trials", 3), ("enas", "7 trials", 7)])
def test_budget__of_trials_is_kept_exactly(
    small_store: Store, tmp_path: Path, method: str, budget: str, trials: int
) -> None:
    assert len(run(small_store, tmp_path, search_config(method, budget)).trials) == trials


def test_budget__of_epochs_counts_passes_over_the_training_split(small_store: Store, tmp_path: Path) -> None:
    run(small_store, tmp_path, search_config(budget="1 epochs"))
    last = events(tmp_path, "step")[-1]
    assert last["epochs"] == pytest.approx(last["supernet_steps"] / 11)
    assert 1 <= last["epochs"] < 1 + 3 / 11


def test_search__workers_do_not_change_the_architectures(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    with InlineExecutor() as executor:
        executor.workers = 2
        result = search(SPACE, small_store, search_config("random", "4 trials"), tmp_path, executor)
    alone = finished["random"][1]
    assert [t.architecture for t in result.trials] == [t.architecture for t in alone.trials]
    assert [t.score for t in result.trials] == [t.score for t in alone.trials]
    assert result.architecture == alone.architecture


# ---- the same command again


@pytest.mark.parametrize("method", FINISHED)
def test_search__that_is_finished_is_only_read(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, method: str
) -> None:
    out, result = finished[method]
    before = files(out)
    assert run(small_store, out, search_config(method, BUDGET[method])) == result
    assert files(out) == before


def test_search__that_is_finished_needs_its_checkpoint_no_more(small_store: Store, tmp_path: Path) -> None:
    result = run(small_store, tmp_path)
    for path in (tmp_path / "checkpoints").iterdir():
        path.unlink()
    assert run(small_store, tmp_path) == result
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, r"seed was 0 and is now 1"),
        ({"budget": Budget(24, "steps")}, r"budget was '12 steps' and is now '24 steps'"),
        ({"updates": 1}, r"configuration\.updates was 2 and is now 1"),
        ({"supernet": replace(search_config().supernet, rows=99)}, r"configuration\.supernet\.rows was 120 and is now"),
        ({"method": "random", "budget": Budget(4, "trials")}, r"method was 'enas' and is now 'random'"),
    ],
)
def test_search__with_other_settings_is_refused(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, changes: dict[str, Any], message: str
) -> None:
    out = finished["enas"][0]
    before = files(out)
    with pytest.raises(ConfigError, match=rf"events.jsonl: search 0 was begun with other.*{message}.*another folder"):
        run(small_store, out, replace(search_config(), **changes))
    assert files(out) == before


def test_search__in_another_space_or_on_another_store_is_refused(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    out = finished["enas"][0]
    with pytest.raises(ConfigError, match=r"space\.width was 8 and is now 16"):
        run(small_store, out, space=replace(SPACE, width=16))
    with pytest.raises(ConfigError, match=rf"store was '{small_store.checksum}' and is now"):
        run(build_store(tmp_path, seed=1), out)


def test_search__is_continued_in_the_digits_that_it_began_with(small_store: Store, tmp_path: Path) -> None:
    begin(small_store, tmp_path)
    with InlineExecutor() as executor:
        search(SPACE, small_store, search_config(), tmp_path, executor, dtype="bfloat16")
    record = load_checkpoint(tmp_path / "checkpoints" / "search0.pt")
    assert record is not None
    assert events(tmp_path, "search_started")[0]["dtype"] == "float32"
    assert len(events(tmp_path, "search_finished")) == 1


@pytest.mark.parametrize(("method", "precision"), [("random", "bfloat16"), ("enas", "float32")])
def test_search__computes_in_the_precision_of_what_rates_its_candidates(
    small_store: Store, tmp_path: Path, method: str, precision: str
) -> None:
    alone = StandAloneConfig(replace(TRAIN, precision="bfloat16"))  # the supernet of this configuration has float32
    run(small_store, tmp_path, search_config(method, BUDGET[method], finalists=1, short_training=alone))
    assert events(tmp_path, "search_started")[0]["dtype"] == precision


# ---- interruptions


class StopError(Exception):
    """What a test raises in the place of a kill."""


def begin(store: Store, out: Path, rounds: int = 1, config: SearchConfig | None = None, space: Space = SPACE) -> None:
    """The first rounds of a search, then an end in the middle of the next."""

    class Progress:
        done = 0

        def task(self, description: str, total: float | None = None) -> Any:
            task = SILENT.task(description)
            note = task.note

            def stop_or_note(text: str) -> None:
                self.done += 1
                if self.done == rounds:
                    raise StopError
                note(text)

            task.note = stop_or_note  # type: ignore[method-assign]
            return task

        def say(self, text: str) -> None:
            pass

    with InlineExecutor() as executor, pytest.raises(StopError):
        search(space, store, config or search_config(), out, executor, progress=Progress())


def test_search__continues_after_a_round_as_if_never_stopped(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    for _ in range(3):
        begin(small_store, tmp_path)
    run(small_store, tmp_path)
    assert without_cost(events(tmp_path)) == without_cost(events(finished["enas"][0]))


def test_search__with_skips_from_the_stem_concatenated_runs_to_its_end_and_goes_on_where_it_was_stopped(
    small_store: Store, tmp_path: Path
) -> None:
    space = replace(SPACE, layers=4, sources="enas", combine="concat1x1")
    recalibrated = replace(search_config().supernet, recalibration=1, fairness="strict")
    config = search_config(supernet=recalibrated)
    result = run(small_store, tmp_path / "once", config, space)
    space.check(result.architecture)
    started = events(tmp_path / "once")[0]
    assert (started["space"]["sources"], started["space"]["combine"]) == ("enas", "concat1x1")
    asked = [space.read(e["architecture"]) for e in events(tmp_path / "once", "trial")]
    assert {-1, 0, 1} <= {j for a in asked for sources in a.skips for j in sources}
    begin(small_store, tmp_path / "twice", config=config, space=space)
    run(small_store, tmp_path / "twice", config, space)
    assert without_cost(events(tmp_path / "twice")) == without_cost(events(tmp_path / "once"))


@pytest.mark.parametrize("torn", [1, 2000])
def test_search__a_torn_last_line_is_healed_and_the_log_goes_on(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path, torn: int
) -> None:
    begin(small_store, tmp_path)
    lines = (finished["enas"][0] / "events.jsonl").read_bytes().splitlines(keepends=True)
    n_begun = len(events(tmp_path))
    # what a kill leaves of the uninterrupted log, so many bytes after the last checkpoint
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines[:n_begun]) + b"".join(lines[n_begun:])[:torn])
    run(small_store, tmp_path)
    assert without_cost(events(tmp_path)) == without_cost(events(finished["enas"][0]))


def test_search__events_after_the_last_checkpoint_keep_their_first_version_and_teach_the_strategy(
    small_store: Store, tmp_path: Path
) -> None:
    """A device may round differently when it repeats a rating; what was written down counts, also for the policy."""
    begin(small_store, tmp_path / "a")
    (tmp_path / "b").mkdir()
    tampered = []
    for event in events(tmp_path / "a"):
        if event["event"] == "step":
            continue
        if event["event"] == "trial":
            event["score"] = round(1 - event["trial"] / 10, 1)  # the reverse of no order that a network would give
        tampered.append(event)
    log = tmp_path / "b" / "events.jsonl"
    log.write_text("".join(json.dumps(e) + "\n" for e in tampered))  # and no checkpoint: all is repeated
    begin(small_store, tmp_path / "b")
    trials = events(tmp_path / "b", "trial")
    assert [t["score"] for t in trials] == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert events(tmp_path / "b", "step")[0]["reward_mean"] == pytest.approx(0.75)
    states = []
    for name in ("a", "b"):
        record = load_checkpoint(tmp_path / name / "checkpoints" / "search0.pt")
        assert record is not None
        states.append(record["strategy"])
    assert states[1]["reward_baseline"] == pytest.approx(0.9 * 0.9 + 0.1 * 0.6)  # means of the two updates
    assert states[0]["reward_baseline"] != states[1]["reward_baseline"]
    assert not torch.equal(*(next(iter(s["controller"].values())) for s in states))


def test_search__finalists_that_were_trained_are_not_trained_again(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    out = finished["enas"][0]
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "search0.pt").write_bytes((out / "checkpoints" / "search0.pt").read_bytes())
    lines = (out / "events.jsonl").read_text().splitlines(keepends=True)
    first = json.loads(lines[-3])
    assert first["event"] == "finalist"
    first["stand_alone_score"] = 0.999
    (tmp_path / "events.jsonl").write_text("".join(lines[:-3]) + json.dumps(first) + "\n")
    result = run(small_store, tmp_path)
    assert result.architecture.id == first["id"]
    assert result.finalists[0].stand_alone_score == 0.999
    assert len(events(tmp_path, "finalist")) == 2


def test_search__refuses_a_log_that_lost_trials(small_store: Store, tmp_path: Path) -> None:
    begin(small_store, tmp_path)
    log = tmp_path / "events.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:4]))
    with pytest.raises(StoreError, match=r"events.jsonl: it has 3 of the 6 trials that .*search0.pt counts.*Restore"):
        run(small_store, tmp_path)


def test_search__refuses_a_log_of_other_architectures(small_store: Store, tmp_path: Path) -> None:
    begin(small_store, tmp_path)
    log = events(tmp_path)
    (tmp_path / "checkpoints" / "search0.pt").unlink()
    log[1]["architecture"], log[1]["id"] = log[4]["architecture"], log[4]["id"]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in log))
    with pytest.raises(StoreError, match=r"trial 0 of search 0 is architecture \w+, and the search .* asks for \w+"):
        run(small_store, tmp_path)


def test_search__a_damaged_checkpoint_is_named_with_its_remedy(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    begin(small_store, tmp_path)
    path = tmp_path / "checkpoints" / "search0.pt"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    for damaged in (whole[: len(whole) // 3], b"", b"not a checkpoint", bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"search0.pt: the checkpoint cannot be read .* Delete it to begin"):
            run(small_store, tmp_path)
    path.unlink()  # the remedy: what was rated is kept, and the same search comes out
    run(small_store, tmp_path)
    assert without_cost(events(tmp_path)) == without_cost(events(finished["enas"][0]))


def test_search__a_checkpoint_of_something_else_is_refused(small_store: Store, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoints" / "search0.pt", {"network": {}})
    with pytest.raises(StoreError, match=r"search0.pt: this is not the checkpoint of a search. Delete it"):
        run(small_store, tmp_path)


# ---- failures


class Unlucky:
    """An executor that gives some of the trainings a learning rate at which their loss is no number."""

    def __init__(self, unlucky: set[int]) -> None:
        self.inner = InlineExecutor()
        self.workers, self.threads = 1, 1
        self.unlucky, self.n_submitted = unlucky, 0

    def submit(self, function: Any, job: Any) -> Any:
        if self.n_submitted in self.unlucky:
            job = replace(job, config=HOPELESS.train)
        self.n_submitted += 1
        return self.inner.submit(function, job)

    def as_completed(self, jobs: Any) -> Any:
        return self.inner.as_completed(jobs)

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> Unlucky:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def test_search__a_training_that_fails_is_a_failed_trial_and_the_search_goes_on(
    small_store: Store, tmp_path: Path
) -> None:
    with Unlucky({1}) as executor:
        result = search(SPACE, small_store, search_config("random", "4 trials"), tmp_path, executor)
    assert [t.status for t in result.trials] == ["done", "failed", "done", "done"]
    failed = events(tmp_path, "trial")[1]
    assert failed["score"] is None
    assert "nan" in failed["reason"]
    assert events(tmp_path, "step")[1]["reward_mean"] is None
    assert failed["id"] not in {f.architecture.id for f in result.finalists}
    assert run(small_store, tmp_path, search_config("random", "4 trials")) == result


def test_search__a_finalist_that_fails_loses_and_is_written_down(small_store: Store, tmp_path: Path) -> None:
    with Unlucky({0}) as executor:
        result = search(SPACE, small_store, search_config(), tmp_path, executor)
    assert [f.stand_alone_score is None for f in result.finalists] == [False, True]
    assert result.architecture == result.finalists[0].architecture
    assert [e["stand_alone_score"] is None for e in events(tmp_path, "finalist")] == [False, True]


def test_search__without_a_trained_finalist_tries_them_again_at_the_same_command(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    with Unlucky({0, 1}) as executor, pytest.raises(RunError, match=r"no finalist could be trained.*same command"):
        search(SPACE, small_store, search_config(), tmp_path, executor)
    assert events(tmp_path, "finalist") == []
    run(small_store, tmp_path)
    assert without_cost(events(tmp_path)) == without_cost(events(finished["enas"][0]))


def test_search__all_trials_failing_is_an_error_with_the_reasons(small_store: Store, tmp_path: Path) -> None:
    config = search_config("random", "3 trials", short_training=HOPELESS)
    with pytest.raises(RunError, match=r"search: all 3 trials failed: .*nan.* Mend the cause and search into another"):
        run(small_store, tmp_path, config)
    assert [e["status"] for e in events(tmp_path, "trial")] == ["failed"] * 3


def test_search__splits_that_measure_nothing_are_refused_before_the_work(tmp_path: Path) -> None:
    rare = build_store(tmp_path / "data", seed=3, share=0.02)
    with pytest.raises(SplitError, match=r"search split: none of the 3 tracks has 10 positive"):
        run(rare, tmp_path / "out")
    assert events(tmp_path / "out", "trial") == []

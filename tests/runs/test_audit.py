from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.evaluators.stand_alone import StandAlone
from ambergen.evaluators.zero_cost import zero_cost_table
from ambergen.executors.base import Job
from ambergen.executors.inline import InlineExecutor
from ambergen.metrics.rank_agreement import kendall_tau, partial_kendall_tau, top_k_precision, top_k_regret
from ambergen.models.summary import child_parameters
from ambergen.progress import SILENT
from ambergen.runs.audit import SHARED, AuditConfig, audit, sentences, stratified
from ambergen.runs.config import SearchConfig
from ambergen.runs.loop import search
from ambergen.spaces.architecture import Architecture
from ambergen.training.checkpoint import load_checkpoint
from tests.simulated import SPACE, TRAIN, search_config

N = 5
HOW = AuditConfig(n=N, top=0.4, zero_cost=("parameters", "synflow", "naswot"), rows=16, resamples=50, permutations=50)
BUDGET = {"enas": "6 steps", "random": "2 trials"}
TASK = SILENT.task("")


class Counting(InlineExecutor):
    """Counts trainings; before that of number `stop` it is interrupted, and the loss of the unlucky is no number."""

    def __init__(self, stop: int | None = None, unlucky: Iterable[int] = ()) -> None:
        super().__init__()
        self.stop, self.unlucky, self.submitted, self.done = stop, set(unlucky), 0, 0

    def submit(self, function: Callable[..., Any], *args: Any) -> Job:
        if self.submitted in self.unlucky:
            args = (replace(args[0], config=replace(TRAIN, learning_rate=1e38)),)
        self.submitted += 1
        return super().submit(function, *args)

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in list(jobs):
            if self.done == self.stop:
                raise KeyboardInterrupt
            job.result()
            self.done += 1
            yield job


@pytest.fixture(scope="module")
def searched(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """A copy of the run directory of a finished search of a method."""
    folders: dict[str, Path] = {}

    def copy_of(method: str, to: Path) -> Path:
        if method not in folders:
            folders[method] = tmp_path_factory.mktemp(method)
            with InlineExecutor() as executor:
                search(SPACE, small_store, config(method), folders[method], executor)
        return Path(shutil.copytree(folders[method], to / "run"))

    return copy_of


def config(method: str = "enas") -> SearchConfig:
    return search_config(method, BUDGET[method])


def run(store: Store, out: Path, executor: InlineExecutor | None = None, method: str = "enas", **changes: Any) -> Any:
    how = replace(HOW, **changes)
    with executor or InlineExecutor() as one:
        return audit(SPACE, store, config(method), out, one, how)


def size(architecture: Architecture) -> int:
    return child_parameters(SPACE, architecture, 3, 64)


# ---- the sample


@settings(max_examples=8)
@given(st.integers(1, 40), st.integers(0, 3))
def test_stratified__takes_one_of_every_part_of_a_sample_ordered_by_size(n: int, seed: int) -> None:
    drawn = stratified(SPACE, n, seed, lambda a: float(len(a.to_json())))
    assert len({a.id for a in drawn}) == n
    sizes = [len(a.to_json()) for a in drawn]
    assert sizes == sorted(sizes)
    for architecture in drawn:
        SPACE.check(architecture)
    assert drawn == stratified(SPACE, n, seed, lambda a: float(len(a.to_json())))


def test_stratified__has_all_sizes() -> None:
    drawn = [size(a) for a in stratified(SPACE, 10, 0, size)]
    rng = np.random.default_rng(0)
    low, high = np.quantile([size(SPACE.sample(rng)) for _ in range(200)], [0.15, 0.85])
    assert drawn[0] <= low
    assert drawn[-1] >= high


def test_stratified__says_how_many_a_small_space_has() -> None:
    # 27 choices of operations, and one skip connection out of three.
    with pytest.raises(
        ConfigError, match=r"100 architectures were asked for, .* gave only 81 different ones\. Ask for"
    ):
        stratified(SPACE, 100, 0, size)
    words = r"1,000,000 architectures were asked for, and the space has 216\. Ask for fewer"
    with pytest.raises(ConfigError, match=words):  # without a million draws
        stratified(SPACE, 1_000_000, 0, size)


# ---- the audit


def test_audit__holds_the_scores_of_the_search_against_training_alone(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("enas", tmp_path)
    record = run(small_store, out)
    frame = pd.read_parquet(out / "audit.parquet")
    drawn = stratified(SPACE, N, 0, size)
    assert list(frame["id"]) == [a.id for a in drawn]
    assert [SPACE.read(text) for text in frame["architecture"]] == drawn
    assert list(frame["parameters"]) == [size(a) for a in drawn]
    assert list(frame["stand_alone"][:2]) == stand_alone_scores(small_store, drawn[:2], seed=0)
    shared = SharedWeights(SPACE, DeviceStore(small_store), config().supernet, "auroc", 0, torch.float32)
    state = load_checkpoint(out / "checkpoints" / "search0.pt")
    assert state is not None
    shared.load(state["evaluator"])
    assert list(frame[SHARED]) == [r.score for r in shared.rate(drawn, TASK)]
    for name, values in zero_cost_table(SPACE, drawn, small_store, HOW.zero_cost, 0, HOW.rows).items():
        np.testing.assert_array_equal(frame[name], values)

    assert [a["score"] for a in record["agreements"]] == [SHARED, *HOW.zero_cost]
    log_parameters = np.log(frame["parameters"])
    for found in record["agreements"]:
        scores, k = frame[found["score"]], 2
        assert (found["n"], found["left_out"], found["k"]) == (N, 0, k)
        assert found["tau"]["estimate"] == pytest.approx(kendall_tau(scores, frame["stand_alone"]))
        assert found["tau"]["low"] <= found["tau"]["estimate"] <= found["tau"]["high"]
        assert found["precision"]["estimate"] == top_k_precision(scores, frame["stand_alone"], k)
        assert found["regret"]["estimate"] == top_k_regret(scores, frame["stand_alone"], k)
        if found["score"] == "parameters":
            assert found["partial_tau"]["estimate"] is None
        else:
            partial = partial_kendall_tau(scores, frame["stand_alone"], log_parameters)
            assert found["partial_tau"]["estimate"] == pytest.approx(partial)
    assert record["shared"] == {"split": "search", "rows": 120, "steps": 6}
    assert (record["split"], record["epochs"], record["failed"]) == ("selection", 1, [])
    n_train, n_selection = (len(small_store.indices(split)) for split in ("train", "selection"))
    assert record["cost"]["windows"] == N * (n_train + n_selection)
    assert json.loads((out / "audit.json").read_text()) == record


def test_audit__of_several_trainings_takes_their_mean_and_keeps_what_one_had(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("enas", tmp_path)
    once, first = run(small_store, out), pd.read_parquet(out / "audit.parquet")
    assert once["reliability"] is None
    executor = Counting(unlucky={1})
    assert len(run(small_store, out, executor, seeds=2)["failed"]) == 1
    assert executor.done == N  # the second seed alone
    record = run(small_store, out, seeds=2)
    frame = pd.read_parquet(out / "audit.parquet")
    np.testing.assert_array_equal(frame["stand_alone_seed0"], first["stand_alone"])
    trained = stand_alone_scores(small_store, [SPACE.read(text) for text in frame["architecture"][:2]], seed=1)
    assert list(frame["stand_alone_seed1"][:2]) == trained
    np.testing.assert_allclose(frame["stand_alone"], frame[["stand_alone_seed0", "stand_alone_seed1"]].mean(axis=1))
    tau = kendall_tau(frame["stand_alone_seed0"], frame["stand_alone_seed1"])
    assert record["reliability"]["tau"] == pytest.approx(tau)
    assert (record["seeds"], record["failed"]) == (2, [])
    assert record["cost"]["windows"] == 2 * once["cost"]["windows"]


def stand_alone_scores(store: Store, architectures: list[Architecture], seed: int) -> list[float | None]:
    with InlineExecutor() as executor:
        alone = StandAlone(SPACE, store, config().short_training, "auroc", seed, "float32", executor, "selection")
        return [r.score for r in alone.completed(architectures, TASK)]


def test_audit__never_reads_the_test_split(
    small_store: Store,
    searched: Callable[[str, Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, read, indices = searched("enas", tmp_path), set(), Store.indices

    def recording(self: Store, split: str) -> np.ndarray:
        read.add(split)
        return indices(self, split)

    monkeypatch.setattr(Store, "indices", recording)
    run(small_store, out, n=3)
    assert read == {"train", "search", "selection"}


def test_audit__goes_on_where_it_was_killed(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    whole = run(small_store, searched("enas", tmp_path / "whole"))
    out = searched("enas", tmp_path)
    first = Counting(stop=2)
    with pytest.raises(KeyboardInterrupt):
        run(small_store, out, first)
    assert not (out / "audit.json").exists()
    with (out / "audit.jsonl").open("a") as file:
        file.write('{"event":"audited","search":0,"id":"torn')
    second = Counting()
    record = run(small_store, out, second)
    assert (first.done, second.done) == (2, N - 2)
    ids = [json.loads(line).get("id") for line in (out / "audit.jsonl").read_text().splitlines()[1:]]
    assert len(ids) == len(set(ids)) == N
    assert {**record, "cost": None} == {**whole, "cost": None}


def test_audit__a_finished_one_is_read(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("enas", tmp_path)
    record = run(small_store, out)
    before = {p: p.stat().st_mtime_ns for p in out.glob("audit*")}
    again = Counting()
    assert run(small_store, out, again) == record
    assert again.done == 0
    assert {p: p.stat().st_mtime_ns for p in out.glob("audit*")} == before
    # Damaged or for fewer architectures it is made anew, from trainings that are in the log.
    (out / "audit.json").write_text("{")
    assert run(small_store, out, again) == record
    (out / "audit.parquet").unlink()
    assert run(small_store, out, again) == record
    assert (out / "audit.parquet").exists()
    assert again.done == 0
    assert run(small_store, out, n=N - 1)["n"] == N - 1


def test_audit__without_shared_weights_zero_cost_scores_are_left(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("random", tmp_path)
    record = run(small_store, out, method="random", n=3)
    assert record["shared"] is None
    assert [a["score"] for a in record["agreements"]] == list(HOW.zero_cost)
    assert pd.read_parquet(out / "audit.parquet")[SHARED].isna().all()
    assert "no shared weights to be audited" in record["sentences"][0]


def test_audit__a_training_that_fails_is_left_out_and_tried_again(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("enas", tmp_path)
    record = run(small_store, out, Counting(unlucky={1}))
    assert len(record["failed"]) == 1
    assert "nan" in record["failed"][0]["reason"]
    assert record["agreements"][0]["n"] == N - 1
    assert record["agreements"][0]["left_out"] == 1
    assert "1 of 5 architectures could not be trained" in record["sentences"][-1]
    again = Counting()
    assert run(small_store, out, again)["failed"] == []
    assert again.done == 1


# ---- errors


def test_audit__of_too_few_trainings_is_an_error_that_keeps_them(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("enas", tmp_path)
    with pytest.raises(RunError, match=r"only 2 of 5 architectures could be trained \(.*nan.*same command again"):
        run(small_store, out, Counting(unlucky={0, 2, 3}))
    assert len((out / "audit.jsonl").read_text().splitlines()) == 3


def test_audit__of_no_search_is_an_error(small_store: Store, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no search 0 to audit\. Run `ambergen search`"):
        run(small_store, tmp_path)


def test_audit__without_the_checkpoint_is_an_error(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("enas", tmp_path)
    (out / "checkpoints" / "search0.pt").unlink()
    with pytest.raises(RunError, match=r"search0\.pt: the checkpoint of the search is not there"):
        run(small_store, out)


def test_audit__refuses_other_settings_of_the_same_truth(
    small_store: Store, searched: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    out = searched("enas", tmp_path)
    run(small_store, out, n=3)
    longer = replace(config(), short_training=replace(config().short_training, train=replace(TRAIN, epochs=2)))
    with InlineExecutor() as executor, pytest.raises(ConfigError, match=r"epochs was 1 and is now 2.*audit\.jsonl"):
        audit(SPACE, small_store, longer, out, executor, HOW)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"n": 2}, "2 architectures"), ({"seeds": 0}, "0 trainings"), ({"top": 0.0}, r"top is 0\.0")],
)
def test_audit_config__says_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(HOW, **changes)


# ---- words


def interval(estimate: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"estimate": estimate, "low": low, "high": high}


def told(tau: dict[str, Any], partial: dict[str, Any], failed: int = 0) -> str:
    one = {"n": 40, "k": 8, "precision": interval(0.625), "regret": interval(0.004)}
    agreements = [
        {"score": SHARED, "tau": tau, "partial_tau": partial, **one},
        {"score": "parameters", "tau": interval(0.3, 0.1, 0.5), "partial_tau": interval(None), **one},
        {"score": "zico", "tau": interval(0.4, 0.2, 0.6), "partial_tau": interval(0.2, 0.0, 0.4), **one},
    ]
    return " ".join(sentences({"agreements": agreements, "level": 0.95, "failed": [{}] * failed, "n": 40}))


def test_sentences__say_what_tau_means() -> None:
    text = told(interval(0.6, 0.45, 0.7), interval(0.5, 0.3, 0.6))
    assert "in 80% of cases, better than a coin, which is right in 50%" in text
    assert "Kendall's tau-b is 0.60 (95% interval 0.45 to 0.70), over 40 networks of all sizes" in text
    assert "Of the 8 networks that it puts first, 5 are among the 8 best alone (by chance 1.6)" in text
    assert "the best of them is 0.004 below the best of all" in text
    assert (
        "With the number of parameters held equal, tau is 0.50; the number of parameters by itself has tau 0.30."
        in text
    )
    assert "zico ranks best, with tau 0.40 (95% interval 0.20 to 0.60); it was picked among 2" in text


@pytest.mark.parametrize(("precision", "words"), [(0.0, "is not the best alone"), (1.0, "is the best alone too")])
def test_sentences__of_one_best_network_speak_of_one(precision: float, words: str) -> None:
    one = {"n": 5, "k": 1, "precision": interval(precision), "regret": interval(0.004), "score": SHARED}
    found = {**one, "tau": interval(0.2, -1, 1), "partial_tau": interval(None)}
    text = sentences({"agreements": [found], "level": 0.95, "failed": [], "n": 5})[1]
    assert text == f"The network that it puts first {words}; it is 0.004 below the best of all."


def test_sentences__do_not_claim_what_the_interval_does_not() -> None:
    text = told(interval(0.1, -0.1, 0.3), interval(0.02, -0.2, 0.2), failed=2)
    assert "which 40 architectures cannot tell from a coin" in text
    assert "What the score knows beyond size cannot be told from nothing" in text
    assert "2 of 40 architectures could not be trained" in text
    assert "worse than a coin:" in told(interval(-0.4, -0.6, -0.2), interval(None))


def test_sentences__of_scores_that_are_all_the_same() -> None:
    assert "there is no order to compare" in told(interval(None), interval(None))


def test_sentences__say_how_well_trainings_agree_among_themselves() -> None:
    one = {"n": 40, "k": 8, "precision": interval(0.625), "regret": interval(0.004), "score": SHARED}
    record = {"agreements": [{**one, "tau": interval(0.3, 0.1, 0.5), "partial_tau": interval(None)}], "level": 0.95}
    record |= {"failed": [], "n": 40, "seeds": 2}
    told = sentences({**record, "reliability": {"tau": 0.4, "ceiling": 0.66}})[1]
    assert told == (
        "Trainings of the same networks with two seeds have tau 0.40 between them, so a score that knew what every "
        "network is worth would come to about 0.66 against the mean of 2 trainings."
    )
    assert "nothing can be held against them" in sentences({**record, "reliability": {"tau": -0.1, "ceiling": None}})[1]

"""The public names, as a user finds them in the documentation: ``import ambergen as ag``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

import ambergen as ag
from ambergen import api
from ambergen.api import SearchedRun
from ambergen.config import ExecuteConfig
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, SpaceError, StoreError
from ambergen.executors.inline import InlineExecutor
from ambergen.executors.ray import RayConfig
from ambergen.stages import alone
from tests.simulated import SPACE, TRAIN, search_config


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def searched(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    out = tmp_path_factory.mktemp("api") / "run"
    return ag.search(SPACE, small_store, method="enas", budget="6 steps", seed=0, out=out, config=search_config())


# ---- names


def test_import__and_a_space_do_without_torch() -> None:
    code = "import sys, ambergen as ag; ag.spaces.amber(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=600).returncode == 0


def public(module: Any) -> Iterator[tuple[str, Any]]:
    """Every name that `dir` shows, with what it stands for; a name that cannot be loaded raises."""
    for name in dir(module):
        value = getattr(module, name)
        yield f"{module.__name__}.{name}", value
        if hasattr(value, "__path__"):
            yield from public(value)


def test_names__all_that_are_offered_can_be_loaded() -> None:
    assert dict(public(ag)).keys() >= {
        "ambergen.search", "ambergen.load", "ambergen.Architecture", "ambergen.AmbergenError",
        "ambergen.spaces.amber", "ambergen.spaces.compact", "ambergen.models.build", "ambergen.models.supernet",
        "ambergen.datasets.build", "ambergen.datasets.open", "ambergen.metrics.auroc",
        "ambergen.metrics.average_precision", "ambergen.metrics.delong",
        "ambergen.baselines.deepsea", "ambergen.baselines.danq",
    }  # fmt: skip


def test_names__no_module_bears_the_name_of_a_function() -> None:
    """Once imported, it would take the function's place."""
    for name, value in public(ag):
        place = Path(ag.__file__).parent.joinpath(*name.split(".")[1:])
        assert not place.with_suffix(".py").exists(), name
        assert place.is_dir() == hasattr(value, "__path__"), name


def test_names__one_that_is_unknown_is_an_attribute_error() -> None:
    for module in (ag, ag.models):
        with pytest.raises(AttributeError, match=f"'{module.__name__}' has no attribute 'nothing'"):
            getattr(module, "nothing")  # noqa: B009


# ---- spaces, architectures, networks


def test_space__of_amber_seq_and_its_architectures(rng: np.random.Generator) -> None:
    space = ag.spaces.amber(width=32)
    assert (space.n_tokens, space.size) == (78, 7**12 * 2**66)
    architecture = space.sample(rng)
    assert ag.Architecture.from_json(architecture.to_json()) == architecture
    assert space.decode(space.encode(architecture)) == architecture
    assert {architecture: 1}[architecture] == 1


def test_networks__take_one_hot_windows_and_give_logits(rng: np.random.Generator) -> None:
    space = ag.spaces.amber(width=4)
    architecture = space.sample(rng)
    x = torch.eye(4)[torch.as_tensor(rng.integers(4, size=(2, 200)))].transpose(1, 2)
    child = ag.models.build(architecture, n_tracks=5, length=200, space=space).eval()
    supernet = ag.models.supernet(space, n_tracks=5, length=200).eval()
    with torch.no_grad():
        assert child(x).shape == supernet(x, architecture).shape == (2, 5)
        torch.testing.assert_close(supernet.child(architecture)(x), supernet(x, architecture))


def test_network__of_an_architecture_outside_the_space_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(SpaceError, match="12 layers; this space has 6"):
        ag.models.build(ag.spaces.amber().sample(rng), n_tracks=5, length=200, space=ag.spaces.compact())


def test_baselines__have_the_published_number_of_tracks() -> None:
    network = ag.baselines.deepsea(n_tracks=919)
    assert (network.n_tracks, network.length) == (919, 1000)


def test_metrics__are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    scores, labels = rng.normal(size=(50, 3)), rng.integers(2, size=(50, 3))
    for ours, theirs in (
        (ag.metrics.auroc, roc_auc_score),
        (ag.metrics.average_precision, average_precision_score),
    ):
        np.testing.assert_allclose(ours(scores, labels), theirs(labels, scores, average=None), atol=1e-12)


# ---- from a store to a model


def test_store__is_opened_by_its_folder(small_store: Store) -> None:
    for path in (small_store.path, str(small_store.path)):
        store = ag.datasets.open(path)
        assert store.checksum == small_store.checksum
        assert store.tracks == ("palindrome", "forward", "reverse")


def test_search__gives_a_winner_its_trials_and_its_cost(searched: SearchedRun) -> None:
    SPACE.check(searched.architecture)
    assert len(searched.trials) == 6
    assert searched.architecture in {f.architecture for f in searched.finalists}
    assert searched.cost.device_seconds > 0


def test_search__the_same_call_reads_a_finished_one(searched: SearchedRun, small_store: Store) -> None:
    before = {p: p.stat().st_mtime_ns for p in searched.out.rglob("*.*")}
    again = ag.search(
        SPACE, small_store, method="enas", budget="6 steps", out=str(searched.out), config=search_config()
    )
    assert (again.architecture, again.trials, again.cost) == (searched.architecture, searched.trials, searched.cost)
    assert {p: p.stat().st_mtime_ns for p in searched.out.rglob("*.*")} == before


def test_search__settings_can_be_given_one_by_one(small_store: Store, tmp_path: Path) -> None:
    run = ag.search(
        SPACE,
        small_store,
        method="enas",
        budget="3 steps",
        out=tmp_path,
        config=search_config(),
        updates=1,
        finalists=1,
    )
    assert (len(run.trials), len(run.finalists)) == (3, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "random_"}, r"method is 'random_'; expected enas, nas, .* or random. Did you mean 'random'\?"),
        ({"objective": "auprc"}, r"objective is 'auprc'; expected auroc, average_precision, .* or a function of yours"),
        ({"budget": "30"}, r"'30' is no budget"),
        ({"budget": "0 steps"}, r"not above zero"),
        ({"finalists": 0}, r"finalists is 0; expected at least 1"),
    ],
)
def test_search__refuses_impossible_settings(
    small_store: Store, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ag.search(SPACE, small_store, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "execute"),
    [
        ({}, ExecuteConfig(engine="inline")),
        ({"workers": 1}, ExecuteConfig(1, "inline")),
        ({"workers": 3}, ExecuteConfig(3, "processes")),
        ({"workers": 1, "engine": "processes"}, ExecuteConfig(1, "processes")),
        ({"engine": "ray"}, ExecuteConfig(engine="ray")),
        ({"ray_address": "auto"}, ExecuteConfig(engine="ray", ray=RayConfig("auto"))),
    ],
)
def test_search__has_the_engines_of_a_run_file(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], execute: ExecuteConfig
) -> None:
    asked = []

    def opened(config: ExecuteConfig) -> InlineExecutor:
        asked.append(config)
        return InlineExecutor()

    monkeypatch.setattr(api, "open_executor", opened)
    run = ag.search(
        SPACE, small_store, method="enas", budget="3 steps", out=tmp_path, config=search_config(finalists=1), **given
    )
    run.train(seeds=1, config=TRAIN)
    assert asked == [execute, execute]


def test_search__trains_in_a_process_that_is_asked_for(small_store: Store, tmp_path: Path) -> None:
    config = search_config(finalists=1)
    run = ag.search(
        SPACE, small_store, "random", "1 trials", out=tmp_path, config=config, workers=1, engine="processes"
    )
    assert [t.status for t in run.trials] == ["done"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "slurm"}, r"execute.engine is 'slurm'; expected one of inline, processes, ray"),
        ({"engine": "inline", "workers": 2}, r"execute.workers is 2; expected 1: this process is the worker"),
        ({"engine": "processes", "ray_address": "auto"}, r"ray_address is 'auto' and the engine is 'processes'"),
        ({"ray_address": "nowhere"}, r"address is 'nowhere'; expected auto, or host:port"),
    ],
)
def test_search__refuses_an_engine_that_is_none(
    small_store: Store, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ag.search(SPACE, small_store, method="enas", budget="3 steps", out=tmp_path, config=search_config(), **given)
    assert not (tmp_path / "events.jsonl").exists()


def test_search__refuses_a_folder_where_another_is_at_work(small_store: Store, tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(RunError, match="another ambergen is at work in this folder"):
        ag.search(SPACE, small_store, out=tmp_path, config=search_config())


def test_train__gives_models_that_are_scorers_and_come_back_from_disk(
    searched: SearchedRun, small_store: Store, tmp_path: Path
) -> None:
    (model,) = searched.train(seeds=1, config=TRAIN)
    tokens = small_store.tokens(small_store.indices("test"))
    logits = model.predict(tokens)
    assert logits.shape == (len(tokens), 3)
    assert (model.length, model.tracks, model.output) == (64, small_store.tracks, "logit")
    assert model.provenance["store"] == small_store.checksum
    assert model.provenance["search"]["budget"] == "6 steps"
    assert model.provenance["versions"]["ambergen"] == ag.__version__
    model.save(tmp_path / "model")
    for folder in (tmp_path / "model", searched.out / "models" / searched.architecture.id / "seed0"):
        np.testing.assert_array_equal(ag.load(folder).predict(tokens), logits)


def test_train__keeps_a_model_that_is_there(searched: SearchedRun) -> None:
    searched.train(seeds=1, config=TRAIN)
    weights = searched.out / "models" / searched.architecture.id / "seed0" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert len(searched.train(seeds=2, config=TRAIN)) == 2
    assert weights.stat().st_mtime_ns == before


def test_train__with_another_configuration_is_refused(searched: SearchedRun) -> None:
    searched.train(seeds=1, config=TRAIN)
    with pytest.raises(ConfigError, match=r"train stage was begun with other settings: train\.batch was 64 and is now"):
        searched.train(seeds=1, config=replace(TRAIN, batch=32))


def test_train__that_fails_names_the_folder_and_the_reason(searched: SearchedRun) -> None:
    folder = searched.out / "models" / searched.architecture.id / "seed2"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    with pytest.raises(RunError, match=r"seed2: the training failed \(StoreError: .*\). The same call continues it"):
        searched.train(seeds=3, config=TRAIN)


def test_load__of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"model\.json: not the description of a model"):
        ag.load(tmp_path)

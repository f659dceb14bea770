"""The comparison end to end: real networks on a simulated genome, interrupted, repeated and with a broken entrant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.pwm import PWM
from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, SplitError
from ambergen.executors.base import Job
from ambergen.executors.inline import InlineExecutor
from ambergen.metrics.ranking import ranking
from ambergen.models.deepbind import DeepBindShape
from ambergen.models.factory import make_network
from ambergen.training.model import Model
from ambergen.validation.compare import Comparison, _recipe, compare
from ambergen.validation.config import CompareConfig
from ambergen.validation.entrants import Winner, make_entrants, sample
from tests.simulated import MOTIFS, SPACE, TRAIN

WINNER = Winner(SPACE.sample(np.random.default_rng(9)), 0, Cost(60.0))


def run(store: Store, out: Path, executor: InlineExecutor | None = None, **changes: Any) -> Comparison:
    options: dict[str, Any] = {"config": CompareConfig(sampled=2), "seeds": 2, "train": TRAIN, **changes}
    with executor or InlineExecutor() as open_executor:
        return compare(
            store,
            SPACE,
            [WINNER],
            options["config"],
            options["train"],
            options["seeds"],
            0,
            open_executor,
            out,
            "float32",
        )


@pytest.fixture(scope="module")
def finished(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    out = tmp_path_factory.mktemp("compare")
    return out, run(small_store, out)


@pytest.fixture
def copied(finished: tuple[Path, Comparison], tmp_path: Path) -> Path:
    """A finished run directory that a test may damage."""
    return Path(shutil.copytree(finished[0], tmp_path / "run"))


def figures(comparison: Comparison) -> pd.DataFrame:
    """Test scores by model, seed and track."""
    keys = ["model", "seed", "track"]
    return comparison.table[[*keys, "auroc", "average_precision"]].sort_values(keys, ignore_index=True)


def trained(out: Path) -> dict[Path, int]:
    """When each model was written."""
    return {path: path.stat().st_mtime_ns for path in (out / "models").rglob("model.json")}


def test_compare__writes_table_and_summary(finished: tuple[Path, Comparison]) -> None:
    out, comparison = finished
    pd.testing.assert_frame_equal(pd.read_parquet(out / "compare.parquet"), comparison.table)
    summary = json.loads((out / "compare.json").read_text())
    assert summary["sentences"] == comparison.summary["sentences"]
    groups = [m["group"] for m in summary["models"]]
    assert groups == ["searched", "ensemble", "sampled", "sampled", "expert", "expert", "kmer"]
    assert not comparison.failures
    assert summary["tracks"]["undefined"][0]["track"] == "palindrome"
    assert set(summary["curves"]["tracks"]) == {"forward", "reverse"}
    assert (out / "models" / WINNER.architecture.id / "seed1" / "history.jsonl").exists()
    assert not list(out.glob(".*"))


def test_compare__figures_are_those_of_the_models_on_the_test_split(
    finished: tuple[Path, Comparison], small_store: Store
) -> None:
    out, comparison = finished
    rows = small_store.indices("test")
    folders = [out / "models" / WINNER.architecture.id / f"seed{k}" for k in range(2)]
    logits = [Model.load(folder).predict(small_store.tokens(rows)) for folder in folders]
    shown = {"searched": logits[1], "searched, ensemble of seeds": (logits[0] + logits[1]) / 2}
    for name, scores in shown.items():
        own = comparison.table[(comparison.table["model"] == name) & (comparison.table["seed"].fillna(1) == 1)]
        expected = ranking(scores, small_store.labels(rows))
        np.testing.assert_allclose(own["auroc"], expected.auroc, atol=1e-6)
        np.testing.assert_allclose(own["average_precision"], expected.average_precision, atol=1e-6)


def test_compare__again_takes_every_model_as_it_is(copied: Path, small_store: Store, finished: Any) -> None:
    before = trained(copied)
    again = run(small_store, copied)
    assert trained(copied) == before
    pd.testing.assert_frame_equal(again.table, finished[1].table)


class Interrupted(InlineExecutor):
    """The user presses Ctrl-C after some jobs."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for done, job in enumerate(super().as_completed(jobs), start=1):
            yield job
            if done == self.after:
                raise KeyboardInterrupt


def test_compare__interrupted_goes_on_where_it_stopped(small_store: Store, tmp_path: Path, finished: Any) -> None:
    changes = {"config": CompareConfig(sampled=1, scorers=()), "seeds": 1}
    with pytest.raises(KeyboardInterrupt):
        run(small_store, tmp_path, Interrupted(after=1), **changes)
    before = trained(tmp_path)
    assert len(before) == 1
    assert not (tmp_path / "compare.json").exists()
    resumed = run(small_store, tmp_path, **changes)
    assert before.items() <= trained(tmp_path).items()
    whole = figures(finished[1])
    same = whole[whole["model"].isin(["searched", "sampled 1"]) & (whole["seed"] == 0)].reset_index(drop=True)
    pd.testing.assert_frame_equal(figures(resumed), same)


def test_compare__experts_learn_at_their_own_rate_and_longer(small_store: Store, tmp_path: Path) -> None:
    config = CompareConfig(sampled=1, scorers=("deepsea",), expert_rate=0.25, expert_epochs=1.5)
    recipe = replace(TRAIN, epochs=8, learning_rate=4e-3, full_rate_inputs=64)
    entrants = make_entrants(small_store, SPACE, [], config, 1, 0, tmp_path)
    sampled, expert = (_recipe(recipe, entrant, config) for entrant in entrants)
    assert sampled == recipe
    assert expert == replace(recipe, epochs=12, learning_rate=1e-3, full_rate_inputs=None, gradient_clip=1.0)


def test_compare__a_failing_entrant_is_reported_and_left_out(copied: Path, small_store: Store) -> None:
    folder = next((copied / "models").glob("danq*"))
    for seed in range(2):
        (folder / f"seed{seed}" / "model.safetensors").write_bytes(b"torn")
    sampled = sample(SPACE, 1, 0)[0].id
    (copied / "models" / sampled / "seed0" / "model.json").write_text("{}")
    comparison = run(small_store, copied)
    assert [(f.model, f.seed) for f in comparison.failures] == [
        ("sampled 1", 0),
        (f"DanQ ×{1 / 16:g}", 0),
        (f"DanQ ×{1 / 16:g}", 1),
    ]
    seeds = {m["model"]: m["seeds"] for m in comparison.summary["models"]}
    assert seeds["sampled 1"] == [1]
    assert not any(name.startswith("DanQ") for name in seeds)
    told = [s for s in comparison.summary["sentences"] if s.startswith("Could not be trained")]
    assert any("DanQ ×0.0625 (seed 0)" in s and "The folder is damaged" in s for s in told)


def test_compare__refuses_a_model_of_another_store(copied: Path, small_store: Store) -> None:
    for path in (copied / "models").rglob("model.json"):
        record = json.loads(path.read_text())
        record["provenance"]["store"] = "another"
        path.write_text(json.dumps(record))
    config = CompareConfig(sampled=0, scorers=())
    with pytest.raises(RunError, match=r"no model could be trained.*was trained on another store.*Remove the folder"):
        run(small_store, copied, config=config)


def test_compare__refuses_a_test_split_that_measures_nothing(small_store: Store, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_store.path, tmp_path / "store"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["counts"]["test"]["positives"] = [9, 9, 9]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SplitError, match="test split has 125 windows, and no track of it has 10 positive and 10 negat"):
        run(Store.open(folder), tmp_path / "run")


def test_compare__winners_may_share_an_architecture(small_store: Store, copied: Path) -> None:
    twice = [WINNER, replace(WINNER, search=1)]
    before = trained(copied)
    with InlineExecutor() as executor:
        found = compare(
            small_store, SPACE, twice, CompareConfig(2, 2, scorers=()), TRAIN, 2, 0, executor, copied, "float32"
        )
    assert trained(copied) == before
    assert found.summary["tests"][0]["p"] is not None
    assert found.summary["tests"][0]["n_a"] == 2


def test_compare__takes_rivals_that_were_trained_before(small_store: Store, tmp_path: Path) -> None:
    origin = {"store": small_store.checksum, "training": {"cost": Cost(2.0, 10).to_dict()}}
    shape = DeepBindShape(4, 6, motif_deviation=1.0, deviation=1.0)
    for k in range(2):
        network = make_network("deepbind", {"shape": asdict(shape)}, 3, small_store.length, seed=k)
        spec, partner = {"shape": asdict(shape)}, small_store.reverse_partner
        model = Model(network, "deepbind", spec, small_store.tracks, partner, provenance=origin)
        model.save(tmp_path / "rivals" / "deepbind" / f"seed{k}")
    matrices = {track: [PWM([[9.0 * (base == letter) + 1 for letter in text] for base in "ACGT"])]
                for track, text in MOTIFS.items()}  # fmt: skip
    motifs = MotifScorer(matrices, small_store.length, provenance={"store": small_store.checksum})
    motifs.save(tmp_path / "rivals" / "pwm" / "seed0")
    config = CompareConfig(sampled=1, scorers=(), trained=("deepbind", "pwm"))
    found = run(small_store, tmp_path, config=config, seeds=1)
    assert not found.failures
    models = {m["model"]: m for m in found.summary["models"]}
    deepbind = models["DeepBind, own recipe"]
    assert (deepbind["group"], deepbind["seeds"], deepbind["device_seconds"]) == ("rival", [0, 1], 2.0)
    assert deepbind["parameters"] == 3 * (4 * 4 * 6 + 4 + 4 * 32 + 32 + 32 + 1)
    rows = small_store.indices("test")
    expected = ranking(motifs.predict(small_store.tokens(rows)), small_store.labels(rows))
    shown = found.table[found.table["model"] == "known motifs"]
    np.testing.assert_allclose(shown["auroc"], expected.auroc)
    assert shown["auroc"].min() > 0.8
    (tmp_path / "rivals" / "pwm" / "seed0").rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"compare.trained: pwm is named, and there is no model of it.*--scorer pwm"):
        run(small_store, tmp_path, config=config, seeds=1)
    MotifScorer(matrices, small_store.length, provenance={"store": "another"}).save(tmp_path / "rivals/pwm/seed0")
    failed = run(small_store, tmp_path, config=config, seeds=1).failures
    assert [(one.model, one.seed) for one in failed] == [("known motifs", 0)]
    assert "trained on another store" in failed[0].reason


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"scorers": ("gkm",), "trained": ("gkm",)}, "gkm is among scorers and among trained"),
        ({"scorers": ("pwm",)}, "no motifs are given; expected a file of motifs"),
        ({"scorers": ("gkm",), "motifs": Path("m.jaspar")}, "motifs are m.jaspar; expected a file"),
        ({"settings": -1}, "settings is -1"),
    ],
)
def test_compare_config__scorers_with_recipes_of_their_own(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CompareConfig(**keys)


def test_compare_config__own_recipes_stand_after_what_was_trained() -> None:
    config = CompareConfig(scorers=("kmer", "gkm", "deepbind"), trained=("danq",))
    assert config.own_recipe == ("gkm", "deepbind")
    assert config.rivals == ("danq", "gkm", "deepbind")

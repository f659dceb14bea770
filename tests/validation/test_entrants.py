"""Who takes part: names, scales and folders; sampled architectures are distinct, repeatable and, if asked, as large."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.models import danq, deepsea
from ambergen.models.factory import make_network
from ambergen.models.summary import child_parameters, multiply_adds, n_parameters
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import preset
from ambergen.spaces.space import Space
from ambergen.validation.config import CompareConfig
from ambergen.validation.entrants import SCALES, Winner, make_entrants, nearest_scale, sample, sample_matched
from tests.simulated import SPACE

WINNERS = [Winner(SPACE.sample(np.random.default_rng(k)), k, Cost(5.0)) for k in range(2)]


def size(architecture: Architecture) -> int:
    return child_parameters(SPACE, architecture, 3, 64)


def test_make_entrants__names_groups_and_folders(small_store: Store, tmp_path: Path) -> None:
    entrants = make_entrants(small_store, SPACE, WINNERS, CompareConfig(searches=2, sampled=2), 3, 0, tmp_path)
    shown = [(e.model, e.group, e.search, len(e.folders)) for e in entrants]
    assert shown == [
        ("searched 1", "searched", 0, 3),
        ("searched 2", "searched", 1, 3),
        ("sampled 1", "sampled", None, 3),
        ("sampled 2", "sampled", None, 3),
        ("DeepSEA ×0.0625", "expert", None, 3),
        ("DanQ ×0.0625", "expert", None, 3),
        ("k-mer regression", "kmer", None, 1),
    ]
    first = entrants[0]
    assert first.folders[1] == tmp_path / WINNERS[0].architecture.id / "seed1"
    assert first.parameters == size(WINNERS[0].architecture)
    assert entrants[4].folders[0] == tmp_path / "deepsea-x0.0625" / "seed0"
    assert entrants[4].parameters == n_parameters(make_network("deepsea", {"scale": 1 / 16}, 3, 64))
    assert "padding SAME, since windows of 64 bp are too short" in str(entrants[4].note)
    assert "multiple of 1/16 whose multiply-adds" in str(entrants[5].note)


def test_make_entrants__one_search_needs_no_number_and_its_models_may_lie_elsewhere(
    small_store: Store, tmp_path: Path
) -> None:
    winner = replace(WINNERS[0], folders=(tmp_path / "mine",))
    config = CompareConfig(sampled=0, scorers=())
    (only,) = make_entrants(small_store, SPACE, [winner], config, 2, 0, tmp_path)
    assert only.model == "searched"
    assert only.folders == (tmp_path / "mine", tmp_path / winner.architecture.id / "seed1")


def test_make_entrants__published_widths_bear_the_published_name(small_store: Store, tmp_path: Path) -> None:
    config = CompareConfig(sampled=0, scorers=("deepsea", "danq"), published_widths=True)
    names = [e.model for e in make_entrants(small_store, SPACE, WINNERS[:1], config, 1, 0, tmp_path)]
    assert names == ["searched", "DeepSEA", "DanQ"]


@pytest.mark.parametrize("count", [deepsea.multiply_adds, danq.multiply_adds])
@pytest.mark.parametrize("target", [1e5, 3e6, 4e7, 1e12])
def test_nearest_scale__no_other_sixteenth_is_nearer(count: object, target: float) -> None:
    chosen = nearest_scale(count, 919, 1000, target)  # type: ignore[arg-type]
    distances = [abs(count(919, 1000, s, 4) - target) for s in SCALES]  # type: ignore[operator]
    assert chosen * 16 == int(chosen * 16)
    assert abs(count(919, 1000, chosen, 4) - target) == min(distances)  # type: ignore[operator]


def test_nearest_scale__of_the_full_amber_child_is_stated_by_the_rule() -> None:
    space = preset("amber")
    child = space.sample(np.random.default_rng(0))
    target = multiply_adds(space, child, 919, 1000)
    assert nearest_scale(deepsea.multiply_adds, 919, 1000, target) < 1


# ---- sampled architectures


def test_sample__is_distinct_and_begins_the_same_whatever_the_number() -> None:
    drawn = sample(SPACE, 8, seed=3)
    assert len(set(drawn)) == 8
    assert sample(SPACE, 3, seed=3) == drawn[:3]
    assert sample(SPACE, 3, seed=4) != drawn[:3]


def test_sample__says_when_the_space_is_too_small() -> None:
    tiny = Space(layers=1, operations=("conv4", "identity"), reduce=(), skips="none")
    with pytest.raises(
        ConfigError, match=r"compare.sampled is 3; found only 2 distinct architectures.*widen the space"
    ):
        sample(tiny, 3, seed=0)


def test_sample_matched__lies_within_a_fifth() -> None:
    target = float(size(WINNERS[0].architecture))
    drawn = sample_matched(SPACE, 4, 0, target, size)
    assert len(set(drawn)) == 4
    assert all(0.8 * target <= size(a) <= 1.2 * target for a in drawn)


def test_sample_matched__says_what_was_looked_for() -> None:
    with pytest.raises(ConfigError, match=r"hold 0 distinct ones with 80 to 120 parameters.*leave matched_parameters"):
        sample_matched(SPACE, 2, 0, 100, lambda _: 10**6)


def test_make_entrants__matched_architectures_come_beside_the_sampled_ones(small_store: Store, tmp_path: Path) -> None:
    config = CompareConfig(sampled=2, scorers=(), matched_parameters=True)
    entrants = make_entrants(small_store, SPACE, WINNERS, config, 1, 0, tmp_path)
    assert [e.group for e in entrants] == ["searched"] * 2 + ["sampled"] * 2 + ["matched"] * 2
    mean = np.mean([size(w.architecture) for w in WINNERS])
    assert all(0.8 * mean <= (e.parameters or 0) <= 1.2 * mean for e in entrants[-2:])

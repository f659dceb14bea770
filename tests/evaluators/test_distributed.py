"""Two processes over gloo do what one does with the joined batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError
from ambergen.evaluators import distributed
from ambergen.evaluators.distributed import JoinedBatchNorm, World, join, leave, world
from ambergen.evaluators.shared_weights import _check_shares
from ambergen.models.layers import BatchNorm
from ambergen.training.checkpoint import load_checkpoint
from tests.evaluators.two_ranks import CONFIGS, course
from tests.ranks import end, start_ranks


@pytest.fixture(scope="module")
def two_ranks(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What rank 0 of two found, by name of the configuration."""
    result = tmp_path_factory.mktemp("ranks") / "result.pt"
    for status, _, messages in end(start_ranks("-m", "tests.evaluators.two_ranks", str(small_store.path), str(result))):
        assert status == 0, messages
    found = load_checkpoint(result)
    assert found is not None
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_two_ranks__do_what_one_does(small_store: Store, two_ranks: dict[str, Any], name: str) -> None:
    found, expected = two_ranks[name], course(small_store, CONFIGS[name])
    assert found["windows"] == expected["windows"]
    assert found["losses"] == pytest.approx(expected["losses"], rel=1e-4)
    assert found["gradients"].keys() == expected["gradients"].keys()
    torch.testing.assert_close(found["gradients"], expected["gradients"], rtol=1e-3, atol=1e-6)
    # Where a gradient is nothing but rounding (a bias before a batch norm), Adam makes a whole step of it.
    for key, gradient in expected["gradients"].items():
        is_real = gradient.abs() > 1e-5
        mine, its = (run["state"]["supernet"][key][is_real] for run in (found, expected))
        torch.testing.assert_close(mine, its, rtol=0, atol=1e-6)
    for key, value in expected["state"]["supernet"].items():
        if "running" in key:
            torch.testing.assert_close(found["state"]["supernet"][key], value, rtol=1e-5, atol=1e-6)
    assert found["steps_done"] == expected["steps_done"] == 4
    assert found["scores"] == pytest.approx(expected["scores"], abs=5e-3)
    assert found["scores"][0] == found["scores"][-1]


# ---- one process


def test_world__alone_has_nothing_to_say() -> None:
    alone = World()
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    alone.add_gradients([parameter])
    with alone.together("anything"):
        pass
    assert parameter.grad.tolist() == [1, 1]
    assert alone.broadcast(3) == 3
    assert alone.gather("a") == ["a"]
    assert world().size == join().size == 1
    leave()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_joined_batch_norm__of_one_rank_is_a_batch_norm(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    norm, twin = BatchNorm(5), BatchNorm(5)
    joined = JoinedBatchNorm(twin, World())
    for module in (norm, twin):
        with torch.no_grad():
            module.weight.copy_(torch.linspace(0.5, 2, 5))
            module.bias.copy_(torch.linspace(-1, 1, 5))
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 5e-2}
    for seed in range(2):
        x = (3 + 2 * torch.randn(4, 5, 1, 6, generator=torch.Generator().manual_seed(seed))).to(dtype)
        slopes, outputs = [], []
        for module in (norm, joined):
            inputs = x.clone().requires_grad_()
            module.zero_grad()
            out = module(inputs)
            (out.float() ** 3).sum().backward()
            slopes.append([inputs.grad, module.weight.grad.clone(), module.bias.grad.clone()])
            outputs.append(out)
        torch.testing.assert_close(outputs[1], outputs[0], **tolerance)
        if dtype == torch.float32:
            torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-3)
    assert joined.state_dict().keys() == norm.state_dict().keys()
    torch.testing.assert_close(joined.state_dict(), norm.state_dict(), **tolerance)
    with torch.no_grad():
        torch.testing.assert_close(joined.eval()(x), norm.eval()(x), **tolerance)


def test_joined_batch_norm__says_nothing_to_others_while_rating() -> None:
    """Ranks rate different architectures, so nobody would answer; here there is nobody, and a word would raise."""
    joined = JoinedBatchNorm(BatchNorm(3), World(0, 2)).train()
    with torch.no_grad():
        joined(torch.randn(4, 3, 1, 2))
    assert joined.num_batches_tracked == 1


# ---- what is refused


def test_join__without_torchruns_variables_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match=r"WORLD_SIZE is 2, but RANK, MASTER_ADDR, MASTER_PORT is not set.*torchrun"):
        join()


def test_together__an_error_inside_leaves_no_whole_world() -> None:
    one = World()
    with pytest.raises(ZeroDivisionError), one.together("train"):
        _ = 1 / 0
    assert not one.is_whole


def test_conversation__a_lost_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: Any, **__: Any) -> None:
        raise RuntimeError("Connection closed by peer [127.0.0.1]:4242\nmore")

    monkeypatch.setattr(distributed.dist, "all_reduce", closed)
    one = World(0, 2)
    with pytest.raises(RunError, match=r"rank 0 has lost another of the 2 processes .*closed by peer.*continues from"):
        one.add([torch.ones(2)])
    assert not one.is_whole


def test_shares__of_a_batch_are_equal() -> None:
    _check_shares(256, 4)
    with pytest.raises(ConfigError, match=r"batch of 250 windows .*among 4 processes.*supernet\.train\.batch to 248"):
        _check_shares(250, 4)

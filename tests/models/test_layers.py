"""Layers against loops written from the definition of SAME padding, and against PyTorch's own where they are plain."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ambergen.models.layers import (
    CHANNELS_LAST,
    ActivityPenalty,
    AvgPoolSame,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    MaxPoolReduce,
    MaxPoolSame,
    TrackNetwork,
    at_least_float32,
    batch_statistics,
    one_hot,
)


def channels_last(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype).contiguous(memory_format=CHANNELS_LAST)


def same_windows(length: int, kernel: int, stride: int) -> list[tuple[int, int]]:
    """First and last position of every pooling window under SAME padding, without what falls outside."""
    n = math.ceil(length / stride)
    left = max((n - 1) * stride + kernel - length, 0) // 2
    firsts = [i * stride - left for i in range(n)]
    return [(max(first, 0), min(first + kernel, length)) for first in firsts]


def slow_pool(x: Tensor, kernel: int, stride: int, kind: str) -> Tensor:
    windows = same_windows(x.shape[-1], kernel, stride)
    parts = [x[..., a:b].amax(-1) if kind == "max" else x[..., a:b].mean(-1) for a, b in windows]
    return torch.stack(parts, dim=-1)


# ---- one-hot


def test_one_hot__has_a_one_at_the_symbol_and_zeros_where_unknown() -> None:
    tokens = torch.tensor([[0, 1, 2, 3, 4]], dtype=torch.uint8)
    expected = torch.cat([torch.eye(4), torch.zeros(4, 1)], dim=1)
    assert torch.equal(one_hot(tokens)[0], expected)


def test_one_hot__is_channels_last_in_memory() -> None:
    x = one_hot(torch.randint(0, 5, (3, 7), dtype=torch.uint8), torch.bfloat16)
    assert x.dtype == torch.bfloat16
    assert x.unsqueeze(2).is_contiguous(memory_format=CHANNELS_LAST)


def test_one_hot__takes_alphabets_of_any_size() -> None:
    tokens = torch.tensor([[19, 20]], dtype=torch.uint8)
    x = one_hot(tokens, n_symbols=20)
    assert x.shape == (1, 20, 2)
    assert x.sum(1).tolist() == [[1.0, 0.0]]


# ---- convolution


@pytest.mark.parametrize("channels", [4, 40])
@pytest.mark.parametrize("dilation", [1, 2, 3, 10])
@pytest.mark.parametrize("kernel", range(1, 10))
def test_conv__equals_conv1d_with_padding_written_out(kernel: int, dilation: int, channels: int) -> None:
    torch.manual_seed(kernel * 100 + dilation)
    conv = Conv(channels, 3, kernel, dilation, bias=True).double()
    nn.init.normal_(conv.bias)
    x = channels_last(2, channels, 1, 23).requires_grad_()
    total = (kernel - 1) * dilation
    plain = nn.Sequential(
        nn.ConstantPad1d((total // 2, total - total // 2), 0.0), nn.Conv1d(channels, 3, kernel, dilation=dilation)
    ).double()
    plain[1].load_state_dict({"weight": conv.weight.detach().squeeze(2), "bias": conv.bias.detach()})
    weights = torch.randn(2, 3, 23, dtype=torch.float64)
    (conv(x).squeeze(2) * weights).sum().backward()
    mine = x.grad.clone(), conv.weight.grad.squeeze(2), conv.bias.grad
    x.grad = None
    (plain(x.squeeze(2)) * weights).sum().backward()
    torch.testing.assert_close(conv(x).squeeze(2), plain(x.squeeze(2)), rtol=1e-12, atol=1e-12)
    for found, expected in zip(mine, (x.grad, plain[1].weight.grad, plain[1].bias.grad), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@given(kernel=st.integers(1, 9), dilation=st.integers(1, 4), length=st.integers(1, 30))
def test_conv__keeps_the_length_with_padding_same(kernel: int, dilation: int, length: int) -> None:
    assert Conv(2, 3, kernel, dilation)(torch.zeros(1, 2, 1, length)).shape == (1, 3, 1, length)


def test_conv__pads_nothing_when_valid() -> None:
    conv = Conv(2, 3, 8, padding="valid").double()
    x = channels_last(1, 2, 1, 20)
    expected = nn.functional.conv1d(x.squeeze(2), conv.weight.squeeze(2))
    torch.testing.assert_close(conv(x).squeeze(2), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("channels", [8, 40])
def test_conv__gives_channels_last_memory_back(channels: int) -> None:
    x = channels_last(2, channels, 1, 16, dtype=torch.float32)
    for kernel, dilation in ((8, 1), (4, 10), (1, 1)):
        assert Conv(channels, 8, kernel, dilation)(x).is_contiguous(memory_format=CHANNELS_LAST)


def test_conv__computes_in_the_dtype_of_its_input_with_float32_weights() -> None:
    conv = Conv(4, 8, 8, bias=True)
    out = conv(channels_last(2, 4, 1, 16, dtype=torch.bfloat16))
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert conv.weight.dtype == conv.weight.grad.dtype == conv.bias.grad.dtype == torch.float32


# ---- pools


@given(kernel=st.integers(1, 6), length=st.integers(1, 40))
def test_max_pool_same__equals_a_slow_loop(kernel: int, length: int) -> None:
    x = channels_last(2, 3, 1, length).relu()
    expected = slow_pool(x, kernel, 1, "max")
    assert torch.equal(MaxPoolSame(kernel)(x), expected)
    with torch.no_grad():  # another way, without the places of the maxima
        assert torch.equal(MaxPoolSame(kernel)(x), expected)


@given(kernel=st.integers(1, 6), length=st.integers(1, 40))
def test_avg_pool_same__equals_a_slow_loop(kernel: int, length: int) -> None:
    x = channels_last(2, 3, 1, length)
    pool = AvgPoolSame(kernel, length)
    torch.testing.assert_close(pool(x), slow_pool(x, kernel, 1, "mean"), rtol=1e-6, atol=1e-6)


@given(kernel=st.integers(2, 6), length=st.integers(1, 70))
def test_max_pool_reduce__equals_a_slow_loop(kernel: int, length: int) -> None:
    x = channels_last(2, 3, 1, length)
    assert torch.equal(MaxPoolReduce(kernel, length)(x), slow_pool(x, kernel, kernel, "max"))


def test_max_pool_reduce__lengths_of_the_published_network() -> None:
    x, lengths = torch.zeros(1, 1, 1, 1000), []
    while len(lengths) < 3:
        x = MaxPoolReduce(4, x.shape[-1])(x)
        lengths.append(x.shape[-1])
    assert lengths == [250, 63, 16]


@pytest.mark.parametrize("pool", [MaxPoolSame(4), AvgPoolSame(4, 20), MaxPoolReduce(4, 20)])
def test_pools__give_channels_last_memory_back(pool: nn.Module) -> None:
    x = channels_last(2, 8, 1, 20)
    assert pool(x).is_contiguous(memory_format=CHANNELS_LAST)
    with torch.no_grad():
        assert pool(x).is_contiguous(memory_format=CHANNELS_LAST)


# ---- batch norm


def test_batch_norm__uses_the_published_decay_and_epsilon() -> None:
    norm = BatchNorm(3)
    x = torch.randn(5, 3, 1, 7) * 2 + 1
    norm(x)
    assert norm.eps == 1e-5
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * x.var((0, 2, 3)))


def test_batch_statistics__normalises_with_the_batch_and_leaves_the_running_ones() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(BatchNorm(3), nn.ReLU(), BatchNorm(3))
    network(torch.randn(9, 3, 1, 4))
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.randn(6, 3, 1, 5) * 3 + 2
    with batch_statistics(network):
        inside = network(x)
    centred = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
    rectified = centred.relu()
    mean, var = rectified.mean((0, 2, 3), keepdim=True), rectified.var((0, 2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(inside, (rectified - mean) / (var + 1e-5).sqrt())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not torch.allclose(network(x), inside)


def test_batch_statistics__ends_when_the_block_raises() -> None:
    network = nn.Sequential(BatchNorm(3)).eval()
    with pytest.raises(ZeroDivisionError), batch_statistics(network):
        raise ZeroDivisionError
    x = torch.randn(6, 3, 1, 5)
    torch.testing.assert_close(network(x), x / math.sqrt(1 + 1e-5))


# ---- dense, dropout


def test_linear__computes_in_the_dtype_of_its_input() -> None:
    layer = Linear(5, 3)
    x = torch.randn(2, 5)
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
    assert layer(x.bfloat16()).dtype == torch.bfloat16
    assert layer.bias.abs().sum() == 0
    assert layer.weight.abs().max() <= math.sqrt(6 / 8)


def test_at_least_float32__only_raises_the_precision() -> None:
    for before, after in (
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        assert at_least_float32(torch.zeros(1, dtype=before)).dtype == after


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_dropout__drops_its_rate_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(1)
    out = Dropout(rate)(torch.ones(400, 1001))
    dropped = round(rate * 256) / 256
    kept = out[out != 0]
    assert kept.unique().numel() == 1
    assert kept[0].item() == pytest.approx(1 / (1 - dropped), rel=1e-6)
    # Five standard errors of a share of n values.
    assert (out == 0).double().mean().item() == pytest.approx(
        dropped, abs=5 * math.sqrt(dropped * (1 - dropped) / out.numel())
    )


def test_dropout__of_neighbours_is_independent() -> None:
    torch.manual_seed(2)
    zero = (Dropout(0.5)(torch.ones(1 << 18)) == 0).double() - 0.5
    for distance in (1, 2, 8, 64):
        assert abs((zero[distance:] * zero[:-distance]).mean().item() * 4) < 5 / math.sqrt(len(zero))


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.4, 0.999])
def test_dropout__is_the_identity_in_evaluation(rate: float) -> None:
    x = torch.randn(3, 5)
    assert Dropout(rate).eval()(x) is x


def test_dropout__follows_torchs_seed() -> None:
    layer, x = Dropout(0.4), torch.ones(7, 13)
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        draws.append(layer(x))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_dropout__keeps_memory_layout_and_dtype(dtype: torch.dtype) -> None:
    layer = Dropout(0.5)
    x = channels_last(3, 8, 1, 11, dtype=dtype)
    assert layer(x).is_contiguous(memory_format=CHANNELS_LAST)
    assert layer(x).dtype == dtype
    strided = torch.randn(6, 10, dtype=dtype)[:, ::2]
    out = layer(strided)
    assert set((out / strided).unique().tolist()) <= {0.0, 2.0}


def test_dropout__passes_gradients_where_it_kept() -> None:
    torch.manual_seed(5)
    x = torch.randn(4, 9, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    assert torch.equal(x.grad, (out != 0) * 2.0)


def test_track_network__without_an_output_layer_says_so() -> None:
    with pytest.raises(TypeError, match="names no output layer"):
        _ = TrackNetwork().output_layer


def test_batch_norm__takes_a_single_value_by_the_running_statistics() -> None:
    """The last batch of an epoch may be one window, at a stage where its length is one."""
    norm = BatchNorm(3)
    norm(torch.randn(5, 3, 1, 7) + 1)
    x, before = torch.randn(1, 3, 1, 1), norm.running_mean.clone()
    out = norm(x)
    assert torch.equal(norm.running_mean, before)
    assert torch.equal(out, norm.eval()(x))
    with batch_statistics(norm):
        assert torch.equal(norm(x), out)


def test_activity_penalty__adds_its_gradient_in_training_alone() -> None:
    penalty = ActivityPenalty(0.25)
    for training in (True, False):
        x = torch.tensor([[-2.0, 0.0, 3.0]], requires_grad=True)
        out = penalty.train(training)(x)
        assert torch.equal(out, x)
        (out**2).sum().backward()
        written = 2 * x.detach() + (0.25 * x.detach().sign() if training else 0)
        assert x.grad is not None
        torch.testing.assert_close(x.grad, written)

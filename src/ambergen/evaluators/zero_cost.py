"""Scores of untrained networks, on real windows: seconds instead of a training, and never a judge.

All are oriented so that a higher score predicts a better network. Published scores were made for images; here inputs
are one-dimensional and one-hot, and layers may be pools without weights. What that changes stands at each function.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ambergen import seeds
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, InputError
from ambergen.models.factory import make_network
from ambergen.models.layers import TrackNetwork, batch_statistics, one_hot
from ambergen.models.summary import n_parameters
from ambergen.progress import SILENT, Task
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.training.precision import default_device
from ambergen.training.step import masked_bce

ZERO_COST: tuple[str, ...] = ("parameters", "multiply_adds", "synflow", "naswot", "jacob_cov", "zico")

ON_WINDOWS = ("naswot", "jacob_cov", "zico")
"""Those that look at real windows."""

NetworkType = TypeVar("NetworkType", bound=nn.Module)

_SMALL = 1e-5
"""What Abdelfattah et al. add to eigenvalues; the least that one counts as."""
_ZICO_BATCHES = 4
"""Two, as published, leave a standard deviation of two values, which is often next to nothing."""


@dataclass(frozen=True)
class LabelledWindows:
    """Real windows that scores look at.

    tokens : (n, length), uint8
    labels : (n, n_tracks), 0 or 1
    known : (n, n_tracks), whether a label is known; None where all are
    n_symbols : of the alphabet
    """

    tokens: Tensor
    labels: Tensor
    known: Tensor | None = None
    n_symbols: int = 4

    def __post_init__(self) -> None:
        if len(self.tokens) < 2 or len(self.labels) != len(self.tokens):
            raise InputError(
                f"zero-cost scores: {len(self.tokens)} windows with {len(self.labels)} rows of labels; expected at "
                "least two windows and a row of labels for each."
            )

    def __len__(self) -> int:
        return len(self.tokens)

    def one_hot(self, network: nn.Module) -> Tensor:
        """(n, n_symbols, length) in the precision and on the device of the network."""
        weight = next(network.parameters())
        return one_hot(self.tokens.to(weight.device), weight.dtype, self.n_symbols)

    def part(self, rows: NDArray[np.int64]) -> LabelledWindows:
        """Some of them."""
        chosen = torch.from_numpy(rows)
        known = None if self.known is None else self.known[chosen]
        return LabelledWindows(self.tokens[chosen], self.labels[chosen], known, self.n_symbols)


def draw_windows(store: Store, rows: int, seed: int) -> LabelledWindows:
    """Windows of the training split drawn without replacement; all of them where there are no more than `rows`."""
    drawn = seeds.generator(seed, "zero-cost rows").permutation(store.indices("train"))[:rows]
    known = store.mask(drawn)
    return LabelledWindows(
        torch.from_numpy(store.tokens(drawn)),
        torch.from_numpy(store.labels(drawn)),
        None if known is None else torch.from_numpy(known),
        store.alphabet.n_symbols,
    )


def zero_cost(name: str, network: TrackNetwork, windows: LabelledWindows, seed: int = 0) -> float:
    """One score of an untrained network, which is left as it came.

    Parameters
    ----------
    name : one of `ZERO_COST`
    windows : what the scores `ON_WINDOWS` look at
    seed : parts the windows into batches for zico

    Returns
    -------
    A finite number, or nan where the network has nothing that the score measures (no ReLU, no gradient).

    Raises
    ------
    ConfigError
        If the score is unknown.
    """
    _check_names((name,))
    measures: dict[str, Callable[[], float]] = {
        "parameters": lambda: float(n_parameters(network)),
        "multiply_adds": lambda: float(multiply_adds(network, windows.n_symbols)),
        "synflow": lambda: synflow(network, windows.n_symbols),
        "naswot": lambda: naswot(network, windows),
        "jacob_cov": lambda: jacob_cov(network, windows),
        "zico": lambda: zico(network, windows, seed),
    }
    with torch.random.fork_rng():
        return measures[name]()


def zero_cost_table(
    space: SearchSpace,
    candidates: Sequence[Candidate],
    store: Store,
    names: Sequence[str] = ZERO_COST,
    seed: int = 0,
    rows: int = 128,
    task: Task | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Scores of candidates with the initial weights that a training with this seed would start from.

    Parameters
    ----------
    rows : windows of the training split, the same for all candidates
    task : advanced by one a candidate

    Returns
    -------
    By name (n_candidates,); nan as in `zero_cost`. A candidate's scores do not depend on the others.
    """
    _check_names(names)
    windows, task = draw_windows(store, rows, seed), task or SILENT.task("")
    table = {name: np.full(len(candidates), np.nan) for name in names}
    for row, candidate in enumerate(candidates):
        network = make_network(
            "child",
            {"space": space.to_dict(), "architecture": candidate.to_dict()},
            store.n_tracks,
            store.length,
            store.alphabet.n_symbols,
            seed=seeds.derive(seed, "initial weights"),
        ).to(default_device())
        for name in names:
            table[name][row] = zero_cost(name, network, windows, seed)
        task.advance()
    return table


# ---- the scores


def multiply_adds(network: TrackNetwork, n_symbols: int = 4) -> int:
    """Multiply-adds of one window through convolutions, dense and recurrent layers, forward.

    Counted while a window passes, so that it holds for any network; of a child it is what `models.summary` computes
    without building it.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor | tuple[Tensor, ...]) -> None:
        nonlocal total
        weights = [p for p in module.parameters(recurse=False) if p.ndim >= 2]
        if isinstance(module, nn.RNNBase):
            total += sum(p.numel() for p in weights) * inputs[0].shape[1 if module.batch_first else 0]
        elif weights and isinstance(output, Tensor):
            # Each weight is used once an output position, of which a layer has as many as values of a channel.
            total += sum(p.numel() * output.numel() // len(p) for p in weights)

    still = _still(network)
    for module in still.modules():
        module.register_forward_hook(count)
    weight = next(still.parameters())
    with torch.no_grad():
        still(torch.zeros(1, n_symbols, network.length, dtype=weight.dtype, device=weight.device))
    return total


def synflow(network: TrackNetwork, n_symbols: int = 4, level: float | None = None) -> float:
    """Synaptic flow: log of the sum over weights of |weight x d(sum of outputs) / d(weight)|, all weights positive.

    Parameters
    ----------
    level : what every symbol has at every position; default: 1 / n_symbols, a window that could be any sequence.
        Published is 1, which is no sequence.

    Returns
    -------
    nan where nothing flows from the input to the outputs, as through dilated taps that all lie beside a short stage.

    Notes
    -----
    As published: parameters by their absolute value, batch norms taken out, double precision. Kernels and matrices
    count, biases and scales do not. In a network of convolutions, pools and ReLUs whose biases are zero, as ours are at
    the start, `level` multiplies the sum, so that it changes no rank. Positions of the window enter alike: pools of
    maxima pass what the largest passes.

    References
    ----------
    Tanaka et al., NeurIPS 33, 6377-6389 (2020); as a score: Abdelfattah et al., ICLR (2021).
    """
    flow = _still(network).double()
    for parent in list(flow.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                setattr(parent, name, nn.Identity())
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.abs_()
    device = next(flow.parameters()).device
    fill = 1 / n_symbols if level is None else level
    flow(torch.full((1, n_symbols, network.length), fill, dtype=torch.float64, device=device)).sum().backward()
    total = sum(float((p.detach() * p.grad).abs().sum()) for p in _weights(flow) if p.grad is not None)
    return math.log(total) if total > 0 else math.nan


def naswot(network: TrackNetwork, windows: LabelledWindows) -> float:
    """How differently an untrained network's ReLUs answer to different windows: log |det K|.

    Returns
    -------
    nan where there is no ReLU.

    Notes
    -----
    Every window has a code, one bit a unit: whether the ReLU lets it through. K counts, for two windows, the units that
    agree, K = sum over layers of X X^T + (1 - X) (1 - X)^T. It is a matrix of whole numbers, so that log |det K| is at
    least 0 unless it is singular, as with two equal windows or fewer units than windows. Its eigenvalues, none of which
    is negative, then count as 1e-5 at least: a finite score, the lower the more of them vanish.

    Batch norms use the statistics of these windows, as in training. Units count one by one, along positions too, so
    that a wide layer of long windows weighs more.

    References
    ----------
    Mellor et al., ICML 139, 7588-7598 (2021).
    """
    still, n = _still(network), len(windows)
    kernel = torch.zeros(n, n, dtype=torch.float64)
    units = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal units
        signs = (output.detach().reshape(n, -1) > 0).float() * 2 - 1
        # Agreements less disagreements, whole numbers that float32 holds, so (that + units) / 2 agree.
        kernel.add_((signs @ signs.T).double().cpu() + signs.shape[1], alpha=0.5)
        units += signs.shape[1]

    for module in still.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(add)
    with torch.no_grad(), batch_statistics(still):
        still(windows.one_hot(still))
    if not units:
        return math.nan
    return float(np.log(np.maximum(np.linalg.eigvalsh(kernel.numpy()), _SMALL)).sum())


def jacob_cov(network: TrackNetwork, windows: LabelledWindows) -> float:
    """How little the input gradients of different windows resemble each other: -sum(log(v + k) + 1 / (v + k)).

    Returns
    -------
    nan where a window has no gradient, or one that is the same at all its inputs.

    Notes
    -----
    v are the eigenvalues of the correlation, window by window, of the gradients of the sum of all outputs by the
    one-hot input, which has a gradient for the absent symbols too; k = 1e-5. Batch norms use the statistics of these
    windows, as in training.

    References
    ----------
    Mellor et al., arXiv 2006.04647, first version (2020); Abdelfattah et al., ICLR (2021).
    """
    still = _still(network)
    x = windows.one_hot(still).requires_grad_()
    with batch_statistics(still):
        total = still(x).sum()
    gradient = torch.autograd.grad(total, x, allow_unused=True)[0]
    if gradient is None:
        return math.nan
    rows = gradient.flatten(1).double().cpu().numpy()
    rows = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and (norms > 0).all()):
        return math.nan
    rows /= norms
    values = np.maximum(np.linalg.eigvalsh(rows @ rows.T), 0) + _SMALL
    return float(-(np.log(values) + 1 / values).sum())


def zico(network: TrackNetwork, windows: LabelledWindows, seed: int = 0) -> float:
    """How large gradients of the loss are beside their spread over batches: sum over layers of log sum mean|g| / sd g.

    Parameters
    ----------
    windows : at least four, parted at random into four batches; into two where there are fewer than eight

    Returns
    -------
    nan where no weight has a gradient that differs between batches.

    Raises
    ------
    InputError
        If there are fewer than four windows.

    Notes
    -----
    A layer is a kernel or a matrix; its weights whose gradient does not differ between batches are left out, as in the
    authors' code, and so is a layer without any others. The standard deviation is that of the batches themselves
    (divided by their number). The loss is binary cross-entropy over the known labels.

    References
    ----------
    Li et al., ICLR (2023).
    """
    still, n = _still(network), len(windows)
    if n < 4:
        raise InputError(f"zico: {n} windows; expected at least four, for two batches of two.")
    order = seeds.generator(seed, "zico batches").permutation(n)
    gradients: list[list[Tensor]] = [[] for _ in _weights(still)]
    for rows in np.array_split(order, _ZICO_BATCHES if n >= 2 * _ZICO_BATCHES else 2):
        batch = windows.part(rows)
        still.zero_grad(set_to_none=True)
        with batch_statistics(still):
            logits = still(batch.one_hot(still))
        known = None if batch.known is None else batch.known.to(logits.device)
        loss = masked_bce(logits, batch.labels.to(logits.device), known)
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter, of_batches in zip(_weights(still), gradients, strict=True):
            if parameter.grad is not None:
                of_batches.append(parameter.grad.double())
    layers = [_signal_to_noise(torch.stack(g)) for g in gradients if g]
    logs = [math.log(layer) for layer in layers if layer > 0]
    return math.fsum(logs) if logs else math.nan


# ---- parts


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name not in ZERO_COST:
            near = get_close_matches(name, ZERO_COST, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"zero-cost scores: {name!r} is not one of them; expected {', '.join(ZERO_COST)}.{hint}")


def _still(network: NetworkType) -> NetworkType:
    """A copy without dropout and gradients: whatever is done to it, the caller's network stays as it is."""
    still = copy.deepcopy(network).eval().requires_grad_()
    still.zero_grad(set_to_none=True)
    for module in still.modules():
        if isinstance(module, nn.RNNBase):
            module.train()  # on an accelerator only then have they gradients
            module.dropout = 0.0
    return still


def _weights(network: nn.Module) -> list[nn.Parameter]:
    """Kernels and matrices, without biases and scales."""
    return [p for p in network.parameters() if p.ndim >= 2]


def _signal_to_noise(gradients: Tensor) -> float:
    """Sum over weights of mean |g| / sd g; (n_batches, *shape)."""
    spread = gradients.std(dim=0, correction=0)
    moved = spread > 0
    return float((gradients.abs().mean(dim=0)[moved] / spread[moved]).sum())

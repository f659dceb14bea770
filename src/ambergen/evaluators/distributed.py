"""Several processes that train one supernet, started by torchrun: who they are, and what they tell each other.

Rank 0 runs the whole program. The others wait for it and do their share of the work on shared weights
(`shared_weights.follow`); they write no file and print nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

# Its functions have the group that is there at its import as a default and so keep it for ever, with its threads, which
# abort a process that ends before they do. The first step of an optimiser imports it; here there is no group yet.
import torch.distributed.nn.functional
from torch import Tensor, nn

from ambergen.errors import RunError
from ambergen.models.layers import BatchNorm, at_least_float32

_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = timedelta(days=7)
"""Ranks wait while rank 0 trains finalists; one that has died closes its connections, which is noticed at once."""


class World:
    """The processes that work together; a single one is a world, too, in which nothing has to be said.

    Attributes
    ----------
    rank : number of this process; 0 leads
    size : processes
    is_whole : False once an error has left a common piece of work, so that nobody knows who waits for what
    followed : what the other ranks have a copy of
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self.is_whole = True
        self.followed: Any = None

    def broadcast(self, value: Any = None) -> Any:
        """What rank 0 passes, on every rank."""
        box = [value]
        if self.size > 1:
            with self._conversation():
                dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """What every rank passes, by rank, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with self._conversation():
            dist.all_gather_object(values, value)
        return values

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks, in one message."""
        if self.size == 1 or not tensors:
            return
        line = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with self._conversation():
            dist.all_reduce(line)
        for tensor, part in zip(tensors, torch.split(line, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of those parameters that have one, which are the same on every rank."""
        self.add([p.grad for p in parameters if p.grad is not None])

    @contextmanager
    def together(self, message: Any) -> Iterator[None]:
        """Work of all ranks inside the block, after rank 0 has told the others what it is."""
        self.is_whole = False
        self.broadcast(message)
        yield
        self.is_whole = True

    @contextmanager
    def _conversation(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self.is_whole = False
            raise RunError(
                f"torchrun: rank {self.rank} has lost another of the {self.size} processes that train together "
                f"({str(error).splitlines()[0][:120]}). The message of the one that ended says why; start the same "
                "command again, and it continues from its last checkpoint."
            ) from error


_world = World()


def world() -> World:
    """The world that this process has joined; it is alone until then."""
    return _world


def join() -> World:
    """Join the processes that torchrun has started beside this one.

    Each takes the accelerator of its local rank. Tensors travel by NCCL where every process of the machine has an
    accelerator of its own, else by gloo.

    Raises
    ------
    RunError
        If the other processes cannot be reached.
    """
    global _world
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or _world.size > 1:
        return _world
    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing:
        raise RunError(
            f"WORLD_SIZE is {size}, but {', '.join(missing)} is not set; expected all of {', '.join(_VARIABLES)}. "
            "Start with torchrun, which sets them, or unset WORLD_SIZE to run one process."
        )
    backend = "gloo"
    if torch.cuda.is_available():
        local, devices = int(os.environ.get("LOCAL_RANK", os.environ["RANK"])), torch.cuda.device_count()
        torch.cuda.set_device(local % devices)
        if int(os.environ.get("LOCAL_WORLD_SIZE", size)) <= devices:
            backend = "cpu:gloo,cuda:nccl"
    try:
        dist.init_process_group(backend, timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise RunError(
            f"torchrun: rank {os.environ['RANK']} of {size} cannot reach the others at "
            f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} ({str(error).splitlines()[0][:120]}). Check that "
            "the machines see each other there, and set GLOO_SOCKET_IFNAME where they have several networks."
        ) from error
    _world = World(dist.get_rank(), size)
    return _world


def leave() -> None:
    """Leave the world; rank 0 tells the others that there is nothing more to do. The threads that talked end here."""
    global _world
    if _world.size > 1:
        if _world.rank == 0 and _world.is_whole:
            with suppress(RunError):
                _world.broadcast(None)
        dist.destroy_process_group()
    _world = World()


# ---- batch norm over the joined batch


class _Added(torch.autograd.Function):
    """Sum over ranks; so is its gradient, since every rank's loss is a part of one loss."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, world: World) -> Tensor:  # type: ignore[override]
        ctx.world = world
        total = x.clone()
        world.add([total])
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        total = gradient.clone()
        ctx.world.add([total])
        return total, None


def _added(x: Tensor, world: World) -> Tensor:
    return _Added.apply(x, world)  # type: ignore[no-untyped-call]


class JoinedBatchNorm(BatchNorm):
    """A batch norm that normalises a training step by the statistics of all ranks' windows together."""

    def __init__(self, norm: BatchNorm, world: World) -> None:
        super().__init__(norm.num_features)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.world = world

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled()):  # ratings, which each rank does by itself
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values, places = at_least_float32(x), (0, 2, 3)
        count = values.new_tensor([x.numel() // x.shape[1]])
        sums = _added(torch.cat([values.sum(places), count]), self.world)
        mean, n = sums[:-1] / sums[-1], sums[-1].detach()
        centred = values - mean.view(1, -1, 1, 1)
        variance = _added(centred.square().sum(places), self.world) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean.detach(), self.momentum)
            # n - 1: torch's running variance is the unbiased one
            self.running_var.lerp_(variance.detach() * n / (n - 1), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(x.dtype)


def join_norms(network: nn.Module, world: World) -> None:
    """Replace every batch norm of `network` by a joined one with the same parameters and statistics."""
    for name, part in network.named_children():
        if isinstance(part, BatchNorm):
            network.add_module(name, JoinedBatchNorm(part, world))
        else:
            join_norms(part, world)

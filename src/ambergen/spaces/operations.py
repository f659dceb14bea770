"""Operations that a layer can choose from, as plain data: names, kinds and sizes. No torch on this floor."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from ambergen.errors import SpaceError

Kind = Literal["conv", "max_pool", "avg_pool", "identity"]


@dataclass(frozen=True)
class Operation:
    """One candidate operation; all keep the number of channels and the length.

    conv : convolution without bias, batch norm, ReLU
    max_pool, avg_pool : 1 x 1 convolution without bias, batch norm, ReLU, then pooling with stride 1
    identity : nothing

    kernel : taps of the convolution, or positions that are pooled
    dilation : distance of the taps
    """

    name: str
    kind: Kind
    kernel: int = 1
    dilation: int = 1

    @property
    def span(self) -> int:
        """Positions from the first to the last tap."""
        return (self.kernel - 1) * self.dilation + 1


# The seven operations of AMBER-Seq, in its order (spec of the published space).
AMBER_OPERATIONS: tuple[Operation, ...] = (
    Operation("conv8", "conv", 8),
    Operation("conv4", "conv", 4),
    Operation("conv8_d10", "conv", 8, 10),
    Operation("conv4_d10", "conv", 4, 10),
    Operation("max_pool4", "max_pool", 4),
    Operation("avg_pool4", "avg_pool", 4),
    Operation("identity", "identity"),
)

_BY_NAME = {o.name: o for o in AMBER_OPERATIONS}


def operation(name: str) -> Operation:
    """The operation called `name`.

    Convolutions of any size are known by their form ``convK`` and ``convK_dD``, pools by ``max_poolK`` and
    ``avg_poolK``.

    Raises
    ------
    SpaceError
        If no operation has this name.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    parsed = _parse(name)
    if parsed is None:
        near = get_close_matches(name, _BY_NAME, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SpaceError(
            f"operations: {name!r} is not an operation; expected convK, convK_dD, max_poolK, avg_poolK with numbers K "
            f"and D of at least 1, or identity.{hint}"
        )
    return parsed


def _parse(name: str) -> Operation | None:
    for prefix, kind in (("conv", "conv"), ("max_pool", "max_pool"), ("avg_pool", "avg_pool")):
        kernel, _, dilation = name.removeprefix(prefix).partition("_d")
        if name.startswith(prefix) and kernel.isdigit() and int(kernel) > 0:
            if not dilation:
                return Operation(name, kind, int(kernel))  # type: ignore[arg-type]
            if kind == "conv" and dilation.isdigit() and int(dilation) > 0:
                return Operation(name, "conv", int(kernel), int(dilation))
    return None

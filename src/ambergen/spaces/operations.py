"""Operations that a layer can choose from, as plain data: names, kinds and sizes. No torch on this floor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from ambergen.errors import SpaceError

Kind = Literal["conv", "separable", "max_pool", "avg_pool", "identity", "own"]


@dataclass(frozen=True)
class Operation:
    """One candidate operation; all keep the number of channels and the length.

    conv : convolution without bias, batch norm, ReLU
    separable : the same after a convolution within each channel and a 1 x 1 convolution across them
    max_pool, avg_pool : 1 x 1 convolution without bias, batch norm, ReLU, then pooling with stride 1
    identity : nothing
    own : what a user registered; see `register_operation`

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

# ``(channels, length) -> torch.nn.Module``; the type is left open, as this floor knows no torch.
Constructor = Callable[[int, int], Any]


@dataclass(frozen=True)
class OwnOperation:
    """What a user told of an operation; taps and span are None where they are to be measured."""

    constructor: Constructor
    taps: int | None
    span: int | None


_OWN: dict[str, OwnOperation] = {}


def register_operation(name: str, constructor: Constructor, taps: int | None = None, span: int | None = None) -> None:
    """Make `name` an operation that spaces can list.

    A worker process and a saved model find it only where its space names the module or file that registers it
    (``plugins``).

    Parameters
    ----------
    name : a letter, then letters, digits and underscores
    constructor : ``(channels, length) -> torch.nn.Module`` whose layers keep the shape (batch, channels, 1, length) and
        compute in the dtype of their input, as those of `ambergen.models.layers` do
    taps : multiply-adds at a position, in units of channels squared (a convolution: its kernel); None: measured
    span : input positions that one output position sees; None: measured

    Raises
    ------
    SpaceError
        If the name is malformed or taken, or a number is impossible.

    Examples
    --------
    >>> register_operation("conv16_twice", lambda channels, length: nn.Sequential(...), taps=32, span=31)
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise SpaceError(
            f"operations: {name!r} cannot be the name of an operation; expected a letter, then letters, digits and "
            "underscores, for example conv16_twice."
        )
    if name in _BY_NAME or _parse(name) is not None:
        raise SpaceError(
            f"operations: {name!r} is one of ambergen's own operations; register yours under another name."
        )
    if name in _OWN and _origin(_OWN[name].constructor) != _origin(constructor):
        raise SpaceError(
            f"operations: {name!r} is already registered, by {_origin(_OWN[name].constructor)}; found another "
            f"constructor, {_origin(constructor)}. Register it under another name."
        )
    for what, value, least in (("taps", taps, 0), ("span", span, 1)):
        if value is not None and value < least:
            raise SpaceError(f"operations: {name!r} has {what} {value}; expected at least {least}.")
    _OWN[name] = OwnOperation(constructor, taps, span)


def _origin(constructor: Constructor) -> str:
    return f"{getattr(constructor, '__module__', '?')}.{getattr(constructor, '__qualname__', repr(constructor))}"


def own_operation(name: str) -> OwnOperation:
    """What was registered as `name`, which has to be the name of an operation of kind ``own``."""
    return _OWN[name]


def known(names: Iterable[str]) -> bool:
    """Whether all `names` are operations."""
    return all(name in _BY_NAME or name in _OWN or _parse(name) is not None for name in names)


def operation(name: str) -> Operation:
    """The operation called `name`.

    Convolutions of any size are known by their form ``convK`` and ``convK_dD``, separable ones by ``separableK`` and
    ``separableK_dD``, pools by ``max_poolK`` and ``avg_poolK``; others by `register_operation`.

    Raises
    ------
    SpaceError
        If no operation has this name.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name in _OWN:
        return Operation(name, "own")
    parsed = _parse(name)
    if parsed is None:
        near = get_close_matches(name, [*_BY_NAME, *_OWN], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SpaceError(
            f"operations: {name!r} is not an operation; expected convK, convK_dD, separableK, separableK_dD, "
            "max_poolK, avg_poolK with numbers K and D of at least 1, identity, or one that is registered "
            f"(register_operation in Python, in a file or module named under space.plugins).{hint}"
        )
    return parsed


_SIZED: tuple[Kind, ...] = ("conv", "separable", "max_pool", "avg_pool")


def _parse(name: str) -> Operation | None:
    for kind in _SIZED:
        kernel, _, dilation = name.removeprefix(kind).partition("_d")
        if name.startswith(kind) and kernel.isdigit() and int(kernel) > 0:
            if not dilation:
                return Operation(name, kind, int(kernel))
            if kind in ("conv", "separable") and dilation.isdigit() and int(dilation) > 0:
                return Operation(name, kind, int(kernel), int(dilation))
    return None

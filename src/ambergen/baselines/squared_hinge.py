"""Support vector machines with a squared hinge, for kernels that are known only by their products with vectors."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_STEPS = 30
_MOST_PRODUCTS = 200
"""Of one step."""
_HALVINGS = 20


class Kernel(Protocol):
    """A positive semidefinite matrix over examples."""

    def __len__(self) -> int: ...

    def times(self, values: Floats) -> Floats:
        """The matrix times a vector, (n,)."""
        ...

    def among(self, rows: NDArray[np.int64]) -> Kernel:
        """The part of the matrix between some of the examples."""
        ...


class Machine(NamedTuple):
    """A trained machine: the score of an example is the kernel's row times `coefficients`, plus `bias`."""

    coefficients: Floats
    bias: float
    objective: float
    n_products: int


def fit_machine(
    kernel: Kernel, labels: Floats, penalty: float, start: Floats | None = None, tolerance: float = 1e-4
) -> Machine:
    """Minimise half of b'Kb plus `penalty` times the sum of max(0, 1 - y (Kb + bias))^2.

    Parameters
    ----------
    labels : (n,) of -1 and 1, both present
    start : (n,)
        Coefficients to begin with, as a weaker penalty left them; their sum is 0.
    tolerance : relative, of the inner solutions

    Notes
    -----
    Newton steps: where the examples that violate the margin are known, the minimum solves
    (K + I / 2C) b + bias = y over them with sum b = 0, by conjugate gradients among vectors of sum 0; the others have
    coefficient 0. It is exact once the violating examples no longer change. After Chapelle, Neural Computation 19,
    1155-1178 (2007), with the offset eliminated rather than solved for.
    """
    ridge = 1 / (2 * penalty)
    coefficients = np.zeros(len(labels)) if start is None else start.copy()
    outputs = np.zeros(len(labels)) if start is None else kernel.times(coefficients)
    bias = 0.0 if start is None else _bias_of(outputs, labels)
    n_products = int(start is not None)
    objective = _objective(coefficients, outputs + bias, outputs, labels, penalty)
    violating = labels * (outputs + bias) < 1
    for _ in range(_MOST_STEPS):
        rows = np.flatnonzero(violating)
        if len(np.unique(labels[rows])) < 2:
            break  # one class is far beyond its margin already: no plane between them is asked for
        part = kernel.among(rows)
        inner = _solve(part, labels[rows], ridge, coefficients[rows], tolerance)
        target = np.zeros(len(labels))
        target[rows] = inner.values
        reached = kernel.times(target)
        n_products += inner.n_products + 1
        new_bias = float(np.mean(labels[rows] - reached[rows] - ridge * inner.values))
        share, best = 1.0, np.inf
        for _ in range(_HALVINGS):
            tried = [(1 - share) * a + share * b for a, b in ((coefficients, target), (outputs, reached))]
            tried_bias = (1 - share) * bias + share * new_bias
            best = _objective(tried[0], tried[1] + tried_bias, tried[1], labels, penalty)
            if best <= objective:
                break
            share /= 2
        if best > objective:
            break
        gain, objective = objective - best, best
        (coefficients, outputs), bias = tried, tried_bias
        before, violating = violating, labels * (outputs + bias) < 1
        if (share == 1 and (before == violating).all()) or gain <= tolerance * abs(objective):
            break
    return Machine(coefficients, bias, objective, n_products)


class _Solution(NamedTuple):
    values: Floats
    n_products: int


def _solve(kernel: Kernel, labels: Floats, ridge: float, start: Floats, tolerance: float) -> _Solution:
    """Conjugate gradients for (K + ridge) x = y among vectors of sum 0."""

    def apply(x: Floats) -> Floats:
        product = kernel.times(x) + ridge * x
        return product - product.mean()

    x = start - start.mean()
    centred = labels - labels.mean()
    residual = centred - apply(x) if x.any() else centred.copy()
    direction, size = residual.copy(), float(residual @ residual)
    wanted = tolerance**2 * float(centred @ centred)
    n_products = 1
    while size > wanted and n_products < _MOST_PRODUCTS:
        product = apply(direction)
        n_products += 1
        curvature = float(direction @ product)
        if curvature <= 0:
            break  # rounding has used up what single precision can tell
        step = size / curvature
        x += step * direction
        residual -= step * product
        before, size = size, float(residual @ residual)
        direction = residual + (size / before) * direction
    return _Solution(x, n_products)


def _bias_of(outputs: Floats, labels: Floats) -> float:
    """The offset with the smallest squared hinge, by Newton steps from the middle of the classes."""
    bias = -float(outputs[labels > 0].mean() + outputs[labels < 0].mean()) / 2
    for _ in range(_MOST_STEPS):
        gaps = 1 - labels * (outputs + bias)
        violating = gaps > 0
        if not violating.any():
            break
        step = float((labels * gaps)[violating].mean())
        bias += step
        if abs(step) < 1e-9:
            break
    return bias


def _objective(coefficients: Floats, scores: Floats, outputs: Floats, labels: Floats, penalty: float) -> float:
    gaps = np.maximum(0, 1 - labels * scores)
    return float(coefficients @ outputs / 2 + penalty * (gaps @ gaps))

"""The solver against scikit-learn's and against the conditions of a minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import minimize

from ambergen.baselines.squared_hinge import fit_machine


@dataclass(frozen=True)
class Dense:
    matrix: np.ndarray

    def __len__(self) -> int:
        return len(self.matrix)

    def times(self, values: np.ndarray) -> np.ndarray:
        return self.matrix @ values

    def among(self, rows: np.ndarray) -> Dense:
        return Dense(self.matrix[np.ix_(rows, rows)])


def examples(n: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)) / np.sqrt(features)
    labels = np.sign(x @ rng.normal(size=features) + 0.6 * rng.normal(size=n) + 0.3)
    return x, labels


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
@pytest.mark.parametrize(("n", "features"), [(80, 5), (40, 60)])
def test_fit__finds_the_minimum_of_a_linear_machine(n: int, features: int, penalty: float) -> None:
    x, labels = examples(n, features, seed=n)

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = values[:-1], values[-1]
        gaps = np.maximum(0, 1 - labels * (x @ weights + bias))
        slope = -2 * penalty * labels * gaps
        return weights @ weights / 2 + penalty * gaps @ gaps, np.append(weights + x.T @ slope, slope.sum())

    expected = minimize(
        objective, np.zeros(features + 1), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10}
    )
    machine = fit_machine(Dense(x @ x.T), labels, penalty, tolerance=1e-9)
    assert machine.objective == pytest.approx(expected.fun, rel=1e-7)
    np.testing.assert_allclose(x.T @ machine.coefficients, expected.x[:-1], atol=1e-4)
    assert machine.bias == pytest.approx(expected.x[-1], abs=1e-4)


def test_fit__coefficients_are_what_the_margin_is_missed_by() -> None:
    x, labels = examples(60, 8, seed=1)
    machine = fit_machine(Dense(x @ x.T), labels, 2.0, tolerance=1e-10)
    gaps = 1 - labels * (x @ x.T @ machine.coefficients + machine.bias)
    np.testing.assert_allclose(machine.coefficients, 2 * 2.0 * labels * np.maximum(0, gaps), atol=1e-7)
    assert machine.coefficients.sum() == pytest.approx(0, abs=1e-9)
    assert (machine.coefficients == 0).any()


def test_fit__begun_from_another_penalty_ends_at_the_same_place() -> None:
    x, labels = examples(80, 12, seed=2)
    kernel = Dense(x @ x.T)
    cold = fit_machine(kernel, labels, 10.0, tolerance=1e-9)
    warm = fit_machine(kernel, labels, 10.0, fit_machine(kernel, labels, 1.0).coefficients, tolerance=1e-9)
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, atol=1e-6)
    assert warm.bias == pytest.approx(cold.bias, abs=1e-6)


def test_fit__one_example_of_a_class_is_enough() -> None:
    labels = np.array([1.0, -1, -1, -1])
    machine = fit_machine(Dense(np.eye(4)), labels, 1.0, tolerance=1e-10)
    scores = machine.coefficients + machine.bias
    assert scores[0] > scores[1]
    np.testing.assert_allclose(scores[1:], scores[1])

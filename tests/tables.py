"""A table of trainings made from a formula, so that what a search should find in it is known."""

from __future__ import annotations

import numpy as np

from ambergen.evaluators.tabular import Table
from ambergen.spaces.space import Space

SPACE = Space(layers=3, width=8, reduce=(0,), skips="none")


def made_up_table(noise: float = 0.0, n_seeds: int = 3, n_epochs: int = 4, space: Space = SPACE) -> Table:
    """Scores add up from a number for every operation of every layer, and rise with the epochs.

    Parameters
    ----------
    noise : s.d. between trainings of one architecture
    """
    rng = np.random.default_rng(1)
    n_operations = len(space.operations)
    tokens = np.indices((n_operations,) * space.layers).reshape(space.layers, -1).T.astype(np.uint8)
    worth = rng.normal(0, 0.02, (space.layers, n_operations))
    last = 0.8 + worth[np.arange(space.layers), tokens].sum(axis=1)
    shape = len(tokens), n_seeds, n_epochs
    rise = 0.1 * np.exp(-np.arange(n_epochs) / 2)

    def curves(offset: float) -> np.ndarray:
        return (last[:, None, None] + offset - rise + rng.normal(0, noise or 1e-12, shape)).astype(np.float32)

    seconds = rng.uniform(0.5, 2.0, (len(tokens), 1, 1)) * np.ones(shape)
    return Table(
        space,
        tokens,
        auroc=curves(0.0),
        average_precision=curves(-0.4),
        selection_auroc=curves(-0.01),
        selection_average_precision=curves(-0.41),
        seconds=seconds.astype(np.float32),
        parameters=np.arange(len(tokens)),
        multiply_adds=np.arange(len(tokens)) * 10,
        facts={"data": "made up"},
    )

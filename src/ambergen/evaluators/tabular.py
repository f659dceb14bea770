"""A table of trainings: every architecture of a small space, trained beforehand, looked up instead of trained.

With it a search takes seconds, so that strategies can be compared over many seeds. The bundled table holds three layers
of seven operations on the demo data (`benchmarks/tabular.py` made it; `tabular_data/README.md` says how).
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.cost import Cost
from ambergen.errors import ConfigError, SpaceError, StoreError
from ambergen.evaluators.base import Objective, Rating
from ambergen.metrics.objectives import RANKINGS
from ambergen.seeds import derive
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.reading import space_from_dict

FORMAT = 1
CURVES = ("auroc", "average_precision", "selection_auroc", "selection_average_precision", "seconds")
COUNTS = ("parameters", "multiply_adds")


@dataclass(frozen=True, eq=False)
class Table:
    """Learning curves of every architecture of a space, several trainings each.

    space : so small that all its architectures are there
    tokens : (n_architectures, n_genes), as `SearchSpace.genes` gives them
    auroc, average_precision : (n_architectures, n_seeds, n_epochs), on the search split, after every epoch
    selection_auroc, selection_average_precision : likewise, on the selection split
    seconds : (n_architectures, n_seeds, n_epochs), device seconds of every epoch alone
    parameters, multiply_adds : (n_architectures,)
    facts : how it was made: data, store, training, versions, machine
    """

    space: SearchSpace
    tokens: NDArray[np.uint8]
    auroc: NDArray[np.float32]
    average_precision: NDArray[np.float32]
    selection_auroc: NDArray[np.float32]
    selection_average_precision: NDArray[np.float32]
    seconds: NDArray[np.float32]
    parameters: NDArray[np.int64]
    multiply_adds: NDArray[np.int64]
    facts: dict[str, Any]

    def __post_init__(self) -> None:
        n = self.space.size
        distinct = len({tuple(tokens) for tokens in self.tokens.tolist()})
        if self.tokens.shape != (n, len(self.space.gene_sizes)) or distinct != n:
            raise StoreError(
                f"table: its tokens have the shape {self.tokens.shape} and {distinct:,} distinct rows; expected "
                f"{(n, len(self.space.gene_sizes))}, a row for every architecture of its space. Make the table anew."
            )
        for name in CURVES:
            found = getattr(self, name)
            if found.shape != self.auroc.shape or found.ndim != 3 or len(found) != n or np.isnan(found).any():
                raise StoreError(
                    f"table: {name} has the shape {found.shape} or holds nan; expected numbers of the shape "
                    f"({n}, n_seeds, n_epochs). Make the table anew."
                )

    @property
    def n_seeds(self) -> int:
        return self.auroc.shape[1]

    @property
    def n_epochs(self) -> int:
        return self.auroc.shape[2]

    @cached_property
    def architectures(self) -> tuple[Candidate, ...]:
        """(n_architectures,), in the order of the rows."""
        return tuple(self.space.from_genes(tokens) for tokens in self.tokens.tolist())

    @cached_property
    def _rows(self) -> dict[tuple[int, ...], int]:
        return {tuple(tokens): row for row, tokens in enumerate(self.tokens.tolist())}

    def index(self, architecture: Candidate) -> int:
        """The row of an architecture.

        Raises
        ------
        SpaceError
            If it is not of this space.
        """
        return self._rows[self.space.genes(architecture)]

    # ---- what was measured

    def score(
        self, architecture: Candidate, seed: int, epochs: int | None = None, objective: Objective = "auroc"
    ) -> float:
        """On the search split, after `epochs` epochs (None: all) of the training number `seed`, from 0."""
        curves = getattr(self, _in_table(objective))
        return float(curves[self.index(architecture), self._seed(seed), self.check_epochs(epochs) - 1])

    def cost(self, architecture: Candidate, seed: int, epochs: int | None = None) -> Cost:
        """Of the first `epochs` epochs (None: all) of the training number `seed`."""
        seconds = self.seconds[self.index(architecture), self._seed(seed), : self.check_epochs(epochs)]
        return Cost(float(seconds.sum(dtype=np.float64)))

    def value(self, objective: Objective = "auroc") -> NDArray[np.float64]:
        """(n_architectures,): what an architecture is worth, on the selection split, mean over its seeds.

        No search sees these scores, so that luck in a rating does not count.
        """
        name = f"selection_{_in_table(objective)}"
        return getattr(self, name)[:, :, -1].mean(axis=1, dtype=np.float64)

    def _seed(self, seed: int) -> int:
        if not 0 <= seed < self.n_seeds:
            raise ConfigError(
                f"table: seed is {seed}; expected 0 to {self.n_seeds - 1}, the trainings of each architecture."
            )
        return seed

    def check_epochs(self, epochs: int | None) -> int:
        """The number itself, or all epochs for None; ConfigError where the curves do not have so many."""
        if epochs is None:
            return self.n_epochs
        if not 1 <= epochs <= self.n_epochs:
            raise ConfigError(f"table: epochs is {epochs}; expected 1 to {self.n_epochs}, which its curves have.")
        return epochs

    # ---- files

    def save(self, path: Path) -> None:
        """Write one npz file, whole or not at all."""
        header = {"format": FORMAT, "space": self.space.to_dict(), "facts": self.facts}
        arrays = {name: getattr(self, name) for name in ("tokens", *CURVES, *COUNTS)}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def open(cls, path: Path) -> Table:
        """The table that `save` wrote.

        Raises
        ------
        StoreError
            If there is none, or it is damaged.
        """
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                arrays = {name: file[name] for name in ("tokens", *CURVES, *COUNTS)}
            found = header["format"]
            space, facts = space_from_dict(header["space"]), header["facts"]
        except FileNotFoundError as error:
            raise StoreError(f"{path}: no such table; expected an npz file. Check the path.") from error
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, SpaceError) as error:
            raise StoreError(
                f"{path}: not a table of trainings ({type(error).__name__}: {error}); expected an npz file that "
                "benchmarks/tabular.py wrote. Make it anew, or restore it from a copy."
            ) from error
        if found != FORMAT:
            raise StoreError(
                f"{path}: a table of format {found!r}; expected {FORMAT}. It was written by another version of "
                "ambergen; make it anew."
            )
        return cls(space, **arrays, facts=facts)


def _in_table(objective: Objective) -> Objective:
    """The objective itself; ConfigError where a table has no curves of it."""
    if objective not in RANKINGS:
        raise ConfigError(f"table: the objective is {objective!r}; expected {' or '.join(RANKINGS)}, which it holds.")
    return objective


def three_layers() -> Table:
    """The bundled table: three layers of seven operations on the demo data, 343 architectures, three seeds each."""
    folder = resources.files("ambergen.evaluators").joinpath("tabular_data")
    return Table.open(Path(str(folder.joinpath("three_layers.npz"))))


class TabularEvaluator:
    """Ratings from a table, in the place of stand-alone training.

    Parameters
    ----------
    seed : of the search; it draws which of an architecture's trainings this search sees
    epochs : of a training that is looked up; None: all
    """

    def __init__(self, table: Table, seed: int, epochs: int | None = None, objective: Objective = "auroc") -> None:
        self.table, self.seed, self.objective = table, seed, objective
        self.epochs = table.check_epochs(epochs)

    def training(self, architecture: Candidate) -> int:
        """Number of the training that this search sees: within a search the same one each time."""
        return derive(self.seed, "training", architecture.id) % self.table.n_seeds

    def rating(self, architecture: Candidate) -> Rating:
        """What a stand-alone training would give.

        Raises
        ------
        SpaceError
            If the architecture is not of the table's space.
        """
        seed = self.training(architecture)
        score = self.table.score(architecture, seed, self.epochs, self.objective)
        return Rating(architecture, score, cost=self.table.cost(architecture, seed, self.epochs))

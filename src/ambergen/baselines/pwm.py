"""Position weight matrices: log-odds of a motif against the background, both strands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ambergen.baselines.score_distribution import ScoreDistribution, score_distribution
from ambergen.errors import InputError
from ambergen.io.motifs import Motif
from ambergen.sequence.alphabets import DNA

_UNIFORM = (0.25, 0.25, 0.25, 0.25)
_GROUP = 3
"""Letters that are looked up at once, among 5^3 with the one that is not known."""

Floats = NDArray[np.float64]


class Hit(NamedTuple):
    """The best place of a motif.

    score : bits; -inf where no place is without unknown bases
    position : of the leftmost base on the forward strand, 0-based
    strand : "+", or "-" where the motif lies on the other strand
    """

    score: float
    position: int
    strand: Literal["+", "-"]


class PWM:
    """log2 of how much more likely each letter is at each place of a motif than in the background.

    Parameters
    ----------
    counts : (4, width), rows A, C, G, T
    background : probabilities of A, C, G and T
    pseudocount : what is added to the counts of each column, in all and shared like the background; "sqrt" adds the
        square root of the column's counts

    Attributes
    ----------
    matrix : (4, width), bits; -inf where a count is 0 and nothing is added

    Raises
    ------
    InputError
        If the counts are not (4, width) numbers from 0 on, with some in each column, or the background is not four
        probabilities above 0 with the sum 1, or the pseudocount is below 0.

    References
    ----------
    Wasserman & Sandelin, Nature Reviews Genetics 5, 276-287 (2004).
    """

    def __init__(
        self,
        counts: ArrayLike,
        background: Sequence[float] = _UNIFORM,
        pseudocount: float | Literal["sqrt"] = 1.0,
        name: str = "motif",
    ) -> None:
        self.counts, self.background = np.array(counts, np.float64), np.array(background, np.float64)
        self.pseudocount, self.name = pseudocount, name
        _check(name, self.counts, self.background, pseudocount)
        total = self.counts.sum(axis=0)
        added = np.sqrt(total) if isinstance(pseudocount, str) else pseudocount
        odds = (self.counts / self.background[:, None] + added) / (total + added)
        with np.errstate(divide="ignore"):
            self.matrix = np.log2(odds)

    @classmethod
    def of(
        cls, motif: Motif, background: Sequence[float] = _UNIFORM, pseudocount: float | Literal["sqrt"] = 1.0
    ) -> PWM:
        """The matrix of a motif from a file; see `ambergen.io.motifs.read_motifs`."""
        return cls(motif.counts, background, pseudocount, motif.id)

    @property
    def width(self) -> int:
        """Letters of the motif."""
        return self.matrix.shape[1]

    @cached_property
    def distribution(self) -> ScoreDistribution:
        """Of the scores of random words with the letters of the background."""
        return score_distribution(self.matrix, self.background)

    def p_value(self, scores: ArrayLike) -> Floats:
        """Probability that a random word scores at least `scores` on one strand; 1 for -inf."""
        return self.distribution.p_value(scores)

    def scores(self, tokens: NDArray[np.uint8]) -> Floats:
        """Score of every place on both strands.

        Parameters
        ----------
        tokens : (n, length)

        Returns
        -------
        (n, 2, length - width + 1), bits
            Forward and reverse strand, by the leftmost base on the forward strand; -inf where a base is not known.
        """
        return scan(letter_groups(tokens), tokens.shape[1], self.matrix)

    def best(self, sequence: str) -> Hit:
        """The best place in a sequence; of equal ones the leftmost, and there the forward strand.

        Parameters
        ----------
        sequence : upper or lower case

        Raises
        ------
        InputError
            If it is shorter than the motif.
        AlphabetError
            If a letter is not of DNA.
        """
        tokens = DNA.encode(sequence, f"sequence for {self.name}")
        if len(tokens) < self.width:
            raise InputError(
                f"{self.name}: the sequence has {len(tokens)} letters, the motif {self.width}; expected at least as "
                "many. Give a longer sequence."
            )
        scores = self.scores(tokens[None])[0].T
        position, strand = np.unravel_index(int(scores.argmax()), scores.shape)
        return Hit(float(scores[position, strand]), int(position), "-" if strand else "+")


def letter_groups(tokens: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Three letters from each position on, as a number in base 5; what lies beyond the end reads A.

    Parameters
    ----------
    tokens : (n, length)

    Returns
    -------
    (n, length)
    """
    base = DNA.n_symbols + 1
    longer = np.pad(tokens, ((0, 0), (0, _GROUP - 1))).astype(np.intp)
    groups = np.zeros(tokens.shape, np.intp)
    for j in range(_GROUP):
        groups *= base
        groups += longer[:, j : j + tokens.shape[1]]
    return groups


def scan(groups: NDArray[np.intp], length: int, matrix: Floats) -> Floats:
    """Score of every place on both strands; see `PWM.scores`.

    Parameters
    ----------
    groups : (n, length), from `letter_groups`
    matrix : (4, width)
    """
    places = max(0, length - matrix.shape[1] + 1)
    out = np.zeros((len(groups), 2, places))
    # In the order A, C, G, T turning both axes gives the matrix of the other strand
    for strand, oriented in enumerate((matrix, matrix[::-1, ::-1])):
        for first, table in zip(range(0, matrix.shape[1], _GROUP), _tables(oriented), strict=True):
            out[:, strand] += table[groups[:, first : first + places]]
    return out


def _tables(matrix: Floats) -> list[Floats]:
    """For each group of columns the score of every three letters, (5^3,)."""
    with_unknown = np.vstack([matrix, np.full(matrix.shape[1], -np.inf)])
    tables = []
    for first in range(0, matrix.shape[1], _GROUP):
        table = np.zeros(1)
        for column in range(first, first + _GROUP):
            inside = column < matrix.shape[1]
            letter = with_unknown[:, column] if inside else np.zeros(DNA.n_symbols + 1)
            table = (table[:, None] + letter).ravel()
        tables.append(table)
    return tables


def _check(name: str, counts: Floats, background: Floats, pseudocount: float | str) -> None:
    if counts.ndim != 2 or counts.shape[0] != 4 or counts.shape[1] == 0:
        raise InputError(
            f"{name}: counts have the shape {counts.shape}; expected (4, width), with rows A, C, G and T and at least "
            "one column. Turn the matrix if its rows are positions."
        )
    wrong = ~np.isfinite(counts) | (counts < 0)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            f"{name}: the count of {DNA.symbols[row]} in column {column + 1} is {counts[row, column]}; expected a "
            "number from 0 on. Give counts, not log-odds."
        )
    empty = np.flatnonzero(counts.sum(axis=0) == 0)
    if len(empty):
        raise InputError(f"{name}: column {empty[0] + 1} has no counts; expected some. Remove the column.")
    if background.shape != (4,) or not (background > 0).all() or abs(background.sum() - 1) > 1e-3:
        raise InputError(
            f"{name}: the background is {background.tolist()}; expected probabilities of A, C, G and T above 0 with "
            "the sum 1, such as 0.25, 0.25, 0.25, 0.25."
        )
    if pseudocount != "sqrt" and (isinstance(pseudocount, str) or not 0 <= pseudocount < np.inf):
        raise InputError(f"{name}: the pseudocount is {pseudocount!r}; expected a number from 0 on, or 'sqrt'.")

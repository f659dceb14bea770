"""Random sequences with the dinucleotides of a given one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dinucleotide_shuffle(tokens: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A sequence in which every pair of neighbours stands as often as in the given one, drawn evenly among all such.

    Parameters
    ----------
    tokens : (length,)
        What is not known takes part like a letter.

    Returns
    -------
    (length,), with the same first and last letter

    References
    ----------
    Altschul & Erickson, Molecular Biology and Evolution 2, 526-538 (1985); the last steps from the letters are drawn
    by Wilson's loop-erased walks (Propp & Wilson, Journal of Algorithms 27, 170-217 (1998)).
    """
    tokens = np.asarray(tokens, np.uint8)
    if len(tokens) < 3:
        return tokens.copy()
    steps = {int(letter): tokens[1:][tokens[:-1] == letter] for letter in np.unique(tokens[:-1])}
    last = _last_steps(steps, int(tokens[-1]), rng)
    order: dict[int, list[int]] = {}
    for letter, following in steps.items():
        drawn = rng.permutation(following).tolist()
        if letter in last:
            drawn.remove(last[letter])
            drawn.append(last[letter])
        order[letter] = drawn[::-1]
    out = [int(tokens[0])]
    for _ in range(len(tokens) - 1):
        out.append(order[out[-1]].pop())
    return np.array(out, np.uint8)


def _last_steps(steps: dict[int, NDArray[np.uint8]], end: int, rng: np.random.Generator) -> dict[int, int]:
    """For every letter but `end` the step to take last, such that these steps lead to `end` from everywhere."""
    last: dict[int, int] = {}
    reached = {end}
    for start in steps:
        letter = start
        while letter not in reached:
            last[letter] = int(rng.choice(steps[letter]))
            letter = last[letter]
        letter = start
        while letter not in reached:
            reached.add(letter)
            letter = last[letter]
    return {letter: step for letter, step in last.items() if letter != end}

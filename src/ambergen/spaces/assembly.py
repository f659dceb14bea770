"""A genotype assembled: cells of cells written out as one graph of values, simplified and put into one order.

Two genotypes give the same network, whatever their motifs are called and whatever lies idle in them, exactly when their
programs are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Edge = str | int | None
"""What an edge holds: at level 2 the name of an operation, above it the number of a motif of the level below."""
Motif = tuple[Edge, ...]
Levels = tuple[tuple[Motif, ...], ...]

IDENTITY = "identity"


class Step(NamedTuple):
    """How one value of a cell comes about; value 0 is the cell's input, step k gives value k + 1.

    operation : applied to the only input; None where the step merges two or more inputs
    inputs : numbers of earlier values, ascending
    """

    operation: str | None
    inputs: tuple[int, ...]


Program = tuple[Step, ...]
"""The steps of a cell; the last one gives its output, which is the input where there is none."""


def edges(n_nodes: int) -> Iterator[tuple[int, int]]:
    """Pairs of nodes i < j in the order in which a motif lists them: (0, 1), (0, 2), (1, 2), (0, 3), ..."""
    return ((i, j) for j in range(1, n_nodes) for i in range(j))


def count_nodes(n_edges: int) -> int | None:
    """Nodes of a motif with so many possible edges; None where no number of nodes has them."""
    n = 2
    while n * (n - 1) // 2 < n_edges:
        n += 1
    return n if n * (n - 1) // 2 == n_edges else None


def assemble(levels: Levels) -> Program:
    """The program of a genotype.

    A node takes what its incoming edges bring: one value is passed on as it is, several are merged. An edge brings
    nothing where it holds none, where its source has nothing, or where it holds a motif without a path from its first
    node to its last. Identities are no steps, and values that do not reach the output are left out. A cell without a
    path hands its input on: its program is empty.
    """
    values: list[Step] = [Step(None, ())]
    output = _run(levels, len(levels) - 1, levels[-1][0], 0, values)
    return _ordered(_reaching(values, output)) if output else ()


def _run(levels: Levels, level: int, motif: Motif, source: int, values: list[Step]) -> int | None:
    """Append the values of `motif`, whose first node holds `source`; the number of its output, None without a path."""
    nodes: list[int | None] = [source]
    arriving: list[int] = []
    for (i, j), edge in zip(edges(count_nodes(len(motif)) or 0), motif, strict=True):
        start = nodes[i]
        if edge is not None and start is not None:
            end: int | None = start
            if isinstance(edge, int):
                end = _run(levels, level - 1, levels[level - 1][edge], start, values)
            elif edge != IDENTITY:
                end = _append(values, Step(edge, (start,)))
            if end is not None:
                arriving.append(end)
        if i == j - 1:  # the last edge of node j
            merged = _append(values, Step(None, tuple(arriving))) if len(arriving) > 1 else None
            nodes.append(merged if merged is not None else arriving[0] if arriving else None)
            arriving = []
    return nodes[-1]


def live_edges(levels: Levels, level: int, motif: Motif) -> tuple[bool, ...]:
    """For every edge of a motif of a level (0 for level 2) whether it is on a path from the first node to the last."""
    pairs = list(edges(count_nodes(len(motif)) or 0))
    brings = [
        any(live_edges(levels, level - 1, levels[level - 1][edge])) if isinstance(edge, int) else edge is not None
        for edge in motif
    ]
    from_first, to_last = {0}, {pairs[-1][1]}
    for (i, j), some in zip(pairs, brings, strict=True):
        if some and i in from_first:
            from_first.add(j)
    for (i, j), some in zip(reversed(pairs), reversed(brings), strict=True):
        if some and j in to_last:
            to_last.add(i)
    return tuple(some and i in from_first and j in to_last for (i, j), some in zip(pairs, brings, strict=True))


def _append(values: list[Step], step: Step) -> int:
    values.append(step)
    return len(values) - 1


def _reaching(values: Sequence[Step], output: int) -> list[Step]:
    """The values on which `output` depends, the input first, renumbered."""
    needed = {0, output}
    for number in range(output, 0, -1):
        if number in needed:
            needed.update(values[number].inputs)
    place = {number: k for k, number in enumerate(sorted(needed))}
    return [Step(values[n].operation, tuple(place[i] for i in values[n].inputs)) for n in sorted(needed)]


Form = tuple[tuple[str, tuple[int, ...]], ...]


# ---- one order for all numberings of the same graph


def _ordered(values: Sequence[Step]) -> Program:
    """The values in an order that depends on the graph alone, the input left out.

    Colours that tell values apart are refined by those of their neighbours; where values stay alike, each is tried as
    the first, and the least program is taken. One that leads to a program already seen is a mirror image of one tried
    before, and so is all that would follow from it.

    References
    ----------
    McKay and Piperno, Practical graph isomorphism, II, Journal of Symbolic Computation 60, 94-112 (2014).
    """
    depth: list[int] = []
    for step in values:
        depth.append(1 + max((depth[i] for i in step.inputs), default=-1))
    # By depth first, so that a value always stands after its inputs.
    colours = _ranks([(d, step.operation or "", len(step.inputs)) for d, step in zip(depth, values, strict=True)])
    users: list[list[int]] = [[] for _ in values]
    for number, step in enumerate(values):
        for i in step.inputs:
            users[i].append(number)
    form, _ = _least(values, users, colours)
    return tuple(Step(name or None, inputs) for name, inputs in form[1:])


def _least(values: Sequence[Step], users: Sequence[list[int]], colours: list[int]) -> tuple[Form, set[Form]]:
    """The least of the forms that the orders compatible with `colours` give, and those that were looked at."""
    colours = _refined(values, users, colours)
    alike = _alike(colours)
    if not alike:
        form = _written(values, colours)
        return form, {form}
    best: Form | None = None
    seen: set[Form] = set()
    twins = {(values[n].inputs, tuple(users[n])): n for n in reversed(alike)}  # with the same neighbours: one will do
    for number in sorted(twins.values()):
        chosen = _before_its_like(colours, number)
        if seen and _first(values, users, chosen) in seen:
            continue
        form, forms = _least(values, users, chosen)
        best, seen = form if best is None else min(best, form), seen | forms
    assert best is not None
    return best, seen


def _first(values: Sequence[Step], users: Sequence[list[int]], colours: list[int]) -> Form:
    """The form that comes of taking the first of those alike, every time."""
    while alike := _alike(colours := _refined(values, users, colours)):
        colours = _before_its_like(colours, alike[0])
    return _written(values, colours)


def _refined(values: Sequence[Step], users: Sequence[list[int]], colours: list[int]) -> list[int]:
    """Colours that also tell apart what the inputs and users of two values tell apart; the order of colours stays."""
    while True:
        finer = _ranks(
            [
                (
                    colours[n],
                    tuple(sorted(colours[i] for i in step.inputs)),
                    tuple(sorted(colours[u] for u in users[n])),
                )
                for n, step in enumerate(values)
            ]
        )
        if max(finer) == max(colours):
            return finer
        colours = finer


def _ranks(keys: Sequence[Any]) -> list[int]:
    rank = {key: k for k, key in enumerate(sorted(set(keys)))}
    return [rank[key] for key in keys]


def _alike(colours: Sequence[int]) -> list[int]:
    """The values that share the lowest colour that is shared; none where all differ."""
    shared = [colour for colour, n in Counter(colours).items() if n > 1]
    return [n for n, colour in enumerate(colours) if colour == min(shared)] if shared else []


def _before_its_like(colours: Sequence[int], number: int) -> list[int]:
    """The colours with value `number` just below those that it was like."""
    return [2 * colour + (n != number) for n, colour in enumerate(colours)]


def _written(values: Sequence[Step], order: Sequence[int]) -> Form:
    """Steps in the order given, a place for each; merges are called ""."""
    steps = sorted((place, number) for number, place in enumerate(order))
    return tuple((values[n].operation or "", tuple(sorted(order[i] for i in values[n].inputs))) for _, n in steps)

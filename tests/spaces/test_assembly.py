"""The assembled cell against graphs that are put together and rewritten by networkx."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.spaces.assembly import Step, _ordered, assemble, count_nodes, edges, live_edges
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace

SMALL = HierarchicalSpace(operations=("conv4", "identity"), motifs=(2,), nodes=(3, 4))


def graph(genotype: Genotype) -> networkx.MultiDiGraph:
    """A vertex for every node of every motif and for every operation, then rewritten until nothing changes."""
    made = networkx.MultiDiGraph()
    made.add_node("in", label="in")

    def add(level: int, motif: tuple, first: str, last: str, path: str) -> None:
        n = round((1 + (1 + 8 * len(motif)) ** 0.5) / 2)
        names = [first, *(f"{path}node{k}" for k in range(1, n - 1)), last]
        for name in names[1:]:
            made.add_node(name, label="merge")
        held = iter(motif)
        for j in range(1, n):
            for i in range(j):
                edge, here = next(held), f"{path}{i}-{j}/"
                if edge == "identity":
                    made.add_edge(names[i], names[j])
                elif isinstance(edge, str):
                    made.add_node(here, label=edge)
                    made.add_edge(names[i], here)
                    made.add_edge(here, names[j])
                elif edge is not None:
                    add(level - 1, genotype.levels[level - 1][edge], names[i], f"{here}end", here)
                    made.add_edge(f"{here}end", names[j])

    add(len(genotype.levels) - 1, genotype.cell, "in", "out", "")
    alive = networkx.descendants(made, "in") | {"in"}
    if "out" not in alive:
        return networkx.MultiDiGraph()
    made = made.subgraph(alive & (networkx.ancestors(made, "out") | {"out"})).copy()
    while single := [v for v in made if made.nodes[v]["label"] == "merge" and made.in_degree(v) == 1]:
        vertex = single[0]
        [source] = made.predecessors(vertex)
        for user in [user for _, user in made.out_edges(vertex)]:
            made.add_edge(source, user)
        made.remove_node(vertex)
    return made if len(made) > 1 else networkx.MultiDiGraph()


def as_graph(program: tuple[Step, ...]) -> networkx.MultiDiGraph:
    made = networkx.MultiDiGraph()
    if program:
        made.add_node(0, label="in")
    for number, (name, inputs) in enumerate(program, start=1):
        made.add_node(number, label=name or "merge")
        made.add_edges_from((i, number) for i in inputs)
    return made


def same(a: networkx.MultiDiGraph, b: networkx.MultiDiGraph) -> bool:
    return networkx.is_isomorphic(
        a,
        b,
        node_match=lambda x, y: x["label"] == y["label"],
        edge_match=lambda x, y: len(x) == len(y),
    )


@pytest.mark.parametrize("space", [SMALL, HierarchicalSpace(motifs=(2, 2), nodes=(3, 3, 3)), HierarchicalSpace()])
def test_assemble__is_the_graph_of_the_genotype(space: HierarchicalSpace) -> None:
    for seed in range(12):
        genotype = space.sample(np.random.default_rng(seed))
        assert same(as_graph(genotype.program), graph(genotype))


def test_id__is_equal_exactly_when_the_graphs_are_isomorphic() -> None:
    rng = np.random.default_rng(0)
    genotypes = [SMALL.from_genes([int(rng.integers(n)) for n in SMALL.gene_sizes]) for _ in range(70)]
    graphs = [graph(g) for g in genotypes]
    equal = 0
    for a in range(len(genotypes)):
        for b in range(a):
            isomorphic = same(graphs[a], graphs[b])
            assert (genotypes[a].id == genotypes[b].id) == isomorphic
            equal += isomorphic
    assert equal > 20  # the genotypes are different, so there is something to tell


@st.composite
def numbered_twice(draw: st.DrawFn) -> tuple[list[Step], list[Step]]:
    """A graph of few labels and many twins, and the same one with its values in another order."""
    steps = [Step(None, ())]
    for number in range(1, draw(st.integers(2, 11))):
        inputs = draw(st.lists(st.integers(0, min(number - 1, 3)), min_size=1, max_size=3))
        steps.append(Step("conv4" if len(inputs) == 1 else None, tuple(sorted(inputs))))
    place = {0: 0}
    remaining = set(range(1, len(steps)))
    while remaining:
        ready = sorted(n for n in remaining if all(i in place for i in steps[n].inputs))
        chosen = draw(st.sampled_from(ready))
        place[chosen] = len(place)
        remaining.remove(chosen)
    again = [Step(None, ())] * len(steps)
    for number, step in enumerate(steps):
        again[place[number]] = Step(step.operation, tuple(sorted(place[i] for i in step.inputs)))
    return steps, again


@given(numbered_twice())
def test_order__does_not_depend_on_the_numbering(pair: tuple[list[Step], list[Step]]) -> None:
    first, second = map(_ordered, pair)
    assert first == second
    assert same(as_graph(first), as_graph(tuple(pair[0][1:])))
    for number, step in enumerate(first, start=1):
        assert list(step.inputs) == sorted(step.inputs)
        assert all(i < number for i in step.inputs)


def test_order__of_many_twins_is_found_at_once() -> None:
    """Fifty values alike: orders to try would be 50! without the mirror images left out."""
    steps = [Step(None, ()), *(Step("conv4", (0,)) for _ in range(50)), Step(None, tuple(range(1, 51)))]
    assert len(_ordered(steps)) == 51


def test_edges__are_as_many_as_pairs() -> None:
    assert list(edges(4)) == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    for n in range(2, 9):
        assert count_nodes(len(list(edges(n)))) == n
    assert [count_nodes(n) for n in (0, 2, 4, 5)] == [None] * 4


def test_assemble__takes_a_cell_of_operations_alone() -> None:
    assert assemble(((("conv4", None, "identity"),),)) == (Step("conv4", (0,)),)


@pytest.mark.parametrize("space", [SMALL, HierarchicalSpace(motifs=(3, 2), nodes=(3, 3, 4))])
def test_live_edges__are_those_whose_loss_changes_the_cell(space: HierarchicalSpace) -> None:
    rng, seen = np.random.default_rng(0), set()
    for _ in range(25):
        genotype = space.from_genes([int(rng.integers(n)) for n in space.gene_sizes])
        alive = live_edges(genotype.levels, len(genotype.levels) - 1, genotype.cell)
        for place, edge in enumerate(genotype.cell):
            without = (*genotype.cell[:place], None, *genotype.cell[place + 1 :])
            changed = assemble((*genotype.levels[:-1], (without,))) != genotype.program
            # an empty program is the identity, with a path or without one
            if edge is not None and genotype.program:
                assert alive[place] == changed
                seen.add(changed)
            if edge is None:
                assert not alive[place]
    assert seen == {True, False}

from __future__ import annotations

import pytest

from ambergen.errors import SpaceError
from ambergen.spaces.genotype import Genotype

TWO = (("conv8",), ("conv4",))
"""Two motifs of a single edge."""


def test_id__never_changes() -> None:
    # finished runs name their models by it; this value was computed when the form was fixed
    assert Genotype((TWO, ((0, None, 1),))).id == "d56df9fb6b"


def test_id__ignores_the_names_of_motifs() -> None:
    renamed = Genotype((TWO[::-1], ((1, None, 0),)))
    assert renamed != Genotype((TWO, ((0, None, 1),)))
    assert renamed.id == Genotype((TWO, ((0, None, 1),))).id


def test_id__ignores_motifs_that_are_not_used() -> None:
    unused = Genotype(((*TWO, ("max_pool4",)), ((0, None, 1),)))
    assert unused.id == Genotype((TWO, ((0, None, 1),))).id


def test_id__ignores_edges_that_are_on_no_path_from_input_to_output() -> None:
    # nodes 0 to 3: node 1 feeds nothing; node 2 has no input, so that what leaves it brings nothing
    plain = Genotype((TWO, ((None, None, None, 0, None, None),)))
    assert plain.program == (("conv8", (0,)),)
    assert Genotype((TWO, ((1, None, None, 0, None, None),))).id == plain.id
    assert Genotype((TWO, ((None, None, None, 0, None, 1),))).id == plain.id


def test_id__ignores_at_which_level_a_chain_is_built() -> None:
    chain = Genotype(((("conv8", None, "conv4"),), ((0,),)))
    assert chain.program == (("conv8", (0,)), ("conv4", (1,)))
    assert Genotype((TWO, ((0, None, 1),))).id == chain.id
    assert Genotype((TWO, ((0, None, 1),), ((0,),))).id == chain.id


def test_id__ignores_the_order_of_nodes_side_by_side() -> None:
    # 0 -> 1 -> 3 by conv8, 0 -> 2 -> 3 by conv4, and the other way round
    one = Genotype(((("conv8",), ("conv4",), ("identity",)), ((0, 1, None, None, 2, 2),)))
    other = Genotype(((("conv8",), ("conv4",), ("identity",)), ((1, 0, None, None, 2, 2),)))
    assert one.id == other.id
    assert one.program == (("conv4", (0,)), ("conv8", (0,)), (None, (1, 2)))


def test_id__tells_one_value_used_twice_from_two_alike() -> None:
    motifs = (("conv8",), ("identity",))
    # nodes 1 and 2 each by an own conv8, or node 2 the same as node 1
    own = Genotype((motifs, ((0, 0, None, None, 1, 1),)))
    shared = Genotype((motifs, ((0, None, 1, None, 1, 1),)))
    assert own.program == (("conv8", (0,)), ("conv8", (0,)), (None, (1, 2)))
    assert shared.program == (("conv8", (0,)), (None, (1, 1)))
    assert own.id != shared.id


def test_program__of_a_cell_without_a_path_is_the_identity() -> None:
    nothing = Genotype(((("conv8",), (None,)), ((None, None, 0),)))
    idle = Genotype(((("conv8",), (None,)), ((1, 1, 1),)))
    identity = Genotype(((("identity",), (None,)), ((None, 0, None),)))
    assert nothing.program == idle.program == identity.program == ()
    assert nothing.id == idle.id == identity.id


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ((), "levels have .. motifs; expected a single one, the cell"),
        ((TWO,), "levels have .2. motifs"),
        (((("conv8", "conv4"),),), "level 2, motif 0 has 2 edges; expected one for each pair of its nodes: 1 of 2"),
        ((TWO, ((2,),)), "level 3, motif 0 has an edge 2; expected null or the number of a motif from 0 to 1"),
        ((TWO, (("conv8",),)), "level 3, motif 0 has an edge 'conv8'; expected null or the number"),
        ((TWO, ((True,),)), "has an edge True"),
        ((((3,),),), "level 2, motif 0 has an edge 3; expected null or the name of an operation"),
    ],
)
def test_genotype__refuses_what_is_no_cell(levels: tuple, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Genotype(levels)

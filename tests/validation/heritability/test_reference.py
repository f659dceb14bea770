from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import InputError
from ambergen.io.ld_score_files import LDScores
from ambergen.validation.heritability.reference import MHC_FIRST, MHC_LAST, join_reference, read_reference
from tests.validation.heritability.panel import genome, ids, is_common, write


def scores(contig: list[str], position: list[int], names: tuple[str, ...] = ("baseL2",)) -> LDScores:
    n = len(contig)
    values = np.arange(n * len(names), dtype=float).reshape(n, len(names))
    return LDScores(
        np.array(contig, object),
        np.array([f"rs{k}" for k in range(n)], object),
        np.array(position),
        names,
        values,
        np.ones(len(names)),
        np.full(len(names), 2.0),
    )


def test_read_reference__joins_the_files_of_all_chromosomes(tmp_path: Path) -> None:
    files = write(tmp_path)
    reference = read_reference(files.ld, files.weights)
    assert reference.names == ("base", "active", "level")
    assert reference.id.tolist() == ids().tolist()
    assert reference.ld_scores == pytest.approx(genome().ld_scores, rel=1e-8)
    assert reference.weight_ld == pytest.approx(genome().weight_ld, rel=1e-8)
    assert reference.m == pytest.approx(genome().annotations[is_common()].sum(axis=0))
    assert read_reference(files.ld, files.weights, all_frequencies=True).m == pytest.approx(genome().m)


def test_join_reference__is_in_genomic_order_whatever_the_order_of_the_files() -> None:
    ours = scores(["10", "2", "X", "2", "1"], [5, 9, 1, 3, 7])
    reference = join_reference(ours, scores(["1"] * 5, [0, 1, 2, 3, 4], ("L2",)))
    assert list(zip(reference.contig, reference.position, strict=True)) == [
        ("1", 7),
        ("2", 3),
        ("2", 9),
        ("10", 5),
        ("X", 1),
    ]
    assert reference.weight_ld.tolist() == [4, 3, 1, 0, 2]


@pytest.mark.parametrize("name", ["6", "chr6"])
def test_join_reference__leaves_out_the_mhc_and_counts_it(name: str) -> None:
    ours = scores([name] * 4 + ["7"], [MHC_FIRST - 1, MHC_FIRST, MHC_LAST - 1, MHC_LAST, MHC_FIRST])
    weights = scores(["1"] * 5, [0, 1, 2, 3, 4], ("L2",))
    reference = join_reference(ours, weights)
    assert reference.id.tolist() == ["rs0", "rs3", "rs4"]
    assert reference.dropped == {"in the MHC (chr6:25-34 Mb)": 2}
    assert len(join_reference(ours, weights, keep_mhc=True)) == 5


def test_join_reference__counts_copies_and_variants_without_weight() -> None:
    ours = scores(["1"] * 4, [1, 2, 3, 4])
    twice = replace(ours, id=np.array(["rs0", "rs0", "rs1", "rs9"], object))
    reference = join_reference(twice, scores(["1"] * 2, [1, 2], ("L2",)))
    assert reference.id.tolist() == ["rs0", "rs1"]
    assert reference.ld_scores[:, 0].tolist() == [0, 2]
    assert reference.dropped == {"an id that came before in the LD scores": 1, "without a weight": 1}


def test_join_reference__refuses_what_does_not_belong_together() -> None:
    ours = scores(["1"] * 3, [1, 2, 3])
    with pytest.raises(InputError, match=r"the weights: has 2 columns of LD scores .*expected one"):
        join_reference(ours, scores(["1"] * 3, [1, 2, 3], ("aL2", "bL2")))
    other = replace(ours, id=np.array(["1:2", "1:3", "1:4"], object))
    with pytest.raises(
        InputError, match=r"no variant is in the LD scores too, which begins with rs0, rs1; .* 1:2, 1:3"
    ):
        join_reference(ours, other)
    with pytest.raises(InputError, match=r"two columns of LD scores are called base, .*a column L2 is called base"):
        join_reference(scores(["1"] * 3, [1, 2, 3], ("baseL2", "L2")), ours)
    with pytest.raises(InputError, match=r"there is no file .l2.M_5_50 for each prefix.*--not-m-5-50 takes .l2.M"):
        join_reference(replace(ours, m_5_50=None), ours)

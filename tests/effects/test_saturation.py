from __future__ import annotations

import pytest

from ambergen.effects.saturation import saturate
from ambergen.errors import InputError
from ambergen.io.genome import Genome
from ambergen.sequence.variants import Record

GENOME = Genome.of({"chr1": "ACGTN", "chr2": "TTTT"})


def test_saturate__the_three_other_bases_of_every_known_one() -> None:
    assert list(saturate(GENOME, "1:4-5", GENOME.aliases())) == [Record("1", 3, ".", "T", ("A", "C", "G"))]
    assert list(saturate(GENOME, "chr2:1-1", GENOME.aliases())) == [Record("chr2", 0, ".", "T", ("A", "C", "G"))]
    whole = list(saturate(GENOME, "chr1:1-5", GENOME.aliases()))
    assert [(record.start, record.ref) for record in whole] == list(enumerate("ACGT"))


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("chr1", "expected CONTIG:START-END"),
        ("chr1:5", "expected CONTIG:START-END"),
        ("chr3:1-2", "has no contig chr3; it has chr1, chr2"),
        ("chr1:0-2", "START from 1 on"),
        ("chr1:3-2", "START from 1 on, not after END"),
        ("chr1:1-1,000", "which has 5 bases"),
    ],
)
def test_saturate__refuses_with_a_remedy(region: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        saturate(GENOME, region, GENOME.aliases())

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import AlphabetError, InputError
from ambergen.io.genome import Genome
from ambergen.sequence.alphabets import DNA

SEQUENCES = {"chr1": "ACGTNA", "chrM": "GGC"}


def test_genome__of_a_file_and_of_sequences_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(">chr1 the first\nacgt\nNA\n>chrM\nGGC\n")
    read, given = Genome.read(path, tmp_path), Genome.of(SEQUENCES)
    tokens = Genome.of({name: DNA.encode(text, "test") for name, text in SEQUENCES.items()})
    for genome in (read, given, tokens):
        assert genome.names == ("chr1", "chrM")
        assert genome.first.tolist() == [0, 6, 9]
        assert genome.lengths == {"chr1": 6, "chrM": 3}
        assert DNA.decode(np.asarray(genome.tokens)) == "ACGTNAGGC"
    assert read.checksum == given.checksum == tokens.checksum
    assert list(tmp_path.iterdir()) == [path]
    assert read.aliases().resolve("MT") == "chrM"


def test_genome__checksum_sees_names_borders_and_bases() -> None:
    others = [{"chr1": "ACGTN", "chrM": "AGGC"}, {"chr1": "ACGTNA", "M": "GGC"}, {"chr1": "ACGTNT", "chrM": "GGC"}]
    assert len({Genome.of(each).checksum for each in [SEQUENCES, *others]}) == 4


def test_genome__refuses_letters_and_emptiness() -> None:
    with pytest.raises(AlphabetError, match="contig chr1, base 2"):
        Genome.of({"chr1": "AJ"})
    with pytest.raises(InputError, match="there is no sequence"):
        Genome.of({})

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import FileFormatError
from ambergen.io.genetic_map import read_genetic_map

SHAPEIT = "position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n101 0 0\n201 3 0.3\n401 1 0.5\n"
HAPMAP = (
    "Chromosome\tPosition(bp)\tRate\tMap(cM)\nchr7\t101\t0\t0\nchr7\t201\t3\t0.3\nchr7\t401\t1\t0.5\nchr8\t5\t1\t1\n"
)
PLINK = "7 . 0 101\n7 . 0.3 201\n7 rs1 0.5 401\n8 . 0 1\n"


def write(tmp_path: Path, text: str, name: str = "map.txt") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_read_genetic_map__takes_the_three_usual_layouts(tmp_path: Path) -> None:
    write(tmp_path, SHAPEIT, "map.7.txt")
    for path in (tmp_path / "map.@.txt", write(tmp_path, HAPMAP, "h"), write(tmp_path, PLINK, "p")):
        found = read_genetic_map(path, "7")
        assert found.position.tolist() == [100, 200, 400]
        assert found.centimorgan.tolist() == [0, 0.3, 0.5]


def test_at__follows_straight_lines_and_beyond_the_ends_the_mean_rate(tmp_path: Path) -> None:
    found = read_genetic_map(write(tmp_path, PLINK), "7")
    rate = 0.5 / 300
    positions = np.array([0, 100, 150, 200, 300, 400, 500])
    expected = [-100 * rate, 0, 0.15, 0.3, 0.4, 0.5, 0.5 + 100 * rate]
    np.testing.assert_allclose(found.at(positions), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the map has 0 points on chromosome 7; expected at least two"),
        ("8 . 0 1\n8 . 1 2\n", "the map has 0 points on chromosome 7.*same names"),
        (SHAPEIT, "line 2: the map does not tell the chromosome; expected a file for each chromosome, with @"),
        ("7 1 2 3 4\n", "line 1: the line has 5 columns; expected position, rate, centimorgan"),
        ("7 . 0 101\n7 . x 201\n", "line 2: '201' and 'x' are no position and centimorgans"),
        ("7 . 0 101\n7 . 1 -5\n", "line 2: '-5' and '1' are no position and centimorgans"),
        ("7 . 0.4 101\n7 . 0.3 201\n", "line 2: 201 bp, 0.3 cM follows 101 bp, 0.4 cM; expected both to ascend"),
        ("7 . 0 101\n7 . 0 101\n", "the map has 2 points on chromosome 7"),
    ],
)
def test_read_genetic_map__names_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        read_genetic_map(write(tmp_path, text), "7")

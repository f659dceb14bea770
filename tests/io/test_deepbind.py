"""Parameter files of DeepBind: one written by hand, and what is wrong with others."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import FileFormatError
from ambergen.io.deepbind import read_deepbind

# Two detectors of three bases: the first likes ACG, the second T anywhere in its middle
HAND_WRITTEN = """\
# deepbind 0.1
reverse_complement = 1
num_detectors = 2
detector_len = 3
has_avg_pooling = 1
num_hidden = 2
detectors = 1,0,0,0,0,0,0,0, 0,0,2,0,0,0,0,5, 0,0,0,0,3,0,0,0
thresholds = -0.5,-1
weights1 = 1,0,0.5,0,0,1,0,-1
biases1 = 0,0.25
weights2 = 2,3
biases2 = -1
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "D00328.003.txt"
    path.write_text(text)
    return path


def test_read_deepbind__puts_every_number_in_its_place(tmp_path: Path) -> None:
    found = read_deepbind(written(tmp_path, HAND_WRITTEN))
    assert (found.both_strands, found.average, found.hidden) == (True, True, 2)
    first, second = found.detectors
    np.testing.assert_array_equal(first, [[1, 0, 0], [0, 2, 0], [0, 0, 3], [0, 0, 0]])
    np.testing.assert_array_equal(second, [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 5, 0]])
    np.testing.assert_array_equal(found.thresholds, [-0.5, -1])
    # Rows: maximum and mean of the first detector, then of the second; columns: hidden units
    np.testing.assert_array_equal(found.weights1, [[1, 0], [0.5, 0], [0, 1], [0, -1]])
    np.testing.assert_array_equal(found.biases1, [0, 0.25])
    np.testing.assert_array_equal(found.weights2, [2, 3])
    np.testing.assert_array_equal(found.biases2, [-1])


def test_read_deepbind__without_hidden_units_needs_no_second_layer(tmp_path: Path) -> None:
    text = HAND_WRITTEN.replace("num_hidden = 2", "num_hidden = 0").replace(
        "has_avg_pooling = 1", "has_avg_pooling = 0"
    )
    text = text.replace("1,0,0.5,0,0,1,0,-1", "1,4").replace("0,0.25", "7")
    for second in ("weights2 = 2,3\nbiases2 = -1\n", "weights2 = \nbiases2 =\n", ""):
        one = text.replace("weights2 = 2,3\nbiases2 = -1\n", second)
        path = tmp_path / "model.txt.gz"
        path.write_bytes(gzip.compress(one.encode()))
        found = read_deepbind(path)
        assert (found.hidden, found.average, found.weights1.shape) == (0, False, (2, 1))
        assert found.weights2.size == found.biases2.size == 0
        assert found.biases1.tolist() == [7]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("num_detectors = 2", "n_detectors = 2", r"txt, line 3: 'n_detectors = 2' is not a parameter of DeepBind"),
        ("num_hidden = 2", "hello", r"line 6: 'hello' is not a parameter.*db/params"),
        (
            "thresholds = -0.5,-1\n",
            "",
            r"txt: thresholds is missing; expected lines with reverse_complement, .*cut off",
        ),
        ("num_hidden = 2", "detector_len = 3", r"line 6: detector_len stands on line 4 already; expected it once"),
        ("detector_len = 3", "detector_len = 3.5", r"line 4: detector_len is '3.5'; expected a whole number from 1 to"),
        ("detector_len = 3", "detector_len = 0", r"line 4: detector_len is '0'; expected a whole number from 1 to"),
        ("has_avg_pooling = 1", "has_avg_pooling = 2", r"has_avg_pooling is '2'; expected a whole number from 0 to 1"),
        ("-0.5,-1", "-0.5", r"line 8: thresholds has 1 numbers; expected 2 numbers, as the sizes above it ask for"),
        ("-0.5,-1", "-0.5,x", r"line 8: thresholds has something else than numbers .*'x'"),
        ("-0.5,-1", "-0.5,nan", r"line 8: thresholds has a value that is not finite"),
        ("weights2 = 2,3\n", "", r"txt: weights2 has 0 numbers; expected 2 numbers"),
    ],
)
def test_read_deepbind__says_what_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_deepbind(written(tmp_path, HAND_WRITTEN.replace(old, new, 1)))

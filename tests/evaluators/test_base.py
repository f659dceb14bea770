from __future__ import annotations

import numpy as np
import pytest

from ambergen.errors import InputError, SplitError
from ambergen.evaluators.base import check_measurable, objective_value


def test_check_measurable__one_track_with_both_classes_is_enough() -> None:
    check_measurable("search", 100, np.array([0, 10, 100]))
    check_measurable("search", 100, np.array([90]))


@pytest.mark.parametrize("positives", [[9], [91], [0, 95, 3]])
def test_check_measurable__refuses_a_split_that_measures_nothing(positives: list[int]) -> None:
    with pytest.raises(SplitError, match=r"selection split: none of the \d tracks has 10 positive.*more contigs or"):
        check_measurable("selection", 100, np.array(positives))


def test_objective_value__leaves_rare_tracks_out() -> None:
    labels = np.zeros((40, 2), np.uint8)
    labels[:20, 0] = 1
    labels[:9, 1] = 1
    logits = np.stack([labels[:, 0], -labels[:, 1].astype(float)], axis=1)
    assert objective_value("auroc", logits, labels, None) == 1.0
    assert objective_value("average_precision", logits, labels, None) == 1.0
    with pytest.raises(InputError, match="none of the 1 tracks"):
        objective_value("auroc", logits[:, 1:], labels[:, 1:], None)

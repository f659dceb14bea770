from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ambergen.sequence.alphabets import DNA
from ambergen.sequence.scorer import Scorer


@dataclass(frozen=True)
class CountOfG:
    """The smallest scorer: how many G or C a window has, the same on both strands."""

    length: int = 5
    tracks: tuple[str, ...] = ("gc",)
    output: Literal["logit", "raw"] = "raw"

    def predict(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        return ((tokens == 1) | (tokens == 2)).sum(axis=1, keepdims=True).astype(np.float32)


def test_scorer__is_whatever_has_its_members() -> None:
    scorer: Scorer = CountOfG()
    assert isinstance(scorer, Scorer)
    assert not isinstance(object(), Scorer)
    scores = scorer.predict(DNA.encode("GGCAT", "here")[None])
    assert (scores.shape, scores.dtype, scores[0, 0]) == ((1, len(scorer.tracks)), np.float32, 3.0)

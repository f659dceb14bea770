"""How variants are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ambergen.errors import ConfigError
from ambergen.sequence.edits import Anchor

Strands = Literal["mean_logits", "mean_probabilities", "forward"]
Mismatch = Literal["flag", "skip", "error"]


@dataclass(frozen=True)
class EffectConfig:
    """Windows, strands and policies.

    Attributes
    ----------
    strands : what the score of an allele is: the mean of the logits of both strands, the mean of their probabilities,
        or the forward strand alone
    anchor : ``left`` has the first base of either allele at `index`, ``center`` its middle
    index : where the variant stands in the window, 0-based; default (length - 1) // 2
    mismatch : what to do where the reference allele is not the genome's: score it as it is stated and ``flag`` it,
        ``skip`` it (status ref_mismatch), or stop with an ``error``
    drop_edge : whether windows that reach beyond a contig's end are left out (status edge) instead of padded
    shift : scores are means over windows shifted by up to this many bases to either side
    """

    strands: Strands = "mean_logits"
    anchor: Anchor = "left"
    index: int | None = None
    mismatch: Mismatch = "flag"
    drop_edge: bool = False
    shift: int = 0

    def __post_init__(self) -> None:
        _one_of("strands", self.strands, get_args(Strands))
        _one_of("anchor", self.anchor, get_args(Anchor))
        _one_of("mismatch", self.mismatch, get_args(Mismatch))
        if self.shift < 0:
            raise ConfigError(f"shift: {self.shift} bases; expected 0 or more.")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name}: {value!r} is not known; expected {', '.join(choices[:-1])} or {choices[-1]}.")

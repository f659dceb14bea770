"""What searched networks are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ambergen.errors import ConfigError

SCORERS = ("deepsea", "danq", "kmer", "basset", "deepbind", "gkm", "pwm")
OWN_RECIPE = ("basset", "deepbind", "gkm", "pwm")
"""Those of `SCORERS` that learn in their own way, before the comparison and beside its models, as `train` does it."""
TRAINED = ("deepsea", "danq", "basset", "deepbind", "gkm", "pwm")


@dataclass(frozen=True)
class CompareConfig:
    """The models of a comparison on the test split.

    searches : independent searches, each with its own seed; with one there is no p-value, for one search is one sample
    sampled : architectures drawn at random from the same space and trained the same way (AMBER-Base)
    matched_parameters : whether as many more are sampled that have about as many parameters as the winners
    scorers : rivals: the networks of deepsea and danq, and kmer, a logistic regression on k-mer counts; and by recipes
        of their own basset, deepbind, gkm and pwm
    trained : rivals that `ambergen train RUN.yaml --scorer NAME` has trained by recipes of their own: deepsea, danq,
        basset, deepbind, gkm and pwm
    motifs : file of the matrices among which pwm of `scorers` chooses
    motif : names or identifiers of those that it chooses among; empty for all of the file
    settings : drawn settings that deepbind of `scorers` tries first, 30 as published
    published_widths : whether deepsea and danq keep their published widths; else they are scaled to the winner's
        multiply-adds, and say so in their names
    expert_rate : factor of the learning rate of deepsea and danq, which have no batch norm: at the rate that suits
        networks with it, they do not train. All their layers learn at that rate (`train.full_rate_inputs` is for ours)
    expert_epochs : factor of their epochs, for at that rate they need more; docs/measurements.md has what it is from
    """

    searches: int = 1
    sampled: int = 5
    matched_parameters: bool = False
    scorers: tuple[str, ...] = ("deepsea", "danq", "kmer")
    trained: tuple[str, ...] = ()
    motifs: Path | None = None
    motif: tuple[str, ...] = ()
    settings: int = 30
    published_widths: bool = False
    expert_rate: float = 0.1
    expert_epochs: float = 2.0

    def __post_init__(self) -> None:
        if self.searches < 1:
            raise ConfigError(f"compare: searches is {self.searches}; expected at least 1.")
        if self.sampled < 0:
            raise ConfigError(f"compare: sampled is {self.sampled}; expected 0 or more.")
        for name in ("expert_rate", "expert_epochs"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"compare: {name} is {getattr(self, name)}; expected more than 0.")
        for key, names, known in (("scorers", self.scorers, SCORERS), ("trained", self.trained, TRAINED)):
            if not set(names) <= set(known) or len(set(names)) != len(names):
                raise ConfigError(f"compare: {key} are {list(names)}; expected some of {', '.join(known)}, each once.")
        if twice := set(self.own_recipe) & set(self.trained):
            raise ConfigError(
                f"compare: {min(twice)} is among scorers and among trained; expected one of the two. Leave it under "
                "trained where `ambergen train --scorer` has trained it."
            )
        if ("pwm" in self.scorers) != (self.motifs is not None):
            found = "no motifs are given" if self.motifs is None else f"motifs are {self.motifs}"
            raise ConfigError(
                f"compare: scorers are {list(self.scorers)} and {found}; expected a file of motifs (JASPAR or MEME) "
                "with pwm, and with it only."
            )
        if self.motif and self.motifs is None:
            raise ConfigError(f"compare: motif is {list(self.motif)} without a file of motifs. Name it under motifs.")
        if self.settings < 0:
            raise ConfigError(f"compare: settings is {self.settings}; expected 0 or more drawn settings of deepbind.")

    @property
    def own_recipe(self) -> tuple[str, ...]:
        """Those of the scorers that learn before the comparison."""
        return tuple(name for name in self.scorers if name in OWN_RECIPE)

    @property
    def rivals(self) -> tuple[str, ...]:
        """Scorers whose models lie in ``rivals`` when the comparison begins."""
        return (*self.trained, *self.own_recipe)

"""What searched networks are compared with."""

from __future__ import annotations

from dataclasses import dataclass

from ambergen.errors import ConfigError

SCORERS = ("deepsea", "danq", "kmer")
TRAINED = ("deepsea", "danq", "basset", "deepbind", "gkm", "pwm")


@dataclass(frozen=True)
class CompareConfig:
    """The models of a comparison on the test split.

    searches : independent searches, each with its own seed; with one there is no p-value, for one search is one sample
    sampled : architectures drawn at random from the same space and trained the same way (AMBER-Base)
    matched_parameters : whether as many more are sampled that have about as many parameters as the winners
    scorers : rivals: the networks of deepsea and danq, and kmer, a logistic regression on k-mer counts
    trained : rivals that `ambergen train RUN.yaml --scorer NAME` has trained by recipes of their own: deepsea, danq,
        basset, deepbind, gkm and pwm
    published_widths : whether deepsea and danq keep their published widths; else they are scaled to the winner's
        multiply-adds, and say so in their names
    expert_rate : factor of the learning rate of deepsea and danq, which have no batch norm: at the rate that suits
        networks with it, they do not train. All their layers learn at that rate (`train.full_rate_inputs` is for ours)
    expert_epochs : factor of their epochs, for at that rate they need more; docs/measurements.md has what it is from
    """

    searches: int = 1
    sampled: int = 5
    matched_parameters: bool = False
    scorers: tuple[str, ...] = SCORERS
    trained: tuple[str, ...] = ()
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

"""How long something may go on: a time, or a count of epochs, steps or trials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ambergen.errors import ConfigError

Unit = Literal["seconds", "epochs", "steps", "trials"]

_SECONDS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
_COUNTS: dict[str, Unit] = {"epoch": "epochs", "step": "steps", "trial": "trials"}
_FORM = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*")
_EXAMPLES = "a time such as 90s, 30min or 2h, or a count such as '20 epochs', '500 steps' or '40 trials'"


@dataclass(frozen=True)
class Budget:
    """An amount and its unit; counts are whole numbers, times are seconds of the wall clock."""

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``30min``, ``2h``, ``90s``, ``20 epochs``, ``500 steps`` or ``40 trials``.

        Raises
        ------
        ConfigError
            If the text is a bare number, has an unknown unit, or is not above zero.
        """
        match = _FORM.fullmatch(text.lower())
        if match is None:
            raise ConfigError(f"'{text}' is no budget; expected {_EXAMPLES}.")
        amount, word = float(match[1]), match[2]
        singular = word if word in _SECONDS else word.removesuffix("s")
        if amount <= 0:
            raise ConfigError(f"the budget '{text}' is not above zero; expected {_EXAMPLES}.")
        if singular in _SECONDS:
            return cls(amount * _SECONDS[singular], "seconds")
        if singular not in _COUNTS:
            raise ConfigError(f"'{text}' has the unknown unit '{word}'; expected {_EXAMPLES}.")
        if amount != int(amount):
            raise ConfigError(f"'{text}' is not a whole number of {_COUNTS[singular]}; expected {_EXAMPLES}.")
        return cls(int(amount), _COUNTS[singular])

    def __str__(self) -> str:
        """Text that `parse` reads back to the same budget."""
        if self.unit != "seconds":
            return f"{int(self.amount)} {self.unit}"
        size, word = next(((n, w) for n, w in ((3600, "h"), (60, "min")) if self.amount % n == 0), (1, "s"))
        return f"{float(self.amount) / size:.12g}{word}"

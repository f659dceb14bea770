"""How long something may go on: a time, the time of devices, or a count of epochs, steps or trials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ambergen.errors import ConfigError

Unit = Literal["seconds", "device_seconds", "epochs", "steps", "trials"]

_SECONDS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
_COUNTS: dict[str, Unit] = {"epoch": "epochs", "step": "steps", "trial": "trials"}
_FORM = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(device-)?([a-z]+)(\s+device)?\s*")
_EXAMPLES = (
    "a time such as 90s, 30min or 2h, a time of devices such as '10min device', or a count such as '20 epochs', "
    "'500 steps' or '40 trials'"
)


@dataclass(frozen=True)
class Budget:
    """An amount and its unit.

    Counts are whole numbers; seconds are those of the wall clock, device_seconds those of all workers together, which
    is what `Cost` counts.
    """

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``30min``, ``2h``, ``90s``, ``10min device``, ``20 epochs``, ``500 steps`` or ``40 trials``.

        ``600 device-seconds`` is another way to write ``10min device``.

        Raises
        ------
        ConfigError
            If the text is a bare number, has an unknown unit, or is not above zero.
        """
        match = _FORM.fullmatch(text.lower())
        if match is None:
            raise ConfigError(f"'{text}' is no budget; expected {_EXAMPLES}.")
        amount, word, of_devices = float(match[1]), match[3], bool(match[2] or match[4])
        singular = word if word in _SECONDS else word.removesuffix("s")
        if amount <= 0:
            raise ConfigError(f"the budget '{text}' is not above zero; expected {_EXAMPLES}.")
        if singular in _SECONDS:
            return cls(amount * _SECONDS[singular], "device_seconds" if of_devices else "seconds")
        if of_devices:
            raise ConfigError(f"'{text}' speaks of devices and of {word}; expected {_EXAMPLES}.")
        if singular not in _COUNTS:
            raise ConfigError(f"'{text}' has the unknown unit '{word}'; expected {_EXAMPLES}.")
        if amount != int(amount):
            raise ConfigError(f"'{text}' is not a whole number of {_COUNTS[singular]}; expected {_EXAMPLES}.")
        return cls(int(amount), _COUNTS[singular])

    def __str__(self) -> str:
        """Text that `parse` reads back to the same budget."""
        if self.unit not in ("seconds", "device_seconds"):
            return f"{int(self.amount)} {self.unit}"
        size, word = next(((n, w) for n, w in ((3600, "h"), (60, "min")) if self.amount % n == 0), (1, "s"))
        return f"{float(self.amount) / size:.12g}{word}{' device' if self.unit == 'device_seconds' else ''}"

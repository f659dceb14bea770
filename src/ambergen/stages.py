"""Which stages of a run are done, and with what: so that a command continues or skips, and never mixes two settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ambergen.atomic import only_writer, write_json
from ambergen.errors import ConfigError, StoreError
from ambergen.settings import differences

Stage = Literal["build", "search", "train", "compare", "report"]
STAGES: tuple[Stage, ...] = ("build", "search", "train", "compare", "report")

FILE = "stages.json"


class StageBook:
    """The record ``stages.json`` of a run directory.

    A stage is current where it is done with the same inputs: its settings and what it takes from earlier stages.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / FILE
        self._records = _read(self.path)

    def is_current(self, stage: Stage, inputs: dict[str, Any]) -> bool:
        record = self._records.get(stage)
        return record is not None and record["done"] is not None and record["inputs"] == _plain(inputs)

    def done(self) -> dict[str, str]:
        """Stage -> when it was done, UTC."""
        return {stage: r["done"] for stage, r in self._records.items() if r["done"] is not None}

    def inputs(self, stage: Stage) -> dict[str, Any] | None:
        """What the stage was begun with; None where it has not been."""
        record = self._records.get(stage)
        return None if record is None else record["inputs"]

    def refuse_others(self, stage: Stage, inputs: dict[str, Any], *remains: Path) -> None:
        """Nothing, unless the stage was begun with other inputs and something of `remains` is left of it.

        Parameters
        ----------
        inputs : all of them, or those that are known already

        Raises
        ------
        ConfigError
            That names what differs.
        """
        before, now = self.inputs(stage), _plain(inputs)
        left = " and ".join(str(path) for path in remains if path.exists())
        if before is None or not left:
            return
        for key, old, new in differences({name: before.get(name) for name in now}, now):
            raise ConfigError(
                f"{self.path.parent}: the {stage} stage was begun with other settings: {key} was {_short(old)} and is "
                f"now {_short(new)}. Give the run another folder (--set out=…), go back to the settings, or remove "
                f"{left} to do the stage anew."
            )

    def begin(self, stage: Stage, inputs: dict[str, Any]) -> None:
        """Note that `stage` is worked on with `inputs`."""
        self._records[stage] = {"inputs": _plain(inputs), "done": None}
        self._save()

    def finish(self, stage: Stage) -> None:
        self._records[stage]["done"] = datetime.now(UTC).isoformat(timespec="seconds")
        self._save()

    def _save(self) -> None:
        write_json(self.path, self._records)


def _plain(inputs: dict[str, Any]) -> dict[str, Any]:
    """As it will be read from JSON."""
    return json.loads(json.dumps(inputs))


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value)
    return text if len(text) < 60 else text[:57] + "…"


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        return {stage: {"inputs": r["inputs"], "done": r["done"]} for stage, r in records.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path}: not the record of a run's stages ({type(error).__name__}). It is damaged; remove it, and "
            "finished stages are looked at again."
        ) from error


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Be the only one who works in a run directory, which is made where it is absent; see `only_writer`.

    Raises
    ------
    ConfigError
        If it cannot be a folder.
    RunError
        If another process works there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(
            f"{out}: a file stands in the way of this folder. Name another one with --set out=…, or move the file."
        ) from error
    with only_writer(out):
        yield

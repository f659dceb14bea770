from __future__ import annotations

import errno

import pytest
import typer

from ambergen.cli.failures import explain, reported
from ambergen.errors import ConfigError, RunError


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ConfigError("run.yaml, line 2: no"), 2, "Error: run.yaml, line 2: no"),
        (RunError("all candidates failed"), 1, "Error: all candidates failed"),
        (OSError(errno.ENOSPC, "No space left on device", "out/store"), 1, "out/store: the disk is full. Make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/out"), 2, "/data/out: permission denied"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.fa"), 2, "a.fa: No such file or directory"),
        (FileExistsError(errno.EEXIST, "File exists", "notes.txt"), 2, "notes.txt: this is a file; expected a folder"),
        (MemoryError(), 1, "Use fewer workers"),
        (KeyboardInterrupt(), 130, "the same command continues"),
        (ZeroDivisionError("division by zero"), 1, "a fault of ambergen, not of your input"),
    ],
)
def test_explain__gives_message_and_status(error: BaseException, status: int, words: str) -> None:
    message, found = explain(error)
    assert found == status
    assert words in message


def test_reported__prints_one_message_without_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @reported
    def command() -> None:
        raise ConfigError("run.yaml, line 2: no")

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == "Error: run.yaml, line 2: no\n"

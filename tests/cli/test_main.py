from __future__ import annotations

import subprocess
import sys

import pytest

import ambergen
from ambergen.cli.main import COMMANDS, main


def status_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


@pytest.mark.parametrize("verb", [name for _, name, _ in COMMANDS])
def test_help__of_every_verb_teaches_by_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(verb, "--help") == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"ambergen {verb}" in text


def test_help__never_imports_torch() -> None:
    code = """
import sys
from ambergen.cli.main import COMMANDS, main
for arguments in (["--help"], *([name, "--help"] for _, name, _ in COMMANDS)):
    try:
        main(arguments)
    except SystemExit as done:
        assert not done.code, done.code
heavy = {"torch", "pandas", "scipy", "sklearn", "matplotlib", "pyarrow", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_version__is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--version") == 0
    assert capsys.readouterr().out == f"ambergen {ambergen.__version__}\n"


def test_usage__of_an_unknown_verb_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("descrbe") == 2
    assert "describe" in capsys.readouterr().err


def test_debug__works_after_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("describe", "nothing.json", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err
    assert status_of("describe", "nothing.json") == 2
    assert "Traceback" not in capsys.readouterr().err

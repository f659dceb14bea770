"""What an installed package promises: one version, a quick start, and everything it needs inside it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

import ambergen

ROOT = Path(__file__).parents[1]
HELP = "import sys; sys.argv = ['ambergen', '--help']; from ambergen.cli.main import main; main()"
VERBS = ["demo", "init", "check", "run", "build", "search", "train"]
VERBS += ["compare", "compare-methods", "report", "status", "describe", "predict"]
# Each of these takes a second or more to import.
HEAVY = ("torch", "pandas", "scipy.stats", "sklearn", "matplotlib", "pyarrow")


def imported(code: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run `code` in a new interpreter; its result, and the modules that it imported."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=False, timeout=600
    )
    return result, set(re.findall(r"^import time:.*\|\s*([\w.]+)$", result.stderr, flags=re.MULTILINE))


def test_version__is_the_installed_one() -> None:
    assert metadata.version("ambergen") == ambergen.__version__


def test_help__is_shown_without_heavy_imports() -> None:
    result, modules = imported(HELP)
    assert result.returncode == 0, result.stderr
    assert "Usage" in result.stdout
    for verb in VERBS:
        assert re.search(rf"\b{verb}\b", result.stdout), f"the help does not name the verb {verb}"
    assert not modules & set(HEAVY)


def test_import__of_the_package_is_light() -> None:
    result, modules = imported("import ambergen")
    assert result.returncode == 0, result.stderr
    assert "ambergen" in modules
    assert not modules & set(HEAVY)


@pytest.mark.parametrize("name", ["py.typed"])
def test_package__carries(name: str) -> None:
    assert resources.files("ambergen").joinpath(name).is_file()


def test_pytorch__is_pinned() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert any(re.fullmatch(r"torch==\d+\.\d+\.\d+", pin) for pin in pins)


def test_project__names_its_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence

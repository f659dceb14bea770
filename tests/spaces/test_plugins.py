from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import SpaceError
from ambergen.spaces import operations
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.plugins import load_plugins
from ambergen.spaces.space import Space

TWICE = """\
from torch import nn

from ambergen.models.layers import BatchNorm, Conv
from ambergen.spaces.operations import register_operation


def twice(channels, length):
    return nn.Sequential(Conv(channels, channels, 4), Conv(channels, channels, 4), BatchNorm(channels), nn.ReLU())


register_operation("conv4_twice", twice, taps=8, span=7)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A file that registers an operation, forgotten afterwards."""
    path = tmp_path / "mine.py"
    path.write_text(TWICE)
    before, modules = dict(operations._OWN), set(sys.modules)
    yield path
    operations._OWN.clear()
    operations._OWN.update(before)
    for name in set(sys.modules) - modules:
        if name.startswith("ambergen_plugin"):
            del sys.modules[name]


def test_plugins__register_operations_for_both_kinds_of_space(plugin: Path) -> None:
    layered = Space(layers=2, operations=("conv4_twice", "identity"), reduce=(), plugins=(str(plugin),))
    assert Space.from_dict(json.loads(json.dumps(layered.to_dict()))) == layered
    hierarchical = HierarchicalSpace(operations=("conv4_twice", "identity"), plugins=(str(plugin),))
    assert HierarchicalSpace.from_dict(hierarchical.to_dict()) == hierarchical


def test_plugins__let_another_process_and_folder_build_the_network(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space = Space(layers=2, operations=("conv4_twice", "identity"), reduce=(), width=4, hidden=3, plugins=("mine.py",))
    spec = {"space": space.to_dict(), "architecture": space.sample(np.random.default_rng(0)).to_dict()}
    assert spec["space"]["plugins"] == [str(plugin)]
    script = (
        "import json, sys\n"
        "from ambergen.models.factory import make_network\n"
        "network = make_network('child', json.loads(sys.argv[1]), 2, 20, seed=1)\n"
        "print(sum(p.numel() for p in network.parameters()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, json.dumps(spec)], capture_output=True, text=True, cwd="/", env=os.environ
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 0


def test_plugins__are_not_needed_where_the_operations_are_known(plugin: Path) -> None:
    load_plugins([str(plugin)])
    record = Space(layers=1, operations=("conv4_twice",), reduce=(), plugins=(str(plugin),)).to_dict()
    plugin.unlink()
    assert Space.from_dict(record).operations == ("conv4_twice",)


def test_plugins__are_read_again_once_they_are_corrected(plugin: Path) -> None:
    plugin.write_text("register_operation(")
    make = {"layers": 1, "operations": ["conv4_twice"], "reduce": [], "plugins": [str(plugin)]}
    with pytest.raises(SpaceError, match="fails when it is imported: SyntaxError"):
        Space.from_dict(make)
    plugin.write_text(TWICE)
    assert Space.from_dict(make).operations == ("conv4_twice",)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("absent.py", None, r"no file .*absent\.py; expected Python code that calls .*register_operation"),
        ("no_such_module_of_mine", None, "no module 'no_such_module_of_mine' that Python can import"),
        (
            "wrong.py",
            "\n1 / 0",
            "wrong.py fails when it is imported, in line 2: ZeroDivisionError: .*Correct it",
        ),
        ("needs.py", "import no_such_thing", "needs.py fails when it is imported, in line 1: .*no_such_thing"),
        ("broken.py", "def", "broken.py fails when it is imported: SyntaxError"),
        ("other.py", "x = 1", "'conv4_thrice' is not an operation; expected .*or one that is registered"),
    ],
)
def test_plugins__say_what_is_wrong_with_them(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    place = str(tmp_path / name) if name.endswith(".py") else name
    with pytest.raises(SpaceError, match=words):
        Space(layers=1, operations=("conv4_thrice",), reduce=(), plugins=(place,))

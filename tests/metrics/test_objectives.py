"""Objectives by name: ambergen's own, and functions of the user with all that can be wrong with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from ambergen.errors import ConfigError, MetricError
from ambergen.executors.processes import ProcessExecutor
from ambergen.metrics import objectives
from ambergen.metrics.objectives import (
    BUILT_IN,
    check_objective,
    code_mark,
    no_skill_value,
    objective_values,
    resolved,
    scale,
    within_unit,
)
from ambergen.metrics.probabilistic import mcc
from ambergen.metrics.ranking import ranking

F1 = """\
import numpy as np


def f1(scores, labels):
    called = scores > 0
    right = (called & (labels == 1)).sum(axis=0)
    return 2 * right / np.maximum(1, called.sum(axis=0) + labels.sum(axis=0))
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a user's file; the name of its function as an objective comes back. All is forgotten afterwards."""
    monkeypatch.setattr(objectives, "_LOADED", {})
    modules = set(sys.modules)

    def to(text: str = F1, function: str = "f1") -> str:
        (tmp_path / "my_metrics.py").write_text(text)
        return f"{tmp_path / 'my_metrics.py'}:{function}"

    yield to
    for name in set(sys.modules) - modules:
        if name.startswith("ambergen_plugin"):
            del sys.modules[name]


def example(n: int = 60, tracks: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, tracks)) < 0.4).astype(np.uint8)
    return (labels + rng.normal(-0.5, 1, (n, tracks))).astype(np.float32), labels


# ---- values


@pytest.mark.parametrize("name", BUILT_IN)
def test_values__of_worthless_scores_are_the_no_skill_of_the_scale(name: str) -> None:
    """Where half the labels are positive, scores that are all equal are worth what the scale says."""
    labels = np.tile(np.array([[0], [1]], np.uint8), (20, 2))
    found = objective_values(name, np.zeros((40, 2), np.float32), labels)
    expected = 0.5 if name == "average_precision" else scale(name).no_skill
    np.testing.assert_allclose(found, expected)
    assert scale(name).low <= found[0] <= scale(name).high


def test_values__of_a_ranking_that_is_at_hand_are_its_own() -> None:
    scores, labels = example()
    ranked = ranking(scores, labels)
    assert objective_values("auroc", scores, labels, ranked=ranked) is ranked.auroc
    np.testing.assert_array_equal(objective_values("auroc", scores, labels), ranked.auroc)
    np.testing.assert_array_equal(objective_values("mcc", scores, labels, ranked=ranked), mcc(scores, labels))


def test_values__of_a_users_function_are_what_it_says_of_known_labels(write: Write) -> None:
    name = write()
    scores, labels = example()
    known = np.random.default_rng(1).random(labels.shape) < 0.7
    known[:, 3] = known[:, 0]  # two tracks that are known alike go together
    for mask in (None, np.ones_like(known), known):
        found = objective_values(name, scores, labels, mask)
        for track in range(labels.shape[1]):
            rows = slice(None) if mask is None else mask[:, track]
            assert found[track] == pytest.approx(f1_score(labels[rows, track], scores[rows, track] > 0))


def test_values__of_tracks_of_one_class_are_undefined_and_not_asked_for(write: Write) -> None:
    name = write("def shape(scores, labels):\n    return [float(scores.shape[1])] * scores.shape[1]\n", "shape")
    scores, labels = example()
    labels[:, 1] = 0
    found = objective_values(name, scores, labels)
    np.testing.assert_array_equal(found, [3, np.nan, 3, 3])
    assert np.isnan(objective_values(name, scores, np.zeros_like(labels))).all()


def test_values__of_a_users_function_are_found_in_worker_processes(write: Write) -> None:
    name = write()
    scores, labels = example()
    with ProcessExecutor(1, threads=1) as executor:
        result = executor.submit(objective_values, name, scores, labels).result()
    np.testing.assert_array_equal(result.value, objective_values(name, scores, labels))


def test_values__of_a_function_in_a_module_that_can_be_imported(write: Write, tmp_path: Path) -> None:
    write()
    script = (
        "import json, numpy as np\n"
        "from ambergen.metrics.objectives import check_objective, objective_values\n"
        "check_objective('my_metrics:f1')\n"
        "labels = np.tile([[0, 1], [1, 0]], (20, 1)).astype(np.uint8)\n"
        "print(json.dumps(objective_values('my_metrics:f1', labels - 0.5, labels).tolist()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd="/", env=environment)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [1.0, 1.0]


def test_values__that_are_not_finite_fail_where_a_track_counts(write: Write) -> None:
    name = write("import numpy as np\n\n\ndef f(scores, labels):\n    return np.log(scores.min(axis=0) * 0)\n", "f")
    scores, labels = example()
    with (
        np.errstate(divide="ignore"),
        pytest.raises(MetricError, match=r"f: its value for track 0 is -inf, with \d+ p"),
    ):
        objective_values(name, scores, labels)
    labels[:] = 0
    labels[:9] = 1  # too few to count
    with np.errstate(divide="ignore"):
        assert np.isinf(objective_values(name, scores, labels)).all()
    scores[0, 0] = np.inf
    _, labels = example()
    labels[0, 0] = 0
    with pytest.raises(MetricError, match="log_likelihood: its value for track 0 is -inf"):
        objective_values("log_likelihood", scores, labels)


# ---- the scale


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2))
@pytest.mark.parametrize("name", [*BUILT_IN, "mine.py:f"])
def test_within_unit__keeps_the_order_within_zero_and_one(name: str, values: list[float]) -> None:
    known = scale(name)
    low, high = sorted(min(max(v, known.low), known.high) for v in values)
    a, b = within_unit(name, low), within_unit(name, high)
    assert 0 <= a <= b <= 1
    if high - low > 1e-3:
        assert a < b


def test_within_unit__leaves_what_lies_there_as_it_is() -> None:
    """Searches of before go on as they began."""
    for name in ("auroc", "average_precision", "accuracy"):
        assert within_unit(name, 0.7321) == 0.7321


def test_scale__of_a_users_function_has_its_name() -> None:
    assert scale("/a/b/my_metrics.py:f1").label == "f1"
    assert scale("/a/b/my_metrics.py:f1").no_skill is None
    assert scale("log_likelihood").label == "log likelihood (nats)"


def test_no_skill_value__is_that_of_equal_logits_where_there_is_one(write: Write) -> None:
    _, labels = example()
    assert no_skill_value(write(), labels, None) == 0.0
    correlated = "import numpy as np\n\n\ndef r(scores, labels):\n    return [np.corrcoef(s, y)[0, 1] for s, y in "
    name = write(correlated + "zip(scores.T, labels.T)]\n", "r")
    check_objective(name)
    assert no_skill_value(name, labels, None) is None


# ---- names


def test_resolved__makes_paths_absolute_and_leaves_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolved("my_metrics.py:f1") == f"{tmp_path / 'my_metrics.py'}:f1"
    assert resolved("package.module:f1") == "package.module:f1"
    assert [resolved(name) for name in BUILT_IN] == list(BUILT_IN)


@pytest.mark.parametrize("name", ["", "mmc", "my_metrics.py", ":f1", "my_metrics.py:", "my_metrics.py:f 1"])
def test_resolved__refuses_what_is_no_objective(name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"expected auroc, .*mcc, accuracy, or a function of yours as my_metrics\.py:"
    ):
        resolved(name)
    with pytest.raises(ConfigError, match=r"'mmc'; .*Did you mean 'mcc'\?"):
        resolved("mmc")


def test_check__takes_a_good_function_and_reads_it_again_where_it_changed(write: Write) -> None:
    name = write()
    check_objective(name)
    scores, labels = example()
    before, mark = objective_values(name, scores, labels), code_mark(name)
    write(F1.replace("2 * right", "20 * right"))
    np.testing.assert_array_equal(objective_values(name, scores, labels), before)  # a search keeps what it began with
    check_objective(name)
    np.testing.assert_allclose(objective_values(name, scores, labels), 10 * before)
    assert code_mark(name) != mark
    assert code_mark("auroc") is None


def test_code_mark__is_of_what_the_code_does(write: Write) -> None:
    check_objective(name := write())
    mark = code_mark(name)
    write("# counts\n" + F1.replace("scores > 0", "(scores   >   0)"))
    check_objective(name)
    assert code_mark(name) == mark


@pytest.mark.parametrize(
    ("text", "function", "words"),
    [
        (F1, "f2", r"my_metrics.py has no 'f2'; expected a function of scores and labels\. It has f1\."),
        ("f1 = 0.5\n", "f1", "'f1' of .*my_metrics.py is a float; expected a function"),
        ("\n1 / 0", "f1", "my_metrics.py fails when it is imported, in line 2: ZeroDivisionError"),
        (
            "def f1(scores):\n    return 1",
            "f1",
            r"on a small example: .*fails for scores of the shape \(40, 1\): TypeErr",
        ),
        (
            "def f1(s, y):\n    return s.mean()",
            "f1",
            r"values of the shape \(\) for scores of the shape \(40, 1\); expe",
        ),
        (
            "def f1(s, y):\n    return s.mean(axis=1)",
            "f1",
            r"of the shape \(40,\) .*expected \(1,\), one value for each",
        ),
        ("def f1(s, y):\n    pass", "f1", "gives a NoneType; expected .* numbers"),
        ("def f1(s, y):\n    return ['a'] * s.shape[1]", "f1", "gives a list; expected .* numbers"),
        ("def f1(s, y):\n    return s.mean(axis=0) > 0", "f1", "gives a ndarray of bool; expected .* numbers"),
        ("def f1(s, y):\n    return [None] * s.shape[1]", "f1", "gives a list; expected .* numbers"),
        (
            "def f1(s, y):\n    return s.mean(axis=0) * float('nan')",
            "f1",
            "its value for track 0 is nan, with 20 posit",
        ),
        ("def f1(s, y):\n    s[:] = 0\n    return s[0]", "f1", "in line 2: ValueError: .*read-only.*changes neither"),
        (
            "def f1(s, y):\n    return ((s - y) ** 2).mean(axis=0)",
            "f1",
            "for scores that are mostly right, and .*Return the negative of a loss",
        ),
    ],
)
def test_check__says_what_is_wrong_with_a_function(write: Write, text: str, function: str, words: str) -> None:
    name = write(text, function)
    for _ in range(2):  # and again as long as nothing is mended
        with pytest.raises(ConfigError, match=words):
            check_objective(name)
    check_objective(write(F1, "f1"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "/nowhere/absent.py:f1",
            r"objective: there is no file /nowhere/absent.py; expected Python code .*folder of that file",
        ),
        ("no_such_module_of_mine:f1", "no module 'no_such_module_of_mine' that Python can import"),
    ],
)
def test_check__says_where_nothing_is(write: Write, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_objective(name)

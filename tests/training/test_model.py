"""A saved model comes back as it was; a damaged one is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ambergen.errors import StoreError
from ambergen.models.factory import make_network
from ambergen.sequence.onehot import one_hot, reverse_complement
from ambergen.spaces import operations
from ambergen.spaces.space import Space
from ambergen.training.model import Model
from tests.conformance.scorers import ScorerContract
from tests.models.small import LENGTH, SMALL, randomise

TRACKS = ("a", "plus", "minus")
PARTNER = np.array([0, 2, 1])
SPECS = {
    "child": {"space": SMALL.to_dict(), "architecture": SMALL.sample(np.random.default_rng(0)).to_dict()},
    "deepsea": {"scale": 0.02},
    "danq": {"scale": 0.02},
}


def make_model(kind: str = "child") -> Model:
    network = randomise(make_network(kind, SPECS[kind], len(TRACKS), LENGTH, seed=1))
    return Model(network, kind, SPECS[kind], TRACKS, PARTNER, provenance={"seed": 1, "training": {"n_epochs": 2}})


def tokens(n: int = 5) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 5, (n, LENGTH)).astype(np.uint8)


class TestModel(ScorerContract):
    @pytest.fixture(params=SPECS)
    def scorer(self, request: pytest.FixtureRequest) -> Model:
        return make_model(request.param)


@pytest.mark.parametrize("kind", SPECS)
def test_model__comes_back_as_it_was_saved(tmp_path: Path, kind: str) -> None:
    model = make_model(kind)
    assert model.save(tmp_path / "model") == tmp_path / "model"
    loaded = Model.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(tokens()), model.predict(tokens()))
    for name in ("kind", "spec", "tracks", "length", "provenance", "output", "alphabet"):
        assert getattr(loaded, name) == getattr(model, name)
    np.testing.assert_array_equal(loaded.reverse_partner, PARTNER)
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model.json", "model.safetensors"]


def test_predict__averages_strands_and_swaps_partners() -> None:
    model, x = make_model(), tokens()
    with torch.no_grad():
        forward, reverse = (
            model.network(torch.from_numpy(one_hot(each))).numpy() for each in (x, reverse_complement(x))
        )
    np.testing.assert_allclose(model.predict(x), (forward + reverse[:, PARTNER]) / 2, rtol=1e-6)


def test_predict__of_the_other_strand_is_the_same_with_partners_swapped() -> None:
    model, x = make_model(), tokens()
    np.testing.assert_array_equal(model.predict(reverse_complement(x))[:, PARTNER], model.predict(x))


def test_predict__does_not_depend_on_the_batch_and_takes_none() -> None:
    model, x = make_model(), tokens(7)
    np.testing.assert_allclose(model.predict(x, batch=3), model.predict(x), rtol=1e-5, atol=1e-6)
    assert model.predict(x[:0]).shape == (0, 3)


def test_predict__refuses_windows_of_another_length() -> None:
    with pytest.raises(StoreError) as caught:
        make_model().predict(tokens()[:, 1:])
    assert str(caught.value) == (
        "model: windows have the shape (5, 36); expected (n, 37). Cut or resize the windows to the 37 positions that "
        "the model was trained on."
    )


def test_model__is_never_in_training_mode() -> None:
    assert not make_model().network.training


def damage(folder: Path, what: str) -> None:
    description, weights = folder / "model.json", folder / "model.safetensors"
    if what == "no description":
        description.unlink()
    elif what == "not JSON":
        description.write_text("{")
    elif what == "a list":
        description.write_text("[1]")
    elif what == "cut weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif what == "no weights":
        weights.unlink()
    else:
        record = json.loads(description.read_text())
        change = {
            "other version": {"format": 99},
            "other tracks": {"tracks": ["a"]},
            "other kind": {"kind": "transformer"},
            "no length": {"length": None},
            "other space": {"spec": {"space": {"layres": 3}, "architecture": {}}},
            "no spec": {"spec": {}},
        }[what]
        description.write_text(json.dumps(record | change))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no description", "model.json: not the description of a model"),
        ("not JSON", "model.json: not the description of a model"),
        ("a list", "model.json: not the description of a model"),
        ("cut weights", "the model does not load"),
        ("no weights", "the model does not load"),
        ("other tracks", "the model does not load"),
        ("other version", "model.json: format 99; this ambergen reads format 1. Train the model again."),
        ("other kind", "'transformer' is not a network"),
        ("no length", "the model does not load"),
        ("other space", "unknown key 'layres'"),
        ("no spec", "the model does not load"),
    ],
)
def test_load__damaged_models_are_refused_by_name(tmp_path: Path, what: str, words: str) -> None:
    make_model().save(tmp_path)
    damage(tmp_path, what)
    with pytest.raises(StoreError) as caught:
        Model.load(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert words in str(caught.value)


def test_load__says_which_plugin_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_OWN", {})
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from torch import nn\n"
        "from ambergen.spaces.operations import register_operation\n"
        "register_operation('halved', lambda channels, length: nn.Hardtanh(), taps=0, span=1)\n"
    )
    space = Space(layers=1, operations=("halved",), reduce=(), width=4, hidden=3, plugins=(str(plugin),))
    architecture = space.decode([0])
    spec = {"space": space.to_dict(), "architecture": architecture.to_dict()}
    network = make_network("child", spec, 2, 20)
    Model(network, "child", spec, ("a", "b"), np.arange(2)).save(tmp_path / "model")
    assert Model.load(tmp_path / "model").network.length == 20
    operations._OWN.clear()
    plugin.unlink()
    with pytest.raises(StoreError) as caught:
        Model.load(tmp_path / "model")
    assert str(caught.value) == (
        f"{tmp_path / 'model'}: the model does not load: space: plugins: there is no file {plugin}; expected Python "
        "code that calls ambergen.spaces.register_operation. Correct the path, or register the operations before the "
        "space or the model is made."
    )


@pytest.mark.parametrize("batch", [None, 1, 3, 100])
def test_predict_twins__is_predict(batch: int | None) -> None:
    model, windows = make_model(), tokens(12)
    twin_of = np.array([0, 0, 2, 2, 2, 2, 6, 7, 8, 2, 0, 11])
    twins = np.flatnonzero(twin_of != np.arange(12))
    windows[twins] = windows[twin_of[twins]]
    windows[twins, 20 + twins] = (windows[twins, 20 + twins] + 1) % 4
    windows[10, 5:] = windows[7, 5:]  # resembles its window in nothing
    found = model.predict_twins(windows, twin_of, batch=batch)
    np.testing.assert_allclose(found, model.predict(windows), rtol=1e-5, atol=1e-5)
    forward = model.predict_twins(windows, twin_of, both_strands=False, batch=batch)
    np.testing.assert_allclose(forward, model.predict_strand(windows), rtol=1e-5, atol=1e-5)
    assert np.abs(forward - found).max() > 1e-2
    assert model.predict_twins(windows[:0], twin_of[:0]).shape == (0, 3)

"""Rivals on a small store: trained once, kept, continued, and models like any other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.baselines.bpnet_scorer import BPNetScorer
from ambergen.baselines.deepbind_scorer import DeepBindScorer
from ambergen.baselines.gkm_svm import GkmConfig, GkmSVM
from ambergen.baselines.loading import load
from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.rivals import RivalConfig, Trained, check, drawn_setting, recipe_of, spec_of, train_rival
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, TableSource
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, FileFormatError, InputError, StoreError
from ambergen.executors.inline import InlineExecutor
from ambergen.io.motifs import read_motifs
from ambergen.models.deepsea import DeepSEA
from ambergen.training.config import TrainConfig, train_preset
from ambergen.training.model import Model
from tests.simulated import MOTIFS, TRAIN
from tests.simulated_counts import recipe


def trained(store: Store, config: RivalConfig, out: Path, n_seeds: int = 1) -> list[Trained]:
    with InlineExecutor() as executor:
        return train_rival(store, config, n_seeds, 5, executor, out, lambda _: "float32", {"why": "a test"})


@pytest.fixture
def jaspar(tmp_path: Path) -> Path:
    """The matrices of the planted motifs, and one of nothing."""
    lines = []
    for name, text in {**MOTIFS, "other": "ACACACAC"}.items():
        lines.append(f">MA.{name} {name}\n")
        lines += [f"{base} [ {' '.join('20' if base == letter else '1' for letter in text)} ]\n" for base in "ACGT"]
    path = tmp_path / "motifs.jaspar"
    path.write_text("".join(lines))
    return path


def test_train_rival__networks_are_models_with_their_recipe(small_store: Store, tmp_path: Path) -> None:
    config = RivalConfig("deepsea", replace(TRAIN, reverse_complement=False), scale=0.02)
    found = trained(small_store, config, tmp_path, n_seeds=2)
    assert [one.folder for one in found] == [tmp_path / "deepsea" / "seed0", tmp_path / "deepsea" / "seed1"]
    assert all(0 <= one.auroc <= 1 and (one.epochs, one.best_epoch) == (1, 0) for one in found)
    model = load(found[1].folder)
    assert isinstance(model, Model)
    assert isinstance(model.network, DeepSEA)
    assert model.spec == {"scale": 0.02, "published": True}
    facts = model.provenance
    assert (facts["seed"], facts["why"], facts["store"]) == (6, "a test", small_store.checksum)
    assert (facts["rival"]["scorer"], facts["train"]["reverse_complement"]) == ("deepsea", False)
    # What is there is kept, unless something else is asked for
    written = (found[0].folder / "model.json").stat().st_mtime_ns
    assert trained(small_store, config, tmp_path)[0].auroc == found[0].auroc
    assert (found[0].folder / "model.json").stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match=r"seed0: the model there was trained with scale 0.02, not 0.03; .*Remove"):
        trained(small_store, replace(config, scale=0.03), tmp_path)
    with pytest.raises(ConfigError, match=r"trained with another recipe; expected the one that is asked for"):
        trained(small_store, replace(config, recipe=TRAIN), tmp_path)


def test_train_rival__deepbind_takes_the_best_of_drawn_settings(small_store: Store, tmp_path: Path) -> None:
    recipe = train_preset("deepbind", epochs=1)
    config = RivalConfig("deepbind", recipe, settings=2)
    (found,) = trained(small_store, config, tmp_path)
    model = load(found.folder)
    assert isinstance(model, DeepBindScorer)
    drawn = [model.provenance["train"]["learning_rate"], model.provenance["train"]["momentum"]]
    assert 5e-4 <= drawn[0] <= 5e-2
    assert 0.95 <= drawn[1] <= 0.99
    assert drawn != [recipe.learning_rate, recipe.momentum]
    (again,) = trained(small_store, config, tmp_path)
    assert again.auroc == found.auroc
    tokens = small_store.tokens(small_store.indices("test")[:4])
    assert model.variant_effect(tokens, tokens, 31).tolist() == [[0.0] * 3] * 4


def test_train_rival__motifs_choose_those_of_their_tracks(small_store: Store, tmp_path: Path, jaspar: Path) -> None:
    (found,) = trained(small_store, RivalConfig("pwm", motifs=jaspar), tmp_path, n_seeds=3)
    assert found.folder == tmp_path / "pwm" / "seed0"
    assert found.auroc > 0.9
    model = load(found.folder)
    assert isinstance(model, MotifScorer)
    chosen = [matrices[0].name for matrices in model.motifs.values()]
    assert chosen[0] == "MA.palindrome"
    assert set(chosen[1:]) <= {"MA.forward", "MA.reverse"}  # one motif, on two strands
    assert model.provenance["why"] == "a test"
    assert trained(small_store, RivalConfig("pwm", motifs=jaspar), tmp_path)[0].auroc == found.auroc


def test_train_rival__motifs_may_be_named(small_store: Store, tmp_path: Path, jaspar: Path) -> None:
    first = read_motifs(jaspar)[0]
    (found,) = trained(small_store, RivalConfig("pwm", motifs=jaspar, motif=(first.name.lower(),)), tmp_path)
    model = load(found.folder)
    assert isinstance(model, MotifScorer)
    assert {matrix.name for matrices in model.motifs.values() for matrix in matrices} == {first.id}
    for other in ((read_motifs(jaspar)[1].id,), ()):
        with pytest.raises(ConfigError, match=r"trained with motif \['palindrome'\], not "):
            trained(small_store, RivalConfig("pwm", motifs=jaspar, motif=other), tmp_path)
    with pytest.raises(InputError, match=r"no motif is called absent"):
        check(small_store, RivalConfig("pwm", motifs=jaspar, motif=("absent",)))
    with pytest.raises(ConfigError, match=r"motif: SPI1 of no file"):
        RivalConfig("gkm", motif=("SPI1",))


def test_train_rival__gkm_learns_words(small_store: Store, tmp_path: Path) -> None:
    words = GkmConfig(l=5, k=4, d=1, penalties=(1.0,), most=100)
    (found,) = trained(small_store, RivalConfig("gkm", gkm=words), tmp_path)
    assert isinstance(load(found.folder), GkmSVM)
    assert found.auroc > 0.7
    with pytest.raises(ConfigError, match=r"trained with gkm .*Remove the folder"):
        trained(small_store, RivalConfig("gkm", gkm=replace(words, most=101)), tmp_path)


def test_train_rival__bpnet_learns_counts(count_store: Store, tmp_path: Path) -> None:
    config = RivalConfig("bpnet", recipe(epochs=2), scale=0.1, count_weight=None)
    found = trained(count_store, config, tmp_path, n_seeds=2)
    assert [one.folder.name for one in found] == ["seed0", "seed1"]
    rows = [(row["split"], row["track"]) for row in found[0].coverage]
    assert rows == [("selection", "chip"), ("selection", "atac"), ("test", "chip"), ("test", "atac")]
    assert found[0].coverage != found[1].coverage
    model = load(found[1].folder)
    assert isinstance(model, BPNetScorer)
    assert (model.network.shape.filters, model.layout) == (6, count_store.count_layout)
    training = model.provenance["training"]
    reads = count_store.counts(np.concatenate([count_store.indices(split) for split in ("train", "search")]))
    assert training["count_weight"] == pytest.approx(reads.sum(axis=2).mean() / 2)
    history = (found[1].folder / "history.jsonl").read_text().splitlines()
    assert len(history) == training["n_epochs"] == found[1].epochs
    assert sorted(path.name for path in found[1].folder.iterdir()) == [
        "history.jsonl",
        "model.json",
        "model.safetensors",
    ]
    # What is there is kept, and another weight is another model
    written = (found[0].folder / "model.json").stat().st_mtime_ns
    assert trained(count_store, config, tmp_path)[0].coverage == found[0].coverage
    assert (found[0].folder / "model.json").stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match=r"seed0: the model there was trained with count_weight None, not 10.0"):
        trained(count_store, replace(config, count_weight=10.0), tmp_path)


def test_train_rival__bpnet_needs_counts_and_room_to_move(
    small_store: Store, count_store: Store, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=r"labels but no counts of reads; .*data\.counts\.tracks"):
        trained(small_store, RivalConfig("bpnet"), tmp_path)
    with pytest.raises(ConfigError, match=r"shift: 200 bases, and the counts of .* reach 8 bases"):
        trained(count_store, RivalConfig("bpnet"), tmp_path)
    assert not any(tmp_path.iterdir())


# ---- recipes


def test_recipe_of__deepseas_rate_belongs_to_919_tracks() -> None:
    assert recipe_of(RivalConfig("deepsea"), 919) == train_preset("deepsea")
    assert recipe_of(RivalConfig("deepsea"), 3).learning_rate == pytest.approx(3 / 919)
    assert recipe_of(RivalConfig("danq"), 3) == train_preset("danq")
    assert recipe_of(RivalConfig("deepsea", TrainConfig(epochs=2)), 3) == TrainConfig(epochs=2)
    assert spec_of(RivalConfig("basset", scale=0.5)) == {"scale": 0.5}


def test_drawn_setting__stays_in_the_published_ranges() -> None:
    rng, recipe = np.random.default_rng(0), train_preset("deepbind", epochs=7)
    drawn = [drawn_setting(rng, recipe) for _ in range(200)]
    rates = [math.log10(train.learning_rate) for _, train in drawn]
    assert math.log10(5e-4) <= min(rates) < -3
    assert -1.7 < max(rates) <= math.log10(5e-2)
    assert abs(np.median(rates) - math.log10(5e-3)) < 0.2
    assert {(shape.hidden, shape.average) for shape, _ in drawn} == {(0, True), (0, False), (32, True), (32, False)}
    assert all(1e-7 <= shape.motif_deviation <= 1e-3 and 1e-5 <= shape.deviation <= 1e-2 for shape, _ in drawn)
    assert all(0.95 <= train.momentum <= 0.99 and train.epochs == 7 for _, train in drawn)


# ---- what is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"scorer": "deepsee"},
            r"scorer: 'deepsee' is no rival; expected one of deepsea, danq, basset, deepbind, bpnet, gkm",
        ),
        ({"scorer": "danq", "scale": 0}, r"scale: 0; expected a share of the published widths above 0, up to 1"),
        ({"scorer": "deepbind", "settings": -1}, r"settings: -1; expected 0 or more drawn settings"),
        ({"scorer": "bpnet", "count_weight": 0}, r"count_weight: 0; expected a number above 0, or balanced"),
        ({"scorer": "pwm"}, r"the scorer is pwm and no file of motifs is given; expected a file of motifs"),
        ({"scorer": "gkm", "motifs": Path("m.jaspar")}, r"the scorer is gkm and m.jaspar is given; .*with no other"),
    ],
)
def test_rival_config__names_what_is_impossible(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RivalConfig(**settings)  # type: ignore[arg-type]


def test_check__refuses_motifs_before_anything_is_trained(small_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "wide.jaspar"
    path.write_text(">wide\n" + "".join(f"{base} [ {'5 ' * 65}]\n" for base in "ACGT"))
    with pytest.raises(ConfigError, match=r"its 1 motifs are all wider than the windows of 64 bases.*longer windows"):
        check(small_store, RivalConfig("pwm", motifs=path))
    path.write_text("what is this\n")
    with pytest.raises(FileFormatError, match="line 1"):
        check(small_store, RivalConfig("pwm", motifs=path))


def test_check__refuses_networks_that_the_windows_do_not_fit(tmp_path: Path) -> None:
    rows = [f"{'ACGT' * 10},{n % 2},{split}" for split in ("train", "selection", "test") for n in range(24)]
    rows = [row.replace("ACGTACGT", f"{np.base_repr(n, 4).zfill(8)}".translate(str.maketrans("0123", "ACGT")), 1)
            for n, row in enumerate(rows)]  # fmt: skip
    (tmp_path / "table.csv").write_text("sequence,signal,split\n" + "\n".join(rows) + "\n")
    source = TableSource(tmp_path / "table.csv", labels=("signal",), split_column="split")
    store = build(DataConfig(source, on_leak="allow"), tmp_path / "store")
    with pytest.raises(ConfigError, match=r"Basset: windows have 40 bases; expected at least 48"):
        check(store, RivalConfig("basset"))
    check(store, RivalConfig("deepbind"))

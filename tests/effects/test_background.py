from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ambergen as ag
from ambergen.effects.background import N_TOP, Background, random_variants, summarise
from ambergen.errors import InputError, StoreError
from ambergen.io.genome import Genome
from tests.effects.conftest import make_model


def background_of(sizes: np.ndarray, **changes: object) -> Background:
    quantiles, top = summarise(sizes.astype(np.float32))
    facts: dict[str, object] = {
        "tracks": tuple(f"t{t}" for t in range(sizes.shape[1])),
        "score": "diff",
        "quantiles": quantiles,
        "top": top,
        "n": len(sizes),
        "rms": np.sqrt((sizes**2).mean(axis=0)),
        "strand": "mean_logits",
        "about": {"model": "abc", "settings": {"shift": 0}},
    }
    return Background(**{**facts, **changes})  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    asked=st.lists(st.integers(-14, 14), min_size=1, max_size=8),
)
def test_background__counts_exactly_where_it_holds_all(sizes: list[int], asked: list[int]) -> None:
    own, values = np.array(sizes, float)[:, None], np.array(asked, float)[:, None]
    found = background_of(own).ranks({"diff": values})
    larger = [(own > abs(value)).mean() for value in asked]
    at_least = [((own >= abs(value)).sum() + 1) / (len(own) + 1) for value in asked]
    assert found["e_value"][:, 0] == pytest.approx(larger)
    assert found["percentile"][:, 0] == pytest.approx(100 * (1 - np.array(larger)))
    assert found["p_value"][:, 0] == pytest.approx(at_least)


@pytest.mark.parametrize("ties", [False, True])
def test_background__is_exact_at_the_top_and_near_below(ties: bool) -> None:
    rng = np.random.default_rng(0)
    n = 30_000
    own = np.abs(rng.standard_normal((n, 2))).astype(np.float32)
    own = np.round(own, 1) if ties else own
    background = background_of(own)
    asked = np.concatenate([own[:300], np.array([[0.0, 0.0], [9.0, 9.0]], np.float32)])
    found = background.ranks({"diff": asked.astype(float)})
    for track in range(2):
        larger = np.array([(own[:, track] > x).mean() for x in asked[:, track]])
        at_least = np.array([((own[:, track] >= x).sum() + 1) / (n + 1) for x in asked[:, track]])
        exact = asked[:, track] > np.sort(own[:, track])[-N_TOP]
        assert exact.sum() > 5
        assert found["e_value"][exact, track] == pytest.approx(larger[exact], abs=1e-12)
        assert found["p_value"][exact, track] == pytest.approx(at_least[exact], abs=1e-12)
        assert found["e_value"][:, track] == pytest.approx(larger, abs=2e-3)
        assert found["p_value"][:, track] == pytest.approx(at_least, abs=2e-3)
    assert found["e_value"][-1].tolist() == [0, 0]
    assert found["p_value"][-1] == pytest.approx(1 / (n + 1))
    order = np.argsort(asked[:, 0])
    assert (np.diff(found["e_value"][order, 0]) <= 1e-12).all()


def test_background__z_has_the_sign_of_the_difference() -> None:
    background = background_of(np.array([[3.0], [4.0]]))
    found = background.ranks({"diff": np.array([[-5.0], [0.0], [np.nan]])})
    assert found["z"][:, 0] == pytest.approx([-5 / np.sqrt(12.5), 0, np.nan], nan_ok=True)
    assert np.isnan(found["percentile"][2, 0])


def test_background__comes_back_from_its_file(tmp_path: Path) -> None:
    one = background_of(np.abs(np.random.default_rng(0).normal(size=(50, 3))))
    one.save(tmp_path / "b.npz")
    other = Background.load(tmp_path / "b.npz")
    values = {"diff": np.linspace(-2, 2, 12).reshape(4, 3)}
    assert all((one.ranks(values)[name] == other.ranks(values)[name]).all() for name in ("percentile", "p_value", "z"))
    assert (other.tracks, other.n, other.about) == (one.tracks, one.n, one.about)
    assert [path.name for path in tmp_path.iterdir()] == ["b.npz"]


def test_background__refuses_what_it_is_not_of(tmp_path: Path) -> None:
    one = background_of(np.ones((5, 2)))
    one.check(("t0", "t1"), "mean_logits", "abc", {"shift": 0})
    for arguments, words in (
        ((("t0",), "mean_logits"), r"its tracks are not those of this scoring \(2 tracks; here 1 track\)"),
        ((("t0", "t2"), "mean_logits"), r"its tracks are not .*\(track 2 is t1; here t2\)"),
        ((("t0", "t1"), "forward"), r"its strands are not .*mean_logits; here forward"),
        ((("t0", "t1"), "mean_logits", "xyz"), r"its model is not that of this scoring \(abc; here xyz\)"),
        ((("t0", "t1"), "mean_logits", None, {"shift": 2}), r"its settings are not .*\(shift 0, here 2\)"),
    ):
        with pytest.raises(InputError, match=words):
            one.check(*arguments)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="there is no such file"):
        Background.load(tmp_path / "none.npz")
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(StoreError, match="not a background of effects"):
        Background.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.ones(3))
    with pytest.raises(StoreError, match="not a background of effects"):
        Background.load(tmp_path / "b.npz")


def test_random_variants__are_known_bases_drawn_from_the_seed() -> None:
    genome = Genome.of({"a": "ACGT" * 20, "n": "N" * 50, "b": "GGGG"})
    drawn = random_variants(genome, 2_000, 4)
    assert drawn == random_variants(genome, 2_000, 4)
    assert drawn != random_variants(genome, 2_000, 5)
    text = {"a": "ACGT" * 20, "b": "GGGG"}
    assert all(text[r.contig][r.start] == r.ref != r.alts[0] for r in drawn)
    assert [(r.contig, r.start) for r in drawn] == sorted((r.contig, r.start) for r in drawn)
    share = np.mean([r.contig == "b" for r in drawn])
    assert share == pytest.approx(4 / 84, abs=4 * np.sqrt(0.05 / 2_000))
    changes = [(r.ref, r.alts[0]) for r in drawn if r.contig == "a"]
    counts = np.array([changes.count((ref, alt)) for ref in "ACGT" for alt in "ACGT" if ref != alt])
    assert counts == pytest.approx(np.full(12, len(changes) / 12), abs=4 * np.sqrt(len(changes) / 12))
    with pytest.raises(InputError, match="drawn at random only 0 are known"):
        random_variants(Genome.of({"n": "NNN"}), 3, 0)


def test_score__ranks_among_a_background(genome: Genome, sequences: dict[str, str]) -> None:
    model = make_model()
    drawn = [(r.contig, r.start + 1, r.ref, r.alts[0]) for r in random_variants(genome, 300, 0)]
    effects = ag.effects.score(model, genome, drawn)
    kept = effects.deepsea_effect[(effects.variants["status"] == "ok").to_numpy()]
    quantiles, top = summarise(kept)
    background = Background(model.tracks, "deepsea_effect", quantiles, top, len(kept), np.ones(3), "mean_logits", {})
    found = ag.effects.score(model, genome, drawn[:20], background=background)
    expected = [[(kept[:, t] > effects.deepsea_effect[row, t]).mean() for t in range(3)] for row in range(20)]
    assert found.e_value == pytest.approx(np.array(expected), abs=0.02)  # batches may round the last bit otherwise
    assert found.percentile == pytest.approx(100 * (1 - found.e_value), abs=1e-4)
    assert list(found.to_long().columns[-3:]) == ["e_value", "p_value", "z"]
    with pytest.raises(InputError, match="its strands are not"):
        ag.effects.score(model, genome, drawn, strands="forward", background=background)

"""DeepBind as a Scorer: a hand-written model against a slow loop over text, and the contract of all scorers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

import ambergen as ag
from ambergen.baselines.deepbind_scorer import DeepBindScorer
from ambergen.baselines.loading import load
from ambergen.errors import ConfigError
from ambergen.models.deepbind import DeepBindShape
from ambergen.models.factory import make_network
from ambergen.sequence.alphabets import DNA
from ambergen.training.model import Model
from tests.conformance.scorers import VariantScorerContract, drawn, edited

LENGTH, WIDTH = 25, 5


def write_model(path: Path, hidden: int = 3, average: bool = True, seed: int = 0) -> Path:
    """A file of the published form with four detectors of five bases and random numbers."""
    rng = np.random.default_rng(seed)
    n_pooled, n_out = 4 * (2 if average else 1), hidden or 1
    sizes = {"detectors": WIDTH * 4 * 4, "thresholds": 4, "weights1": n_pooled * n_out, "biases1": n_out}
    sizes |= {"weights2": hidden, "biases2": 1 if hidden else 0}
    lines = ["# deepbind 0.1", "reverse_complement = 1", "num_detectors = 4", f"detector_len = {WIDTH}"]
    lines += [f"has_avg_pooling = {int(average)}", f"num_hidden = {hidden}"]
    lines += [f"{name} = " + ",".join(f"{v:.6f}" for v in rng.normal(size=n)) for name, n in sizes.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def slow_score(path: Path) -> Callable[[str], float]:
    """The score of a stretch of text on its better strand, straight from the lines of the file."""
    values = dict(line.split(" = ") for line in path.read_text().splitlines()[1:])
    numbers = {name: [float(cell) for cell in text.split(",") if cell] for name, text in values.items()}
    n, m, hidden = (int(values[key]) for key in ("num_detectors", "detector_len", "num_hidden"))

    def one_strand(text: str) -> float:
        pooled: list[float] = []
        for k in range(n):
            maps = []
            for start in range(-(m - 1), len(text)):
                total = numbers["thresholds"][k]
                for j in range(m):
                    letter = text[start + j] if 0 <= start + j < len(text) else "N"
                    weights = [numbers["detectors"][k + n * (base + 4 * j)] for base in range(4)]
                    total += sum(weights) / 4 if letter == "N" else weights["ACGT".index(letter)]
                maps.append(max(0.0, total))
            pooled += [max(maps), sum(maps) / len(maps)] if values["has_avg_pooling"] == "1" else [max(maps)]
        units = [
            numbers["biases1"][u] + sum(p * numbers["weights1"][i * (hidden or 1) + u] for i, p in enumerate(pooled))
            for u in range(hidden or 1)
        ]
        if not hidden:
            return units[0]
        return numbers["biases2"][0] + sum(w * max(0.0, u) for w, u in zip(numbers["weights2"], units, strict=True))

    def both(text: str) -> float:
        return max(one_strand(text), one_strand(text[::-1].translate(str.maketrans("ACGT", "TGCA"))))

    return both


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> DeepBindScorer:
    path = write_model(tmp_path_factory.mktemp("published") / "D00001.001.txt")
    return ag.baselines.deepbind_published(path, length=LENGTH)


class TestPublished(VariantScorerContract):
    @pytest.fixture
    def scorer(self, published: DeepBindScorer) -> DeepBindScorer:
        return published


@pytest.fixture(scope="module")
def of_two_tracks() -> DeepBindScorer:
    shape = DeepBindShape(4, WIDTH, hidden=3, motif_deviation=1.0, deviation=1.0)
    network = make_network("deepbind", {"shape": asdict(shape)}, 2, LENGTH, seed=1)
    return DeepBindScorer(Model(network, "deepbind", {"shape": asdict(shape)}, ("one", "two"), np.array([0, 1])))


class TestTrained(VariantScorerContract):
    @pytest.fixture
    def scorer(self, of_two_tracks: DeepBindScorer) -> DeepBindScorer:
        return of_two_tracks

    def test_output__is_a_logit_of_the_whole_window(self, scorer: DeepBindScorer) -> None:
        tokens = drawn(4, LENGTH)
        assert scorer.output == "logit"
        np.testing.assert_array_equal(scorer.predict(tokens), scorer.model.predict(tokens))
        assert scorer.describe() == "DeepBind with 4 detectors of 5 bases, maxima, 3 hidden units"


@pytest.mark.parametrize(("hidden", "average"), [(3, True), (0, False)])
def test_predict__of_a_published_model_is_its_best_stretch(tmp_path: Path, hidden: int, average: bool) -> None:
    path = write_model(tmp_path / "D00002.001.txt", hidden, average, seed=3)
    slow, scorer = slow_score(path), DeepBindScorer.published(path, length=12)
    assert (scorer.output, scorer.tracks) == ("raw", ("D00002.001",))
    tokens = drawn(3, 12, seed=1, unknown=0.1)
    for text, score in zip(map(DNA.decode, tokens), scorer.predict(tokens)[:, 0].tolist(), strict=True):
        stretches = [text[start : start + WIDTH] for start in range(12 - WIDTH + 1)]
        assert score == pytest.approx(max(map(slow, stretches)), abs=1e-4)


@pytest.mark.parametrize(("ref", "alt"), [("A", "G"), ("A", "ACC"), ("ACGTT", "A")])
def test_variant_effect__is_that_of_the_best_stretches_that_cover_it(tmp_path: Path, ref: str, alt: str) -> None:
    path = write_model(tmp_path / "model.txt", seed=5)
    slow, scorer = slow_score(path), DeepBindScorer.published(path, length=LENGTH)
    index = (LENGTH - 1) // 2
    refs, alts = edited(LENGTH, index, ref, alt, n=2)
    for row, effect in enumerate(scorer.variant_effect(refs, alts, index)[:, 0].tolist()):
        one, other = DNA.decode(refs[row]), DNA.decode(alts[row])
        # The shortest replacement: what begins alike is no part of it
        start = next(at for at in range(LENGTH) if one[at] != other[at])
        sizes = next(
            (n_ref, n_alt)
            for total in range(1, 2 * LENGTH)
            for n_ref in range(total + 1)
            for n_alt in [total - n_ref]
            if one[start + n_ref :][: LENGTH - start - max(n_ref, n_alt)]
            == other[start + n_alt :][: LENGTH - start - max(n_ref, n_alt)]
        )
        best = []
        for text, size in ((one, sizes[0]), (other, sizes[1])):
            firsts = range(max(0, start - WIDTH + 1), min(start + size, LENGTH - WIDTH + 1))
            best.append(max(slow(text[first : first + WIDTH]) for first in firsts))
        assert effect == pytest.approx(best[1] - best[0], abs=1e-4)


def test_published__window_and_name_may_be_told(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.txt")
    slow = slow_score(path)
    scorer = DeepBindScorer.published(path, length=10, window=10, track="SPI1")
    assert scorer.tracks == ("SPI1",)
    tokens = drawn(2, 10)
    np.testing.assert_allclose(scorer.predict(tokens)[:, 0], [slow(DNA.decode(one)) for one in tokens], atol=1e-4)
    again = load(scorer.save(tmp_path / "saved"))
    assert isinstance(again, DeepBindScorer)
    assert (again.stretch, again.output) == (10, "raw")
    with pytest.raises(ConfigError, match=r"windows of 4 bases and stretches of 5; .*detectors have 5.*longer windows"):
        DeepBindScorer.published(path, length=4)


def test_experts__are_public_names_in_their_published_sizes() -> None:
    with torch.device("meta"):
        networks = {name: getattr(ag.baselines, name)() for name in ("deepsea", "danq", "basset", "deepbind", "bpnet")}
    sizes = {
        name: sum(p.numel() for p in network.parameters() if p.requires_grad) for name, network in networks.items()
    }
    assert sizes == {
        "deepsea": 52_843_119, "danq": 46_926_479, "basset": 4_135_064, "deepbind": 2_129, "bpnet": 130_960
    }  # fmt: skip

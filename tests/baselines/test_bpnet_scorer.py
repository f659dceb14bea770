"""BPNet as a scorer of windows and variants, with two strands that swap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

import ambergen as ag
from ambergen.baselines.bpnet_scorer import BPNetScorer
from ambergen.datasets.counts import CountLayout
from ambergen.effects.engine import score
from ambergen.errors import StoreError
from ambergen.models.bpnet import BPNet, BPNetShape
from ambergen.models.layers import one_hot
from ambergen.sequence.onehot import reverse_complement
from ambergen.sequence.scorer import StrandScorer, VariantScorer
from tests.conformance.scorers import ScorerContract, drawn

LAYOUT = CountLayout(("chip", "atac"), (0, 0, 1), ("+", "-", "."), 31, 4)


@pytest.fixture
def scorer() -> BPNetScorer:
    torch.manual_seed(2)
    network = BPNet(3, 41, BPNetShape(8, 7, 2, 5), LAYOUT.width)
    torch.nn.init.normal_(network.log_counts.weight, std=2.0)
    return BPNetScorer(network, LAYOUT, provenance={"why": "a test"})


class TestBPNetScorer(ScorerContract):
    def test_contract__it_reads_strands_and_has_no_effect_of_its_own(self, scorer: BPNetScorer) -> None:
        assert isinstance(scorer, StrandScorer)
        assert not isinstance(scorer, VariantScorer)
        assert (scorer.output, scorer.tracks, scorer.length) == ("raw", ("chip", "atac"), 41)
        assert scorer.describe() == "BPNet with 8 filters, 2 dilated layers and 3 profiles of 31 bases"

    def test_predict__is_the_logarithm_of_the_reads_of_both_strands(self, scorer: BPNetScorer) -> None:
        tokens = drawn(5, 41)
        with torch.no_grad():
            forward = scorer.network(one_hot(torch.from_numpy(tokens))).log_counts.double().numpy()
            reverse = scorer.network(one_hot(torch.from_numpy(reverse_complement(tokens)))).log_counts.double().numpy()
        columns = (forward + reverse[:, [1, 0, 2]]) / 2
        expected = np.stack([np.log(np.exp(columns[:, 0]) + np.exp(columns[:, 1])), columns[:, 2]], axis=1)
        np.testing.assert_allclose(scorer.predict(tokens), expected, rtol=1e-5)
        np.testing.assert_allclose(
            scorer.predict_strand(tokens)[:, 0], np.log(np.exp(forward[:, 0]) + np.exp(forward[:, 1])), rtol=1e-5
        )

    def test_coverage__of_the_other_strand_is_mirrored_with_its_columns(self, scorer: BPNetScorer) -> None:
        tokens = drawn(6, 41, unknown=0.05)
        found, other = scorer.coverage(tokens), scorer.coverage(reverse_complement(tokens))
        np.testing.assert_allclose(other.profile[:, [1, 0, 2], ::-1], found.profile, atol=1e-6)
        np.testing.assert_allclose(other.log_counts[:, [1, 0, 2]], found.log_counts, atol=1e-5)
        np.testing.assert_allclose(found.profile.sum(axis=2), 1)
        assert not np.allclose(found.profile[:, 0], found.profile[:, 1])
        assert scorer.coverage(tokens[:0]).profile.shape == (0, 3, 31)

    def test_profile_change__is_the_distance_of_the_alleles_profiles(self, scorer: BPNetScorer) -> None:
        ref = drawn(4, 41)
        alt = ref.copy()
        alt[1:, 20] = (alt[1:, 20] + 1) % 4
        found = scorer.profile_change(ref, alt)
        one, two = scorer.coverage(ref).profile, scorer.coverage(alt).profile
        distance = np.array([[jensenshannon(one[n, c], two[n, c]) for c in range(3)] for n in range(4)])
        np.testing.assert_allclose(found, np.stack([distance[:, :2].mean(axis=1), distance[:, 2]], axis=1), atol=1e-6)
        assert (found[0] == 0).all()
        assert (found[1:] > 0).all()
        np.testing.assert_allclose(scorer.profile_change(alt, ref), found, atol=1e-12)

    def test_effects__are_logarithms_of_fold_changes(self, scorer: BPNetScorer) -> None:
        letters = "".join(np.random.default_rng(1).choice(list("ACGT"), 200))
        ref = letters[99]
        alt = "C" if ref != "C" else "G"
        effects = score(scorer, {"c": letters}, [("c", 100, ref, alt)])
        swapped = score(scorer, {"c": letters[:99] + alt + letters[100:]}, [("c", 100, alt, ref)])
        window = np.array(["ACGT".index(base) for base in letters[79:120]], np.uint8)
        other = window.copy()
        other[20] = "ACGT".index(alt)
        logs = scorer.predict(np.stack([window, other])).astype(np.float64)
        np.testing.assert_allclose(effects.diff[0], logs[1] - logs[0], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(swapped.diff, -effects.diff, atol=1e-6)
        assert set(effects.matrices) == {"ref_pred", "alt_pred", "diff"}


def test_load__refuses_counts_that_are_not_those_of_the_weights(scorer: BPNetScorer, tmp_path: Path) -> None:
    scorer.layout = CountLayout(("chip",), (0, 0), ("+", "-"), 31, 4)
    with pytest.raises(StoreError, match=r"does not load \(RuntimeError: [\s\S]*train the model again"):
        BPNetScorer.load(scorer.save(tmp_path))


def test_bpnet__is_the_published_network() -> None:
    with torch.device("meta"):
        network, one = ag.baselines.bpnet(), ag.baselines.bpnet(4, strands=1)
    assert sum(p.numel() for p in network.parameters()) == 130_960
    assert sum(p.numel() for p in one.parameters()) == 117_632 + 4 * (64 * 25 + 1 + 64 + 1)

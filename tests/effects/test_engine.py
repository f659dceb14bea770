from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit

import ambergen as ag
from ambergen.effects.config import EffectConfig
from ambergen.effects.engine import full_float32
from ambergen.effects.statistics import scores
from ambergen.errors import ConfigError, FileFormatError, InputError
from ambergen.io.genome import Genome
from ambergen.sequence.edits import windows
from ambergen.sequence.scorer import Scorer, StrandScorer, VariantScorer
from tests.effects.conftest import FromIndex, Linear, encode, make_model

LENGTH = 21
MODEL = make_model(LENGTH)
COMPLEMENT = str.maketrans("ACGT", "TGCA")
COLUMNS = [
    *("record_index", "alt_index", "chrom", "pos", "id", "ref", "alt", "track"),
    *("ref_pred", "alt_pred", "diff", "logit_diff", "log2_odds", "deepsea_effect", "percentile"),
    *("strand", "ref_match", "swapped", "n_unknown", "n_pad", "status"),
]
SIGNED = ("diff", "logit_diff", "log2_odds")


def some_variants(sequences: dict[str, str], seed: int = 0, n: int = 40) -> list[tuple[str, int, str, str]]:
    """SNVs, insertions, deletions and others, many of them near the ends of contigs."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < n:
        name = str(rng.choice(list(sequences)))
        text = sequences[name]
        place = int(rng.choice([rng.integers(0, 12), rng.integers(0, len(text)), len(text) - 1 - rng.integers(0, 12)]))
        ref = text[place : place + int(rng.integers(1, 5))]
        alt = "".join(rng.choice(list("ACGT"), int(rng.integers(1, 5))))
        if "N" not in ref:
            found.append((name, place + 1, ref, alt))
    return found


def loop(model: Any, sequences: dict[str, str], variant: tuple[str, int, str, str], config: EffectConfig) -> Any:
    """Effects of one variant, from text, one window after another."""
    name, position, ref, alt = variant
    values = []
    middle = (LENGTH - 1) // 2
    for shift in range(-config.shift, config.shift + 1):
        pair = windows(sequences[name], position, ref, alt, LENGTH, config.anchor, middle + shift)
        values.append([allele_score(model, text, config.strands) for text in pair])
    ref_score, alt_score = np.mean(values, axis=0)
    return scores(ref_score, alt_score, logits=config.strands != "mean_probabilities")


def allele_score(model: StrandScorer, window: str, strands: str) -> NDArray[np.float64]:
    forward = model.predict_strand(encode(window)[None])[0].astype(np.float64)
    turned = window[::-1].translate(COMPLEMENT)
    reverse = model.predict_strand(encode(turned)[None])[0].astype(np.float64)[model.reverse_partner]
    if strands == "forward":
        return forward
    return (forward + reverse) / 2 if strands == "mean_logits" else (expit(forward) + expit(reverse)) / 2


@pytest.mark.parametrize(
    "config",
    [
        EffectConfig(),
        EffectConfig(strands="forward", anchor="center"),
        EffectConfig(strands="mean_probabilities", shift=2),
        EffectConfig(shift=1, anchor="center"),
    ],
)
def test_score__equals_a_loop_over_text(sequences: dict[str, str], genome: Genome, config: EffectConfig) -> None:
    variants = some_variants(sequences)
    found = ag.effects.score(MODEL, genome, variants, config)
    assert found.variants["status"].isin(["ok", "duplicate"]).all()
    for row, variant in enumerate(variants):
        expected = loop(MODEL, sequences, variant, config)
        for name in expected._fields:
            assert getattr(found, name)[row] == pytest.approx(getattr(expected, name), abs=2e-6)
    # the comparison would not see windows that are mixed up if all effects were alike
    assert np.ptp(found.logit_diff) > 0.1


def test_score__of_a_linear_model_is_the_difference_of_its_weights(genome: Genome, sequences: dict[str, str]) -> None:
    model = Linear(LENGTH)
    text = sequences["chr1"]
    variants = [("chr1", p + 1, text[p], alt) for p in range(len(text)) for alt in "ACGT"]
    found = ag.effects.score(model, genome, variants, strands="forward")
    ref, alt = (np.array(["ACGT".index(v[at]) for v in variants]) for at in (2, 3))
    index = (LENGTH - 1) // 2
    expected = (model.weights[:, alt, index] - model.weights[:, ref, index]).T
    assert found.logit_diff == pytest.approx(expected, abs=5e-6)
    assert (found.logit_diff[ref == alt] == 0).all()
    assert found.log2_odds == pytest.approx(expected / np.log(2), abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), anchor=st.sampled_from(["left", "center"]))
def test_score__of_exchanged_alleles_on_the_edited_genome_has_the_other_sign(
    sequences: dict[str, str], seed: int, anchor: Literal["left", "center"]
) -> None:
    variant = some_variants(sequences, seed, 1)[0]
    name, position, ref, alt = variant
    text = sequences[name]
    edited = {**sequences, name: text[: position - 1] + alt + text[position - 1 + len(ref) :]}
    one = ag.effects.score(MODEL, sequences, [variant], anchor=anchor)
    other = ag.effects.score(MODEL, edited, [(name, position, alt, ref)], anchor=anchor)
    assert one.variants["ref_match"].all()
    assert other.variants["ref_match"].all()
    for score in SIGNED:
        assert getattr(one, score) == pytest.approx(-getattr(other, score), abs=1e-6)
    assert one.deepsea_effect == pytest.approx(other.deepsea_effect, abs=1e-6)


def test_score__of_the_reference_allele_itself_is_zero(genome: Genome, sequences: dict[str, str]) -> None:
    same = [(name, position, ref, ref) for name, position, ref, _ in some_variants(sequences)]
    found = ag.effects.score([MODEL, make_model(LENGTH, 1)], genome, same, shift=1)
    for name in (*SIGNED, "deepsea_effect", "diff_spread"):
        assert (getattr(found, name) == 0).all()


def test_score__of_both_strands_is_the_same_from_either(sequences: dict[str, str]) -> None:
    turned = {name: text[::-1].translate(COMPLEMENT) for name, text in sequences.items()}
    snvs = [(c, p, text[p - 1], "ACGT"[p % 4]) for c, text in sequences.items() for p in range(1, len(text), 7)]
    snvs = [snv for snv in snvs if snv[2] != "N"]
    other = [
        (c, len(sequences[c]) - p + 1, ref.translate(COMPLEMENT), alt.translate(COMPLEMENT)) for c, p, ref, alt in snvs
    ]
    partner = MODEL.reverse_partner
    for strands in ("mean_logits", "mean_probabilities"):
        here = ag.effects.score(MODEL, sequences, snvs, strands=strands)
        there = ag.effects.score(MODEL, turned, other, strands=strands)
        for name in (*SIGNED, "ref_pred", "alt_pred"):
            assert getattr(here, name) == pytest.approx(getattr(there, name)[:, partner], abs=2e-6)
    forward = [ag.effects.score(MODEL, g, v, strands="forward").diff for g, v in ((sequences, snvs), (turned, other))]
    assert np.abs(forward[0] - forward[1][:, partner]).max() > 1e-3


def test_score__pads_beyond_the_contig_or_leaves_it_out(sequences: dict[str, str], genome: Genome) -> None:
    text = sequences["chr2"]
    variants = [
        ("chr2", 1, text[0], "A"),
        ("chr2", 75, text[74], text[74] + "AC"),
        ("chr2", 140, text[139:143], text[139]),
        ("chr2", 150, text[149], "ACG"),
    ]
    found = ag.effects.score(MODEL, genome, variants)
    # the deletion draws three bases in from the right, where there are none left
    assert found.variants["n_pad"].tolist() == [10, 0, 3, 10]
    assert found.variants["n_unknown"].tolist() == [0, 0, 0, 0]
    near = ag.effects.score(MODEL, genome, [("chr2", 70, text[69], "A"), ("chr2", 54, text[53], "A")])
    assert near.variants["n_unknown"].tolist() == [4, 4]
    dropped = ag.effects.score(MODEL, genome, variants, drop_edge=True)
    assert dropped.variants["status"].tolist() == ["edge", "ok", "edge", "edge"]
    assert np.isnan(dropped.diff[[0, 2, 3]]).all()
    assert dropped.diff[1] == pytest.approx(found.diff[1], abs=1e-6)


def test_score__keeps_a_row_for_what_cannot_be_scored(genome: Genome, sequences: dict[str, str]) -> None:
    base = sequences["chr1"][49]
    variants = pd.DataFrame(
        {
            "Chrom": ["chr1", "chr9", "chr1", "chr1", "chr1"],
            "POS": [50, 50, 50, 0, 50],
            "REF": [base, "A", base, "A", None],
            "alt": ["T" if base == "A" else "A", "C", "<DEL>,*,.", "C", "C"],
            "rsID": ["rs1", None, "rs3", "rs4", "rs5"],
        }
    )
    found = ag.effects.score(MODEL, genome, variants)
    assert found.variants["status"].tolist() == [
        "ok",
        "unknown_contig",
        "unsupported",
        "unsupported",
        "no_alternate",
        "outside_contig",
        "unsupported",
    ]
    assert found.variants["id"].tolist() == ["rs1", ".", "rs3", "rs3", "rs3", "rs4", "rs5"]
    assert np.isnan(found.diff).all(axis=1).tolist() == [False] + [True] * 6
    long = found.to_long()
    assert len(long) == 7 * 3
    assert list(long.columns) == COLUMNS
    assert long["diff"].to_numpy()[:3] == pytest.approx(found.diff[0])
    assert long["track"].tolist()[:4] == ["both", "forward", "reverse", "both"]


def test_score__writes_the_stated_reference_into_its_window(genome: Genome, sequences: dict[str, str]) -> None:
    base = sequences["chr1"][99]
    other, third = [letter for letter in "ACGT" if letter != base][:2]
    found = ag.effects.score(MODEL, genome, [("chr1", 100, other, base), ("chr1", 100, base, other)])
    assert found.variants[["ref_match", "swapped"]].to_numpy().tolist() == [[False, True], [True, False]]
    assert found.diff[0] == pytest.approx(-found.diff[1], abs=1e-6)
    skipped = ag.effects.score(MODEL, genome, [("chr1", 100, other, third)], mismatch="skip")
    assert skipped.variants["status"].tolist() == ["ref_mismatch"]
    with pytest.raises(FileFormatError, match=f"reference allele is {other}, the genome has {base} there"):
        ag.effects.score(MODEL, genome, [("chr1", 100, other, third)], mismatch="error")


@dataclass
class Counting:
    """Passes windows on and counts them."""

    model: Scorer
    n_windows: int = 0

    def __post_init__(self) -> None:
        self.length, self.tracks, self.output = self.model.length, self.model.tracks, self.model.output

    def predict(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.n_windows += len(tokens)
        return self.model.predict(tokens)


def test_score__scores_the_reference_once_a_site(genome: Genome, sequences: dict[str, str]) -> None:
    base = sequences["chr1"][99]
    others = [letter for letter in "ACGT" if letter != base]
    counting = Counting(MODEL)
    ag.effects.score(counting, genome, [("chr1", 100, base, ",".join(others)), ("chr1", 100, base, others[0])])
    assert counting.n_windows == 4
    with pytest.raises(InputError, match=r"a Counting reads both strands by itself.*found forward"):
        ag.effects.score(counting, genome, [], strands="forward")


def test_score__of_an_ensemble_is_of_the_mean_logit_with_its_spread(genome: Genome, sequences: dict[str, str]) -> None:
    models = [make_model(LENGTH, seed) for seed in range(3)]
    variants = some_variants(sequences, n=10)
    together, each = (
        ag.effects.score(models, genome, variants),
        [ag.effects.score(model, genome, variants) for model in models],
    )
    mean = np.mean([one.logit_diff.astype(float) for one in each], axis=0)
    assert together.logit_diff == pytest.approx(mean, abs=2e-6)
    ref = np.mean([logit(one.ref_pred.astype(float)) for one in each], axis=0)
    assert together.ref_pred == pytest.approx(expit(ref), abs=2e-6)
    assert together.diff_spread == pytest.approx(np.std([one.diff for one in each], axis=0, ddof=1), abs=2e-6)
    assert "logit_diff_spread" in together.to_long()
    with pytest.raises(InputError, match=r"the models differ: 3 tracks, windows of 21.*windows of 23"):
        ag.effects.score([MODEL, make_model(23)], genome, variants)
    with pytest.raises(InputError, match="there is no model"):
        ag.effects.score([], genome, variants)


def test_score__of_raw_scores_has_a_difference_only(genome: Genome, sequences: dict[str, str]) -> None:
    model = Linear(LENGTH, output="raw")
    variants = some_variants(sequences, n=5)
    found = ag.effects.score(model, genome, variants)
    assert list(found.matrices) == ["ref_pred", "alt_pred", "diff"]
    assert found.diff == pytest.approx(found.alt_pred - found.ref_pred, abs=1e-5)
    assert np.isnan(found.logit_diff).all()
    assert found.variants["strand"].eq("mean_scores").all()
    with pytest.raises(InputError, match="no probabilities to average"):
        ag.effects.score(model, genome, variants, strands="mean_probabilities")


@pytest.mark.parametrize("output", ["raw", "logit"])
def test_score__asks_a_scorer_that_wants_the_position(
    genome: Genome, sequences: dict[str, str], output: Literal["raw", "logit"]
) -> None:
    model, plain = FromIndex(LENGTH, output=output), Linear(LENGTH, output=output)
    assert isinstance(model, VariantScorer)
    variants = some_variants(sequences, n=8)
    found = ag.effects.score(model, genome, variants, shift=1)
    name = "diff" if output == "raw" else "logit_diff"
    expected = np.mean(
        [
            [
                10 * (plain.predict_strand(encode(alt)[None]) - plain.predict_strand(encode(ref)[None]))[0] + index
                for contig, position, ref, alt in variants
                for ref, alt in [windows(sequences[contig], position, ref, alt, LENGTH, index=index)]
            ]
            for index in (9, 10, 11)
        ],
        axis=0,
    )
    assert getattr(found, name) == pytest.approx(expected, abs=1e-4)


def test_score__takes_files_names_and_nothing(tmp_path: Any, genome: Genome, sequences: dict[str, str]) -> None:
    fasta, vcf = tmp_path / "g.fa", tmp_path / "v.vcf"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
    vcf.write_text(f"#CHROM\tPOS\tID\tREF\tALT\n1\t50\trs1\t{sequences['chr1'][49]}\tT,TA\n")
    from_files = ag.effects.score(MODEL, fasta, str(vcf))
    given = ag.effects.score(MODEL, genome, [("chr1", 50, sequences["chr1"][49], "T,TA")])
    assert (from_files.diff == given.diff).all()
    nothing = ag.effects.score(MODEL, genome, [])
    assert (len(nothing), nothing.diff.shape, len(nothing.to_long())) == (0, (0, 3), 0)
    with pytest.raises(AttributeError):
        _ = given.no_such_score


@pytest.mark.parametrize(
    ("variants", "changes", "error", "words"),
    [
        ([("chr1", "x", "A", "C")], {}, InputError, "variants, row 1: the position is 'x'"),
        ([("chr1", 5.0, "A", "C"), ("chr1", 5.7, "A", "C")], {}, InputError, "variants, row 2: the position is '5.7'"),
        ([("chr1", float("inf"), "A", "C")], {}, InputError, "variants, row 1: the position is 'inf'"),
        (pd.DataFrame({"chrom": [], "pos": []}), {}, InputError, "so ref and alt is missing"),
        ([], {"strand": "forward"}, ConfigError, "'strand' is no setting; expected one of strands, anchor"),
        ([], {"shift": 11}, ConfigError, r"shift: 11 bases move the variant out.*Use at most 10"),
        ([], {"index": 21}, ConfigError, "index: 21 lies outside a window of 21"),
    ],
)
def test_score__refuses_with_a_remedy(
    genome: Genome, variants: Any, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ag.effects.score(MODEL, genome, variants, **changes)


def test_full_float32__sets_what_was_back() -> None:
    before = torch.backends.cudnn.conv.fp32_precision
    with full_float32():
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert torch.backends.cudnn.conv.fp32_precision == before

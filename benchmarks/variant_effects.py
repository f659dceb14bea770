"""Variants per second of `effects`, against a plain loop over the model and against tangermeme.

    python benchmarks/variant_effects.py [--variants 512] [--rounds 5] [--tracks 24] [--space compact] [--length 600]

Random single-base variants of the demo genome and a network drawn from a space. The loop has one variant at a time:
one-hot of both alleles and their reverse complements, the network, the means of the logits. tangermeme's substitution
effect, where it is installed, has the forward strand alone, so that `effects` is asked for the forward strand there; it
gets one-hot windows that were made before, and the batch that it is fastest with. Equal effects are asserted before
anything is timed. All of it in float32.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import torch
from timing import interleave, parser, report

import ambergen as ag
from ambergen.datasets.demo import demo_paths
from ambergen.effects.background import random_variants
from ambergen.effects.config import EffectConfig
from ambergen.io.genome import Genome
from ambergen.models.building import make_child
from ambergen.sequence.edits import windows
from ambergen.sequence.variants import Record
from ambergen.spaces.presets import PRESETS
from ambergen.training.model import Model

BATCHES = (16, 32, 64, 128, 512)
"""That tangermeme is tried with; 32 is its default."""


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--variants", type=int, default=512)
    options.add_argument("--tracks", type=int, default=24)
    options.add_argument("--space", choices=("amber", "compact"), default="compact")
    options.add_argument("--length", type=int, default=600)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    genome = Genome.read(demo_paths().genome)
    model = make_model(PRESETS[arguments.space](), arguments.tracks, arguments.length)
    speed(model, genome, random_variants(genome, arguments.variants, seed=0), arguments)


def make_model(space: Any, n_tracks: int, length: int) -> Model:
    architecture = space.sample(np.random.default_rng(0))
    torch.manual_seed(0)
    network = make_child(space, architecture, n_tracks, length, 4)
    spec = {"space": space.to_dict(), "architecture": architecture.to_dict()}
    return Model(network, "child", spec, tuple(f"t{t}" for t in range(n_tracks)), np.arange(n_tracks))


def speed(model: Model, genome: Genome, records: list[Record], arguments: argparse.Namespace) -> None:
    variants = [(r.contig, r.start + 1, r.ref, r.alts[0]) for r in records]
    letters = np.frombuffer(b"ACGTN", np.uint8)
    text = {
        name: letters[genome.tokens[first:last]].tobytes().decode()
        for name, first, last in zip(genome.names, genome.first, genome.first[1:], strict=False)
    }
    pairs = [windows(text[c], p, ref, alt, model.length) for c, p, ref, alt in variants]

    def loop() -> np.ndarray:
        return np.stack([one_variant(model, pair) for pair in pairs])

    def ours(**changes: Any) -> np.ndarray:
        return ag.effects.score(model, genome, variants, EffectConfig(**changes)).logit_diff

    alone, both, forward = "a loop, one variant at a time", "effects, both strands", "effects, forward strand"
    ways = {alone: loop, both: ours, forward: lambda: ours(strands="forward")}
    against = {both: alone, forward: alone}
    assert_equal(ours(), loop())
    if (rival := tangermeme(model, pairs)) is not None:
        assert_equal(ours(strands="forward"), rival(32))
        theirs = {f"tangermeme, batch {batch}": partial(rival, batch) for batch in BATCHES}
        tried = interleave(theirs, 1)
        ways |= {name: theirs[name] for name in sorted(theirs, key=tried.median)[:2]}
    timings = interleave(ways, arguments.rounds)
    if rival is not None:
        against[forward] = min((name for name in ways if name.startswith("tangermeme")), key=timings.median)
    rows = [
        {
            "way": way,
            "variants/s": len(variants) / timings.median(way),
            "against": against.get(way),
            "ratio": timings.ratio(way, against[way]) if way in against else None,
        }
        for way in ways
    ]
    title = f"{len(variants)} variants, space {arguments.space}, windows of {model.length}, {len(model.tracks)} tracks"
    report(title, rows, arguments.json)


def assert_equal(found: np.ndarray, expected: np.ndarray) -> None:
    # drawn weights may give logits of hundreds, of which float32 keeps four decimals
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-4 * max(1.0, float(np.abs(expected).max())))


@torch.no_grad()
def one_variant(model: Model, pair: tuple[str, str]) -> np.ndarray:
    """As one writes it by hand."""
    tokens = torch.tensor([["ACGTN".index(letter) for letter in window] for window in pair])
    forward = torch.nn.functional.one_hot(tokens, 5)[..., :4].float().transpose(1, 2)
    logits = (model.network(forward) + model.network(forward.flip(1, 2))) / 2
    return (logits[1] - logits[0]).numpy()


def tangermeme(model: Model, pairs: list[Any]) -> Any:
    """Its substitution effect on the same windows; None where it is not installed."""
    try:
        effect = import_module("tangermeme.variant_effect").substitution_effect
    except ImportError:
        return None
    index = (model.length - 1) // 2
    tokens = torch.tensor([["ACGTN".index(letter) for letter in pair.ref] for pair in pairs])
    x = torch.nn.functional.one_hot(tokens, 5)[..., :4].float().transpose(1, 2).contiguous()
    change = torch.tensor([[n, index, "ACGT".index(pair.alt[index])] for n, pair in enumerate(pairs)])

    def run(batch: int) -> np.ndarray:
        before, after = effect(model.network, x, change, device="cpu", batch_size=batch)
        return (after - before).numpy()

    return run


if __name__ == "__main__":
    main()

"""Variants per second of `effects`, against a plain loop over the model, and its memory on a long VCF.

    python benchmarks/variant_effects.py [--variants 512] [--rounds 3] [--tracks 24] [--length 600] [--long 100000]

Random single-base variants of the demo genome and a network drawn from the space `compact`. The loop has one variant at
a time: one-hot of both alleles and their reverse complements, the network, the means of the logits. tangermeme's
substitution effect, where it is installed, has the forward strand alone, so that `effects` is asked for the forward
strand there. Equal effects are asserted before anything is timed. The long VCF is scored into Parquet by the
command, with a network of one layer: peak memory of a process that scores all of it and of one that scores a tenth.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
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
from ambergen.spaces.space import Space
from ambergen.training.model import Model

_TINY = Space(layers=1, operations=("conv8",), width=8, reduce=(), head="gap", hidden=8)


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--variants", type=int, default=512)
    options.add_argument("--tracks", type=int, default=24)
    options.add_argument("--length", type=int, default=600)
    options.add_argument("--long", type=int, default=100_000, help="variants of the long VCF; 0 leaves it out")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    genome = Genome.read(demo_paths().genome)
    space = PRESETS["compact"]()
    model = make_model(space, arguments.tracks, arguments.length)
    records = random_variants(genome, arguments.variants, seed=0)
    speed(model, genome, records, arguments)
    if arguments.long:
        memory(genome, arguments)


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

    ways = {
        "a loop, one variant at a time": loop,
        "effects": ours,
        "effects, forward strand": lambda: ours(strands="forward"),
    }
    assert np.allclose(loop(), ours(), atol=1e-5)
    if (rival := tangermeme(model, pairs)) is not None:
        assert np.allclose(rival(), ours(strands="forward"), atol=1e-5)
        ways["tangermeme, forward strand"] = rival
    timings = interleave(ways, arguments.rounds)
    rows = []
    for way in ways:
        base = (
            "tangermeme, forward strand" if "forward" in way and rival is not None else "a loop, one variant at a time"
        )
        rows.append(
            {
                "way": way,
                "variants/s": len(variants) / timings.median(way),
                "against": base,
                "ratio": timings.ratio(way, base),
            }
        )
    report(f"{len(variants)} variants, windows of {model.length}, {len(model.tracks)} tracks", rows, arguments.json)


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

    def run() -> np.ndarray:
        before, after = effect(model.network, x, change, device="cpu", batch_size=512)
        return (after - before).numpy()

    return run


def memory(genome: Genome, arguments: argparse.Namespace) -> None:
    """Peak memory of the command on a VCF, and on a tenth of it."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(_TINY, arguments.tracks, 100).save(folder / "model")
        for n in (arguments.long // 10, arguments.long):
            with open(folder / "v.vcf", "w") as stream:
                stream.write("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\n")
                for r in random_variants(genome, n, seed=1):
                    stream.write(f"{r.contig}\t{r.start + 1}\t.\t{r.ref}\t{r.alts[0]}\n")
            command = [sys.executable, "-m", "ambergen", "effects", "model", "v.vcf", "--genome", demo_paths().genome]
            watched = [sys.executable, "-c", _WATCH, *map(str, command), "-o", "e.parquet"]
            done = subprocess.run(watched, cwd=folder, check=True, capture_output=True, text=True)
            megabytes, seconds = map(float, done.stdout.split())
            rows.append(
                {
                    "variants": n,
                    "peak MB": megabytes,
                    "processor s": seconds,
                    "rows": len(ag.effects.read(folder / "e.parquet")),
                }
            )
    report("peak memory of the command, network of one layer, windows of 100", rows, arguments.json)


_WATCH = f"""
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss / {1 << 20 if sys.platform == "darwin" else 1 << 10}, used.ru_utime + used.ru_stime)
"""

if __name__ == "__main__":
    main()

"""gkm-SVM and position weight matrices on PU.1 and CTCF sites: seconds of training and AUROC on held-out contigs.

    python benchmarks/rival_scorers.py [--table sites.tsv.gz] [--matrices JASPAR.jaspar.gz] [--sites 600] [--seed 0]

The sites are the rows of a table with the columns chrom, set (pu1, ctcf) and sequence; negatives are their dinucleotide
shuffles. Chromosomes 1 and 2 are held out. Also counts variants a second and the seconds of one transform. The files
are looked for in the folder that AMBERGEN_DATA names; where there are none, nothing is measured.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import pandas as pd

from ambergen.baselines.gkm_svm import GkmSVM
from ambergen.baselines.hamming import HammingTransform, similarities
from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.pwm import PWM
from ambergen.io.motifs import read_motifs
from ambergen.metrics.ranking import auroc
from ambergen.seeds import generator
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.shuffling import dinucleotide_shuffle

MATRICES = {"pu1": "MA0080.7", "ctcf": "MA0139.2"}
HELD_OUT = ("chr1", "chr2")


def main() -> None:
    parser = argparse.ArgumentParser()
    data = Path(os.environ.get("AMBERGEN_DATA", "."))
    parser.add_argument("--table", type=Path, default=data / "human_tf" / "sites.tsv.gz")
    parser.add_argument(
        "--matrices", type=Path, default=data / "jaspar" / "JASPAR2024_CORE_vertebrates_latest.jaspar.gz"
    )
    parser.add_argument("--sites", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for path in (options.table, options.matrices):
        if not path.exists():
            print(f"{path}: not there, so nothing is measured; name the files, or their folder in AMBERGEN_DATA")
            return
    table = pd.read_csv(options.table, sep="\t", usecols=["chrom", "set", "sequence"])
    motifs = {motif.id: motif for motif in read_motifs(options.matrices)}
    transform = HammingTransform(similarities(11, 7, 3, "estimated"))
    values = np.ones(transform.n_words, np.float32)
    _, wall, cpu = timed(lambda: transform(values))
    print(f"transform of 4^11 words: {wall:.3f} s ({cpu:.3f} s of processor)")
    for name, matrix in MATRICES.items():
        compare(name, table[table["set"] == name], PWM.of(motifs[matrix]), options.sites, options.seed)


def compare(name: str, sites: pd.DataFrame, matrix: PWM, n: int, seed: int) -> None:
    rng = generator(seed, "benchmark", name)
    held = sites["chrom"].isin(HELD_OUT)
    parts = [
        part["sequence"].sample(min(n, len(part)), random_state=seed).tolist() for part in (sites[~held], sites[held])
    ]
    shuffled = [[DNA.decode(dinucleotide_shuffle(DNA.encode(text, name), rng)) for text in texts] for texts in parts]
    machine, wall, cpu = timed(lambda: GkmSVM.fit_sequences(parts[0], shuffled[0], track=name))
    tokens = np.stack([DNA.encode(text, name) for text in [*parts[1], *shuffled[1]]])
    labels = np.repeat([1, 0], len(parts[1]))[:, None]
    scorer = MotifScorer({name: (matrix,)}, tokens.shape[1])
    figures = {what: auroc(model.predict(tokens), labels)[0] for what, model in (("gkm-SVM", machine), ("PWM", scorer))}
    print(f"{name}: {len(parts[0])} + {len(shuffled[0])} sequences trained in {wall:.1f} s ({cpu:.1f} s of processor)")
    print(
        f"{name}: AUROC on {len(tokens)} held-out sequences: " + ", ".join(f"{k} {v:.4f}" for k, v in figures.items())
    )
    index = (tokens.shape[1] - 1) // 2
    ref = np.repeat(tokens, 10, axis=0)
    alt = ref.copy()
    alt[:, index] = (ref[:, index] + rng.integers(1, 4, len(ref))) % 4
    for what, model in (("gkm-SVM", machine), ("PWM", scorer)):
        model.variant_effect(ref[:1], alt[:1], index)  # the weights of all words, once
        effects, wall, cpu = timed(lambda model=model: model.variant_effect(ref, alt, index))
        print(f"{name}: {what} {len(ref) / wall:,.0f} variants a second ({len(ref) / cpu:,.0f} a second of processor)")
        if what == "gkm-SVM":
            by_machine = effects
    print(f"{name}: correlation of the effects {np.corrcoef(by_machine[:, 0], effects[:, 0])[0, 1]:.3f}")


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()

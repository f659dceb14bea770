"""AUROC and average precision of many tracks at once against scikit-learn's loops, on one thread.

    python benchmarks/metrics.py [--windows 8000] [--tracks 919] [--rounds 5]

Prints medians of processor time over interleaved rounds, for logits in float32, the same rounded as bfloat16 rounds
(many ties) and in float64, and the largest difference from scikit-learn. Labels are rare, as chromatin labels are: the
median track has about 2 % positives. Aim: at least 40 times as fast for 919 tracks and 8,000 windows.

NumPy's vector sort takes most of the time. On AMD Zen 4, which stores compressed vectors slowly, its AVX-512 form is
three times as slow as its AVX2 form; as the command line does, this asks `ambergen.processor` to switch it off there
for both sides. In a Python session of one's own: NPY_DISABLE_CPU_FEATURES=X86_V4 in the environment.
"""

from __future__ import annotations

import os

from ambergen.processor import prepare

os.environ["OMP_NUM_THREADS"] = "1"
prepare()

import argparse
from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from ambergen.metrics.ranking import ranking
from ambergen.seeds import generator


def simulate(n_windows: int, n_tracks: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Logits of a network of middling quality, and labels; every track has both classes."""
    rng = generator(0, "benchmark", "metrics")
    prevalence = np.clip(rng.lognormal(-4, 0.8, n_tracks), 2.5 / n_windows, 0.3)
    labels = (rng.random((n_windows, n_tracks)) < prevalence).astype(np.uint8)
    labels[0], labels[1] = 1, 0
    logits = 1.3 * rng.normal(size=labels.shape) + labels * rng.uniform(0.5, 2.5, n_tracks) - 4
    return logits.astype(np.float32), labels


def loops(scores: NDArray[np.floating], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """scikit-learn, track by track: (2, n_tracks)."""
    tracks = range(labels.shape[1])
    return np.array(
        [
            [roc_auc_score(labels[:, track], scores[:, track]) for track in tracks],
            [average_precision_score(labels[:, track], scores[:, track]) for track in tracks],
        ]
    )


def together(scores: NDArray[np.floating], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    result = ranking(scores, labels)
    return np.array([result.auroc, result.average_precision])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=8000)
    parser.add_argument("--tracks", type=int, default=919)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    logits, labels = simulate(arguments.windows, arguments.tracks)
    bfloat16 = (logits.view(np.uint32) & 0xFFFF0000).view(np.float32)
    cases = {"float32": logits, "bfloat16": bfloat16, "float64": logits + 1e-9 * np.arange(len(logits))[:, None]}
    print(
        f"{arguments.tracks} tracks x {arguments.windows} windows, median track with "
        f"{int(np.median(labels.sum(axis=0)))} positives, one thread, processor time, median of {arguments.rounds}"
    )
    for name, scores in cases.items():
        difference = np.abs(loops(scores, labels) - together(scores, labels)).max()
        methods: dict[str, Callable[..., NDArray[np.float64]]] = {"loops": loops, "together": together}
        times: dict[str, list[float]] = {method: [] for method in methods}
        for _ in range(arguments.rounds):
            for method, work in methods.items():
                begin = process_time()
                work(scores, labels)
                times[method].append(process_time() - begin)
        slow, fast = median(times["loops"]), median(times["together"])
        print(
            f"{name:<9} scikit-learn's loops {1000 * slow:7.1f} ms   ranking {1000 * fast:6.1f} ms   "
            f"{slow / fast:5.1f} times as fast   largest difference {difference:.0e}"
        )


if __name__ == "__main__":
    main()

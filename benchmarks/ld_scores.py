"""Seconds and memory of LD scores, for a million variants and 500 individuals from a part of them, and against pyldsc.

    python benchmarks/ld_scores.py [--variants 100000] [--individuals 500] [--threads 1] [--rounds 3] [--no-rival]

Simulates one chromosome with 3,500 centimorgans to a million variants (as many to a centimorgan as a million variants
of the human genome have), writes PLINK files, and scores 1 and 50 annotations as `ambergen ldscore` does, each in a
process of its own: processor time, wall time and peak memory from reading the first file to renaming the last. pyldsc
computes the same with a chunk of one variant, where its windows are exact, on as many threads; the scores must agree.
Both take turns in every round; seconds are medians over rounds, memory is the largest, and a ratio is the median of the
ratios within a round: of processor time, and of wall time, which is the fair one where threads share the work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ANNOTATIONS = (1, 50)
WHOLE = 1_000_000
CENTIMORGANS_A_VARIANT = 3500 / WHOLE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=WHOLE // 10)
    parser.add_argument("--individuals", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-rival", action="store_true", help="leave pyldsc out")
    parser.add_argument("--child", nargs=3, metavar=("NAME", "FOLDER", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        child(arguments.child[0], Path(arguments.child[1]), int(arguments.child[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, arguments.variants, arguments.individuals)
        print(f"{arguments.variants:,} variants, {arguments.individuals} individuals, {arguments.threads} threads")
        programs = ["ambergen"] if arguments.no_rival else ["ambergen", "pyldsc"]
        for n in ANNOTATIONS:
            rounds = [
                {program: measure(program, folder, n, arguments.threads) for program in programs}
                for _ in range(arguments.rounds)
            ]
            for program in programs:
                tell(program, n, [one[program] for one in rounds], WHOLE / arguments.variants)
            if len(programs) > 1:
                compare(folder, n, rounds)


def tell(program: str, n: int, rounds: list[dict[str, float]], times: float) -> None:
    """What a program needed; a whole genome has so many `times` as many variants."""
    processor, wall = (statistics.median(one[clock] for one in rounds) for clock in ("processor", "wall"))
    memory, before = (max(one[size] for one in rounds) / 1e6 for size in ("memory", "before"))
    print(
        f"{program:<9} {n:>3} annotations: {processor:8.1f} s processor, {wall:8.1f} s wall; a million variants "
        f"{processor * times:8.0f} s; {memory:6.0f} MB, {before:.0f} MB of them before",
        flush=True,
    )


def simulate(folder: Path, n_variants: int, n_individuals: int) -> None:
    """`panel` with linkage between neighbours, and thin annotations."""
    import numpy as np

    rng = np.random.default_rng(0)
    centimorgans = np.sort(rng.random(n_variants)) * n_variants * CENTIMORGANS_A_VARIANT
    haplotypes = rng.random((2, n_individuals), dtype=np.float32)
    lanes = np.array([0, 2, 4, 6], dtype=np.uint8)
    code = np.array([0b11, 0b10, 0b00], dtype=np.uint8)
    padded = np.full(-(-n_individuals // 4) * 4, 0, dtype=np.uint8)
    with open(folder / "panel.bed", "wb") as stream:
        stream.write(b"\x6c\x1b\x01")
        for _ in range(n_variants):
            new = rng.random((2, n_individuals), dtype=np.float32) < 0.1
            haplotypes[new] = rng.random(int(new.sum()), dtype=np.float32)
            counts = (haplotypes < rng.uniform(0.05, 0.5)).sum(axis=0)
            padded[:n_individuals] = code[counts]
            stream.write((padded.reshape(-1, 4) << lanes).sum(axis=1, dtype=np.uint8).tobytes())
    with open(folder / "panel.bim", "w") as stream:
        stream.writelines(f"1\trs{j}\t{cm:.9f}\t{1000 * (j + 1)}\tA\tG\n" for j, cm in enumerate(centimorgans))
    (folder / "panel.fam").write_text("".join(f"0 p{i} 0 0 0 -9\n" for i in range(n_individuals)))
    for n in ANNOTATIONS:
        values = rng.random((n_variants, n)).round(5)
        with open(folder / f"{n}.annot", "w") as stream:
            stream.write("\t".join(f"a{c}" for c in range(n)) + "\n")
            stream.writelines("\t".join(f"{value:.5f}" for value in row) + "\n" for row in values)


def measure(program: str, folder: Path, n: int, threads: int) -> dict[str, float]:
    """What a process of its own needed."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    words = [sys.executable, __file__, "--child", program, str(folder), str(n)]
    done = subprocess.run(words, env={**os.environ, **limits}, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(program: str, folder: Path, n: int) -> None:
    import time

    import numpy as np

    from ambergen.cost import peak_memory

    panel = folder / "panel"
    if program == "ambergen":
        from ambergen.io.annotations import open_annotation
        from ambergen.io.ld_score_files import LDScoreOutput
        from ambergen.validation.ld_scoring import Panel, panel_ld_scores

        def work() -> None:
            with LDScoreOutput(folder / f"ambergen.{n}") as output:
                for part in panel_ld_scores(Panel(panel, [open_annotation(folder / f"{n}.annot")])):
                    output.add(part.summary.chromosome, part.scores)
    else:
        import pandas as pd
        import pyldsc

        def work() -> None:
            values = pd.read_csv(folder / f"{n}.annot", sep="\t").to_numpy()
            table = pyldsc.estimate_ldscore(str(panel), ld_wind_cm=1.0, annot=values, chunk_size=1)["ldscore"]
            np.save(folder / f"pyldsc.{n}.npy", table.iloc[:, -n:].to_numpy(float))

    before, wall, processor = peak_memory(), time.perf_counter(), time.process_time()
    work()
    print(
        json.dumps(
            {
                "processor": time.process_time() - processor,
                "wall": time.perf_counter() - wall,
                "memory": peak_memory(),
                "before": before,
            }
        )
    )


def compare(folder: Path, n: int, rounds: list[dict[str, dict[str, float]]]) -> None:
    import numpy as np

    from ambergen.io.ld_score_files import read_ld_scores

    ours = read_ld_scores(str(folder / f"ambergen.{n}")).scores
    theirs = np.load(folder / f"pyldsc.{n}.npy")
    difference = np.abs(ours / theirs - 1).max()
    processor, wall = (
        statistics.median(one["pyldsc"][clock] / one["ambergen"][clock] for one in rounds)
        for clock in ("processor", "wall")
    )
    print(
        f"{'':<9} {n:>3} annotations: pyldsc takes {processor:.1f} times as much processor time and {wall:.1f} times "
        f"as long (aim: 3); largest relative difference {difference:.1e}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""`ambergen effects` on a VCF of 100,000 variants: its memory, and `kill -9` at random instants.

    python benchmarks/long_vcf.py [--variants 100000] [--kills 6] [--format parquet] [--seed 0]

Variants of the demo genome (single bases, insertions, deletions, several alternate alleles, symbols, wrong reference
alleles) and a network of one layer. The command scores a tenth of the file and all of it: peak memory of either. Then
it scores all of it once more and is killed again and again, the last two times while the file is put together; what
the last start leaves has to be the uninterrupted run's file, byte for byte, with every row once. Ends with 1 if not.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import report
from variant_effects import make_model

import ambergen as ag
from ambergen.datasets.demo import demo_paths
from ambergen.effects.background import random_variants
from ambergen.io.genome import Genome
from ambergen.io.vcf import read_vcf
from ambergen.spaces.space import Space

TINY = Space(layers=1, operations=("conv8",), width=8, reduce=(), head="gap", hidden=8)
PROGRAM = [sys.executable, "-m", "ambergen", "effects", "model"]
OPTIONS = ["--genome", str(demo_paths().genome), "--out"]
WATCH = f"""
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss / {1 << 20 if sys.platform == "darwin" else 1 << 10}, used.ru_utime + used.ru_stime)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--format", default="parquet", help="ending of the file of effects (default parquet)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print memory as JSON instead of a table")
    options = parser.parse_args()
    random_ = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="ambergen-long-") as name:
        folder = Path(name)
        make_model(TINY, 24, 100).save(folder / "model")
        genome = Genome.read(demo_paths().genome)
        rows = []
        for n in (options.variants // 10, options.variants):
            write_vcf(folder / f"{n}.vcf", genome, n, random_)
            rows.append(measured(folder, n, f"whole-{n}.{options.format}"))
        report("peak memory of the command, network of one layer, windows of 100, 24 tracks", rows, options.json)
        whole, killed = folder / f"whole-{options.variants}.{options.format}", folder / f"killed.{options.format}"
        kill_again_and_again(folder, options.variants, killed, options.kills, random_)
        same = digest(whole) == digest(killed)
        left = [path.name for path in folder.iterdir() if "killed" in path.name and path != killed]
        print(f"file of the killed run: {'the same bytes' if same else 'DIFFERENT'}; beside it: {left or 'nothing'}")
        ordered = every_row_once(killed, folder / f"{options.variants}.vcf")
        print(f"rows: {'every allele once, in its order' if ordered else 'LOST OR DOUBLED'}")
    sys.exit(not (same and ordered and not left))


def write_vcf(path: Path, genome: Genome, n: int, random_: random.Random) -> None:
    """Random variants in the order of the genome, a tenth of them something else than single bases."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\n")
        for number, r in enumerate(random_variants(genome, n, seed=1)):
            ref, alt = r.ref, r.alts[0]
            kind = random_.randrange(40)
            if kind == 0:
                alt = ref + "".join(random_.choices("ACGT", k=random_.randint(1, 12)))
            elif kind == 1:
                place = int(genome.first[genome.number[r.contig]]) + r.start
                bases = genome.tokens[place : place + random_.randint(2, 12)]
                ref, alt = "".join("ACGTN"[base] for base in bases), ref
            elif kind == 2:
                alt = ",".join(sorted(set("ACGT") - {ref}))
            elif kind == 3:
                alt, ref = random_.choice(["<DEL>", "*", f"{ref}[XII:7[", alt]), random_.choice([ref, alt])
            stream.write(f"{r.contig}\t{r.start + 1}\tv{number}\t{ref}\t{alt}\n")


def measured(folder: Path, n: int, out: str) -> dict[str, object]:
    command = [sys.executable, "-c", WATCH, *PROGRAM, f"{n}.vcf", *OPTIONS, out]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    megabytes, seconds = map(float, done.stdout.split())
    alleles = sum(len(record.alts) for record in read_vcf(folder / f"{n}.vcf"))
    return {"variants": n, "alleles": alleles, "peak MB": megabytes, "processor s": seconds}


def kill_again_and_again(folder: Path, n: int, out: Path, kills: int, random_: random.Random) -> None:
    parts, put_together = out.with_name(f"{out.name}.parts"), out.with_name(f".part-{out.name}")
    n_parts = n // 2048
    while_scoring = sorted(random_.randrange(n_parts) for _ in range(max(0, kills - 2)))
    for number in range(kills):
        process = subprocess.Popen([*PROGRAM, f"{n}.vcf", *OPTIONS, out.name], cwd=folder, stderr=subprocess.DEVNULL)
        scoring = number < len(while_scoring)
        pause = random_.uniform(0, 0.3 if scoring else 0.05)
        while process.poll() is None:
            if scoring and len(list(parts.glob("*.parquet"))) > while_scoring[number]:
                break
            if not scoring and put_together.exists():
                break
            time.sleep(0.002)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            raise SystemExit(f"the command ended by itself with {process.returncode} before kill {number + 1}")
        half = put_together.stat().st_size if put_together.exists() else 0
        found = len(list(parts.glob("*.parquet")))
        print(f"kill {number + 1}: {found} parts{f', file of {half:,} bytes begun' * bool(half)}", flush=True)
    subprocess.run([*PROGRAM, f"{n}.vcf", *OPTIONS, out.name], cwd=folder, check=True, stderr=subprocess.DEVNULL)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def every_row_once(path: Path, vcf: Path) -> bool:
    if path.suffixes[0] == ".vcf":
        return list(read_vcf(path)) == list(read_vcf(vcf))
    found = ag.effects.read(path).variants
    expected = [(record.name, at) for record in read_vcf(vcf) for at in range(len(record.alts))]
    unique = np.unique(found[["record_index", "alt_index"]].to_numpy(), axis=0)
    return len(unique) == len(found) and list(zip(found["id"], found["alt_index"], strict=True)) == expected


if __name__ == "__main__":
    main()

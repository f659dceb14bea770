"""Real files through the commands: LD scores against published ones, and stratified regression against pyldsc.

    AMBERGEN_DATA=… python benchmarks/heritability_real.py [--flank 450] [--keep FOLDER]

Genotypes of 489 Europeans of 1000 Genomes in one megabase of every autosome, a BOLT-LMM table of a trait in the UK
Biobank there, the LD scores that the Broad Institute published (chromosomes 1 to 11), and sites of CTCF and PU.1 that
ENCODE found bound in three cell types. `ambergen ldscore`, `heritability munge` and `heritability run` do the work,
each as a user calls it. One megabase of a chromosome is far too little for a result about the trait: what is shown is
that the files are read, that errors are sane, and that another program gives the same numbers from the same inputs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ambergen.io.annotations import open_annotation
from ambergen.io.genotypes import read_bim
from ambergen.io.ld_score_files import read_ld_scores
from ambergen.io.summary_statistics import read_summary_statistics
from ambergen.validation.heritability.annotation_sums import PanelWithGenotypes, annotation_sums
from ambergen.validation.ld_scoring import LDScoreConfig, Panel

REGIONS = 22
# Published scores are of these chromosomes.
PUBLISHED = [str(number) for number in range(1, 12)]
INDIVIDUALS = 337_000  # of the table's trait, which has no column N
LARGEST_CHI2 = max(80.0, 0.001 * INDIVIDUALS)
# Of a region: nearer to its ends, neighbours are missing.
INNER = 400_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flank", type=int, default=450, help="bases to either side of a site of 100")
    parser.add_argument("--keep", type=Path, help="a folder for the files, instead of a temporary one")
    arguments = parser.parse_args()
    with workplace(arguments.keep) as (data, folder):
        prepare(data, folder, arguments.flank)
        run_commands(data, folder)
        against_published(data, folder)
        against_pyldsc(folder)


@contextmanager
def workplace(keep: Path | None) -> Iterator[tuple[Path, Path]]:
    """The real data, and a folder with the genotypes out of their archive: `keep`, or one for this while."""
    data = Path(os.environ.get("AMBERGEN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (data / "gwas").is_dir():
        raise SystemExit(f"{data}/gwas: absent; set AMBERGEN_DATA to the folder of real data")
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(data / "gwas" / "1000G_eur489_22x1Mb_plink.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        yield data, folder


def prepare(data: Path, folder: Path, flank: int) -> None:
    """An annotation from ENCODE's labels, and one that names HapMap 3."""
    sites = pd.read_csv(data / "human_tf" / "sites.tsv.gz", sep="\t")
    cells = [column for column in sites if column.split("_")[0] in ("A549", "GM12878", "Mcf7")]
    bound = sites[(sites[cells] > 0).any(axis=1)]
    start = (bound["start"] - flank).clip(lower=0)
    table = pd.DataFrame({"chrom": bound["chrom"], "start": start, "end": bound["end"] + flank})
    table.to_csv(folder / "bound.bed", sep="\t", header=False, index=False)
    hapmap3 = set(read_ld_scores(str(data / "gwas" / "@")).id)
    for chromosome in map(str, range(1, REGIONS + 1)):
        ids = read_bim(folder / f"1000G.subset.{chromosome}.bim").id
        lines = [f"1\t{int(one in hapmap3)}\n" for one in ids]
        (folder / f"sets.{chromosome}.annot").write_text("base\thapmap3\n" + "".join(lines))
        (folder / f"base.{chromosome}.annot").write_text("base\n" + "1\n" * len(ids))


def run_commands(data: Path, folder: Path) -> None:
    # Chromosomes 14 and 15 begin before the first point of the genetic map, at 0 cM: taken as they are.
    panel = ["ldscore", folder / "1000G.subset.@", "--zero-cm"]
    ambergen(*panel, "-a", folder / "sets.@.annot", "-o", folder / "sets.@")
    ambergen(*panel, "-a", folder / "base.@.annot", "-a", folder / "bound.bed", "-o", folder / "model.@")
    ambergen(*panel, "-o", folder / "weights.@")
    table = data / "gwas" / "ukb_bolt_22x1Mb.sumstats.txt.gz"
    print(ambergen("heritability", "munge", table, "--n", INDIVIDUALS, "-o", folder / "trait"), "\n")
    words = ["--ref-ld", folder / "model.@", "--w-ld", folder / "weights.@", "--bfile", folder / "1000G.subset.@"]
    words += ["-a", folder / "base.@.annot", "-a", folder / "bound.bed", "--n-blocks", REGIONS, "-o", folder / "out"]
    print(ambergen("heritability", "run", folder / "trait.sumstats.gz", *words), "\n")


def ambergen(*words: Any) -> str:
    """What a command prints."""
    done = subprocess.run([sys.executable, "-m", "ambergen", *map(str, words)], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().rstrip()


def against_published(data: Path, folder: Path) -> None:
    """Correlations, over all chromosomes and by chromosome, in the inner part of each region."""
    published = read_ld_scores(str(data / "gwas" / "@"))
    place = {one: row for row, one in enumerate(published.id)}
    ours = read_ld_scores(str(folder / "sets.@"))
    pairs: dict[str, list[tuple[float, float, float]]] = {}
    for chromosome in PUBLISHED:
        rows = np.flatnonzero(ours.contig.astype(str) == chromosome)
        middle = (ours.position[rows[0]] + ours.position[rows[-1]]) / 2
        inner = rows[np.abs(ours.position[rows] - middle) <= INNER / 2]
        pairs[chromosome] = [
            (*ours.scores[row], published.scores[place[ours.id[row]], 0]) for row in inner if ours.id[row] in place
        ]
    together = np.array([pair for one in pairs.values() for pair in one])
    of_all, of_hapmap3 = np.corrcoef(together.T)[:2, 2]
    each = [float(np.corrcoef(np.array(one).T)[0, 2]) for one in pairs.values()]
    print(f"{len(together):,} variants of HapMap 3 in the inner {INNER // 1000} kb of {len(pairs)} regions")
    print(
        f"correlation with the published scores: {of_all:.3f} (aim: 0.85); {min(each):.3f} to {max(each):.3f} by region"
    )
    print(f"{of_hapmap3:.3f} where ours count neighbours of HapMap 3 only, as the published do\n")


def against_pyldsc(folder: Path) -> None:
    """The regression again, by pyldsc, on the same stated inputs."""
    import pyldsc

    scores, weights = read_ld_scores(str(folder / "model.@")), read_ld_scores(str(folder / "weights.@"))
    statistics, _ = read_summary_statistics(folder / "trait.sumstats.gz")
    row_of = {one: row for row, one in enumerate(statistics.id)}
    rows = [row for row, one in enumerate(scores.id) if one in row_of]
    study = [row_of[scores.id[row]] for row in rows]
    kept = np.flatnonzero(statistics.chi2[study] < LARGEST_CHI2)
    rows, study = np.array(rows)[kept], np.array(study)[kept]
    theirs = pyldsc.Hsq(
        statistics.chi2[study, None],
        scores.scores[rows],
        weights.scores[rows],
        statistics.n[study, None],
        scores.m_5_50[None],
        n_blocks=REGIONS,
        old_weights=True,
    )
    files = [open_annotation(folder / "base.@.annot"), open_annotation(folder / "bound.bed")]
    panel = Panel(folder / "1000G.subset.@", files)
    sums = annotation_sums(PanelWithGenotypes(panel, LDScoreConfig(zero_centimorgans=True)))
    table = theirs._overlap_output(list(panel.names), sums.overlap, scores.m_5_50[None], sums.n_variants, True)
    ours = pd.read_csv(folder / "out" / "trait.results", sep="\t")
    record = json.loads((folder / "out" / "trait.json").read_text())
    pairs = [(record["h2"], theirs.tot), (record["h2_error"], theirs.tot_se)]
    pairs += [(record["intercept"], theirs.intercept), (record["intercept_error"], theirs.intercept_se)]
    for column in ("Prop._SNPs", "Prop._h2", "Enrichment", "Coefficient", "Coefficient_std_error"):
        pairs += list(zip(ours[column], table[column].astype(float), strict=True))
    for column in ("Prop._h2_std_error", "Enrichment_std_error", "Enrichment_p"):
        pairs.append((ours[column].iloc[1], float(table[column].iloc[1])))
    largest = max(abs(float(mine) / float(np.squeeze(other)) - 1) for mine, other in pairs)
    print(
        f"pyldsc on the same {len(rows):,} variants (chi-square of BOLT-LMM below {LARGEST_CHI2:g}, N {INDIVIDUALS:,}, "
        f"{REGIONS} blocks): largest relative difference of {len(pairs)} numbers {largest:.1e}"
    )


if __name__ == "__main__":
    main()

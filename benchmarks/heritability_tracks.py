"""Many tracks on real files: ENCODE's labels against the same labels moved, and what too many blocks do.

    AMBERGEN_DATA=… python benchmarks/heritability_tracks.py [--keep FOLDER] [--workers 2]

Genotypes of 489 Europeans in one megabase of every autosome, a BOLT-LMM table of a trait in the UK Biobank there, and
55 labels (a protein in a cell type) of sites of CTCF and PU.1 with 450 bases to either side. The second arm has every
label 300 kb further on in its region, where only chance puts heritability. `ambergen heritability tracks` does the
work, with a block a region and with 200. One megabase of a chromosome is far too little for a result about the trait.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from heritability_real import INDIVIDUALS, REGIONS, ambergen, workplace

from ambergen.io.annotation_output import annotation_path, write_annotations
from ambergen.io.genotypes import read_bim
from ambergen.validation.heritability.tables import read_table

USUAL_BLOCKS = 200
FLANK, MOVED = 450, 300_000
_PLACES = ("chrom", "start", "end", "set", "sequence")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="a folder for the files, instead of a temporary one")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with workplace(arguments.keep) as (data, folder):
        write_labels(data / "human_tf" / "sites.tsv.gz", folder)
        table = data / "gwas" / "ukb_bolt_22x1Mb.sumstats.txt.gz"
        ambergen("heritability", "munge", table, "--n", INDIVIDUALS, "-o", folder / "height")
        for n_blocks in (REGIONS, USUAL_BLOCKS):
            ambergen(
                "heritability", "tracks", folder / "height.sumstats.gz", "--bfile", folder / "1000G.subset.@",
                "--arm", f"searched={folder / 'encode.@'}", "--arm", f"sampled={folder / 'moved.@'}",
                "--ld-wind-kb", 1000, "--n-blocks", n_blocks, "--workers", arguments.workers, "-o", folder / "study",
            )  # fmt: skip
            tell(folder / "study", n_blocks)


def write_labels(sites: Path, folder: Path) -> None:
    """The labels of the panel's variants, and the same of the places that lie further back in the region."""
    table = pd.read_csv(sites, sep="\t")
    labels = [name for name in table.columns if name not in _PLACES]
    for number in range(1, REGIONS + 1):
        variants = read_bim(folder / f"1000G.subset.{number}.bim")
        position = variants.position
        first, last = int(position.min()), int(position.max()) + 1
        own = table[(table["chrom"] == f"chr{number}") & (table["end"] > first) & (table["start"] < last)]
        for name, moved in (("encode", 0), ("moved", MOVED)):
            at = first + (position - first + moved) % (last - first)
            values = np.zeros((len(position), len(labels)))
            for start, end, row in zip(own["start"], own["end"], own[labels].to_numpy(np.float64), strict=True):
                inside = (at >= start - FLANK) & (at < end + FLANK)
                values[inside] = np.maximum(values[inside], row)
            write_annotations(annotation_path(folder / f"{name}.@", str(number)), variants, labels, values)


def tell(study: Path, n_blocks: int) -> None:
    """What a study found."""
    frame = read_table(study, "tracks")
    print(f"\n{n_blocks} blocks")
    for arm, own in frame.groupby("arm", sort=False):
        first = own.sort_values("q").iloc[0]
        print(
            f"  {arm}: {own['status'].value_counts().to_dict()}; {int((own['q'] < 0.05).sum())} with q < 0.05; "
            f"smallest q {first['q']:.2g} ({first['track']}, tau* {first['tau_star']:.3g} ± {first['tau_star_se']:.2g})"
        )
    one = frame.iloc[0]
    print(f"  h2 {one['h2']:.3g} ± {one['h2_se']:.2g}, {one['n_snps']:,} variants")
    rows = read_table(study, "comparison")
    for _, row in rows[(rows["view"] == "all") & (rows["test"] == "jackknife")].iterrows():
        print(
            f"  {row['measure']}: difference {row['difference']:.3g} ({row['low']:.3g} to {row['high']:.3g}), "
            f"{row['n_tracks']} tracks, {row['n_dropped']} dropped"
        )


if __name__ == "__main__":
    main()

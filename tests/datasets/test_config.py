from __future__ import annotations

import json
from pathlib import Path

from ambergen.datasets.config import DataConfig, GenomeSource, TableSource, TrackSource


def test_data_config__is_json_with_or_without_paths() -> None:
    track = TrackSource("CTCF", peaks=Path("ctcf.bed"))
    config = DataConfig(GenomeSource(Path("hg38.fa"), (track,)))
    assert json.loads(json.dumps(config.to_dict()))["source"]["tracks"][0]["peaks"] == "ctcf.bed"
    without = config.to_dict(paths=False)
    assert without["source"]["genome"] == without["source"]["tracks"][0]["peaks"] == "given"
    assert without["source"]["aliases"] is None


def test_data_config__says_what_kind_of_source_it_has() -> None:
    assert DataConfig(TableSource(Path("a.csv"))).to_dict()["source"]["kind"] == "table"
    assert DataConfig(GenomeSource(Path("a.fa"), ())).to_dict()["source"]["kind"] == "genome"


def test_data_config__the_defaults_are_those_of_deepsea() -> None:
    windows = DataConfig(TableSource(Path("a.csv"))).windows
    assert (windows.length, windows.bin, windows.step, windows.label) == (1000, 200, 200, "half")

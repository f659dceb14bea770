from __future__ import annotations

import json

import ambergen
from ambergen.provenance import processor, provenance


def test_provenance__has_all_that_is_needed_to_repeat() -> None:
    record = provenance(7, "cpu", "bfloat16", 2, store="abc", config={"out": "runs/yeast"})
    assert json.loads(json.dumps(record)) == record
    assert list(record)[:5] == ["seed", "versions", "device", "dtype", "threads"]
    assert record["versions"]["ambergen"] == ambergen.__version__
    assert {"python", "torch", "numpy"} <= record["versions"].keys()
    assert record["store"] == "abc"


def test_processor__has_a_name() -> None:
    assert processor()

"""`ambergen build`: the store of a run."""

from __future__ import annotations

import json

from ambergen.cli.arguments import AsJson, Overrides, RunFile


def build(run_file: RunFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Turn the genome and tracks, or the table, into the store that all later stages read.

    A store with the same inputs is recognised and kept. Windows that overlap or
    equal one of another split are told, and refused, dropped or allowed as
    data.on_leak says.

    Examples:

      ambergen build study/run.yaml
      ambergen build study/run.yaml --set data.windows.unlabelled=all
    """
    from ambergen.cli.chain import do
    from ambergen.cli.tables import table
    from ambergen.datasets.splits import SPLIT_NAMES
    from ambergen.datasets.store import Store

    run = do(run_file, overrides, ("build",))
    store = Store.open(run.out / "store")
    windows = {split: len(store.indices(split)) for split in SPLIT_NAMES}
    positives = {split: store.positives(split) for split in SPLIT_NAMES}
    tracks = {name: {split: int(positives[split][t]) for split in SPLIT_NAMES} for t, name in enumerate(store.tracks)}
    if as_json:
        print(json.dumps({"store": str(store.path), "windows": windows, "positives": tracks}, indent=2))
        return
    rows = [(name, *(f"{counts[split]:,}" for split in SPLIT_NAMES)) for name, counts in tracks.items()]
    print(f"{store.path}: windows of {store.length}, positives by track and split\n")
    print(table(("track", *SPLIT_NAMES), [*rows, ("all windows", *(f"{n:,}" for n in windows.values()))]))

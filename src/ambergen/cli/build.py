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
    layout = store.count_layout
    means = {} if layout is None else store.manifest["reads"]["mean_reads"]
    reads = {} if layout is None else {n: {s: means[s][c] for s in SPLIT_NAMES} for c, n in enumerate(layout.columns)}
    if as_json:
        record = {"store": str(store.path), "windows": windows, "positives": tracks}
        print(json.dumps(record | ({"mean_reads": reads} if reads else {}), indent=2))
        return
    rows = [(name, *(f"{counts[split]:,}" for split in SPLIT_NAMES)) for name, counts in tracks.items()]
    print(f"{store.path}: windows of {store.length}, positives by track and split\n")
    print(table(("track", *SPLIT_NAMES), [*rows, ("all windows", *(f"{n:,}" for n in windows.values()))]))
    if layout is not None:
        rows = [(name, *(f"{mean[split]:,.1f}" for split in SPLIT_NAMES)) for name, mean in reads.items()]
        print(f"\nreads in the middle {layout.width} bases of a window, means\n")
        print(table(("counts", *SPLIT_NAMES), rows))

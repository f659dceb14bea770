"""`ambergen train`: final training of a run's winners."""

from __future__ import annotations

import json
from typing import Any

from ambergen.cli.arguments import AsJson, Overrides, RunFile


def train(run_file: RunFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Train the best finalists from scratch with several seeds; what comes before is done first where it is missing.

    The finalist with the best mean AUROC on the selection split is the winner for good
    (search.contenders of them are trained).

    Each model goes to models/<architecture>/seed<k> in the run's folder. Training
    stops early by the selection split, and an interrupted one continues exactly.

    Examples:

      ambergen train study/run.yaml
      ambergen train study/run.yaml --set train.seeds=5 --set train.epochs=100
    """
    from ambergen.cli.chain import do
    from ambergen.cli.tables import score, table
    from ambergen.report.evidence import read_evidence

    run = do(run_file, overrides, ("train",))
    evidence = read_evidence(run.out)
    winners = {log.finished.get("winner") for log in evidence.searches}
    records: list[dict[str, Any]] = []
    for (name, seed), history in evidence.histories.items():
        if name in winners:
            best = max(history, key=lambda e: e.get("auroc") or 0.0)
            records.append(
                {
                    "model": str(run.out / "models" / name / seed),
                    "epochs": len(history),
                    "best_epoch": best.get("epoch"),
                    "selection_auroc": best.get("auroc"),
                }
            )
    if as_json:
        print(json.dumps(records, indent=2))
        return
    rows = [(r["model"], r["epochs"], r["best_epoch"], score(r["selection_auroc"])) for r in records]
    print(table(("model", "epochs", "best epoch", "AUROC, selection split"), rows))

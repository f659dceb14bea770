"""What the commands under `ambergen asb` write into a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ambergen.validation.asb.calls import Calls
    from ambergen.validation.asb.evaluation import Evaluation


def write_evaluation(out: Path, calls: Calls, evaluation: Evaluation, cards: list[str], notes: list[str]) -> None:
    """The page, the tables and ``asb.json``; where the page refuses a variant, nothing is written."""
    import shlex

    from ambergen import __version__
    from ambergen.atomic import write_json, write_text
    from ambergen.report.asb_page import write_asb_page
    from ambergen.validation.asb.records import record

    out.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["ambergen", *sys.argv[1:]])
    made = f"{command}\nambergen {__version__}"
    write_asb_page(out / "asb.html", out.resolve().name, calls, evaluation, cards, "\n".join([made, *notes]))
    for name, rows in (
        ("sites", evaluation.sites),
        ("figures", evaluation.figures),
        ("tracks", evaluation.tracks),
        ("pairs", evaluation.pairs),
        ("coverage", evaluation.coverage),
        ("margins", evaluation.margins),
    ):
        if len(rows):
            write_text(out / f"{name}.tsv", rows.to_csv(sep="\t", index=False, float_format="%.7g", na_rep="nan"))
        else:
            (out / f"{name}.tsv").unlink(missing_ok=True)  # of an earlier run
    write_json(out / "asb.json", {**record(calls, evaluation), "command": command, "version": __version__})

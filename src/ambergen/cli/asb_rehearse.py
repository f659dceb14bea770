"""`ambergen asb rehearse`: scorers on simulated allelic counts whose truth is known."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambergen.cli.arguments import AsJson, Overrides, check_folder
from ambergen.cli.asb_files import write_evaluation
from ambergen.cli.tables import score, table

if TYPE_CHECKING:
    from ambergen.datasets.store import Store
    from ambergen.progress import Progress
    from ambergen.validation.asb.rehearsal import Contestant, Rehearsal

RUN_FILES = (".yaml", ".yml")
FOLDER = "rehearsal"


def rehearse(
    scorers: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN.yaml|SCORER...",
            help="A run file, whose compared models are the scorers (what is missing is trained first); or folders of "
            "trained models, NAME=PATH to name one. A folder above seed0, seed1, … is one scorer, the mean of them.",
        ),
    ],
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The store of the windows (default: that of the run).")
    ] = None,
    truth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]MODEL",
            help="A trained model whose effects are the truth; several times. Without it two are trained on the split: "
            "a regression on 6-mers and a small network with the layers of Basset.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="Whose windows the variants lie in.")] = "test",
    track: Annotated[str | None, typer.Option(metavar="NAME", help="The track, where the store has several.")] = None,
    variants: Annotated[int, typer.Option(min=1, help="Random single-base variants of bound windows.")] = 5000,
    spread: Annotated[
        float, typer.Option(help="Standard deviation of the true log odds of an alternate read (natural logarithm).")
    ] = 1.0,
    depth: Annotated[
        list[float] | None, typer.Option(help="Mean reads at a site (default 60). Several times: a table for each.")
    ] = None,
    p0: Annotated[float, typer.Option(help="Share of reference reads where nothing is allele-specific.")] = 0.5,
    rho: Annotated[float, typer.Option(help="Overdispersion; 0: binomial.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Of the variants, the counts and the truths that are trained.")] = 0,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the page and the tables (default: in the run's)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which scorer knows the preferred allele, where it is known which one is preferred.

    Random variants are put into held-out bound windows. A truth, which is a model
    that is not compared, says what each does to binding; allelic reads are drawn
    accordingly, and all scorers are measured on them as `ambergen asb` measures
    them on real reads. A truth favours scorers of its own kind, so there are at
    least two, and every table is given under each of them.

    Examples:

      ambergen asb rehearse examples/human_tf_pu1.yaml
      ambergen asb rehearse runs/x/models/3f2a9c01b7 gkm=runs/x/rivals/gkm --store runs/x/store -o rehearsal/
      ambergen asb rehearse a/ b/ --store runs/x/store --truth t1/ --truth t2/ --depth 30 --depth 120 -o rehearsal/
    """
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.datasets.store import Store
    from ambergen.errors import InputError
    from ambergen.validation.asb.rehearsal import RehearsalConfig, track_of
    from ambergen.validation.asb.rehearsal import rehearse as measure
    from ambergen.validation.asb.truths import train_truths

    progress = progress_for_terminal()
    check_folder(out)
    config = RehearsalConfig(variants, spread, tuple(depth or (60.0,)), p0, rho)
    named = [_named(text) for text in truth or []]
    truths, of_truths = _loaded(named)  # before a run file is carried out, which can take long
    folders, place, base = _given(scorers, store, overrides, track)
    if out is None and base is None:
        raise InputError(f"rehearse: the results of {len(folders)} scorers need a folder. Name it with --out DIR.")
    target = out or (base or Path()) / FOLDER
    windows = Store.open(place)
    track = track_of(windows, track)
    _refuse_twins([name for name, _ in (*folders, *named)])
    contestants, checksums = _loaded(folders)
    if named:
        for at, checksum in enumerate(of_truths):
            if checksum in checksums:
                raise InputError(
                    f"--truth {named[at][1]}: this model is the scorer {folders[checksums.index(checksum)][0]}, too; "
                    "expected a truth that is not compared. Leave it out of one of the two."
                )
    else:
        truths = train_truths(windows, split, seed, target / "truths", progress=progress)
    found = measure(contestants, truths, windows, track, split, config, seed)
    notes = _notes(folders, windows, split)
    for note in notes:
        progress.say(note)
    result = _write(target, found, notes, progress)
    print(json.dumps(result, indent=2, ensure_ascii=False) if as_json else _text(result))


Named = list[tuple[str, Path]]


def _given(
    scorers: list[str], store: Path | None, overrides: Sequence[str] | None, track: str | None
) -> tuple[Named, Path, Path | None]:
    """Scorers and their folders, the store, and the run's folder where a run file is given."""
    from ambergen.datasets.store import Store
    from ambergen.errors import InputError
    from ambergen.validation.asb.rehearsal import track_of

    if len(scorers) == 1 and scorers[0].endswith(RUN_FILES):
        from ambergen.cli.chain import do
        from ambergen.report.evidence import compared_folders

        out = do(Path(scorers[0]), overrides, ("build",)).out
        track_of(Store.open(store or out / "store"), track)  # before anything is trained for it
        do(Path(scorers[0]), overrides, ("compare", "report"))
        return compared_folders(out), store or out / "store", out
    if overrides:
        raise InputError("rehearse: --set changes a run file, and folders of models are given. Leave it out.")
    if store is None:
        raise InputError(
            "rehearse: the windows that variants are put into are not known; expected the store of a run. Name it with "
            "--store RUN/store, or give the run file."
        )
    return [_named(text) for text in scorers], store, None


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if equals and name and not Path(text).exists():
        return name, Path(path)
    return Path(text).resolve().name, Path(text)


def _refuse_twins(names: list[str]) -> None:
    from ambergen.errors import InputError

    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"rehearse: two models are called {twice[0]!r}; expected different names. Use NAME=PATH.")


def _loaded(folders: Named) -> tuple[list[Contestant], list[str]]:
    from ambergen.effects.models import load_ensemble
    from ambergen.training.precision import default_device
    from ambergen.validation.asb.truths import contestant

    found = [(name, folder, load_ensemble(folder, default_device())) for name, folder in folders]
    return [contestant(name, one.models, folder) for name, folder, one in found], [one.checksum for *_, one in found]


def _notes(folders: Named, store: Store, split: str) -> list[str]:
    """Scorers that may have seen the windows that variants are put into."""
    from ambergen.training.saving import read_description

    notes = []
    for name, folder in folders:
        first = folder if (folder / "model.json").is_file() else min(folder.glob("seed*/model.json")).parent
        origin = read_description(first)["provenance"]
        if origin.get("store") != store.checksum:
            notes.append(f"{name} was not trained on this store; whether it saw the windows of {split} is not known.")
        elif split in origin.get("learned", ("train", "search")):
            notes.append(f"{name} was trained on the windows of {split}, so its figures are not of held-out ones.")
    return notes


def _write(out: Path, found: Rehearsal, notes: list[str], progress: Progress) -> dict[str, Any]:
    import shlex
    import sys

    from ambergen import __version__
    from ambergen.atomic import write_json, write_text
    from ambergen.report.rehearsal_page import rehearsal_record, write_rehearsal_page

    out.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["ambergen", *sys.argv[1:]])
    pages = {}
    for one in found.settings:
        name = re.sub(r"[^A-Za-z0-9]+", "-", f"{one.truth}-{one.depth:g}").strip("-")
        write_evaluation(out / name, one.calls, one.evaluation, [], [])
        pages[one.truth, one.depth] = f"{name}/asb.html"
    for name, rows in (("figures", found.figures), ("windows", found.windows)):
        write_text(out / f"{name}.tsv", rows.to_csv(sep="\t", index=False, float_format="%.7g", na_rep="nan"))
    result = {**rehearsal_record(found), "notes": notes}
    write_json(out / "rehearsal.json", {**result, "command": command, "version": __version__})
    write_rehearsal_page(out / "rehearsal.html", found, pages, "\n".join([command, f"ambergen {__version__}", *notes]))
    progress.say(f"Wrote {out / 'rehearsal.html'}")
    return result


def _text(result: dict[str, Any]) -> str:
    parts = [
        f"Bound against unbound windows of the split {result['split']} ({result['n_windows']:,}), {result['track']}\n"
        + table(
            ("model", "is", "kind", "AUROC", "95% interval"),
            [
                (row["name"], row["role"], row["kind"], score(row["auroc"]), _interval(row["low"], row["high"]))
                for row in result["windows"]
            ],
            left=(0, 1, 2),
        )
    ]
    settings = list(dict.fromkeys((row["truth"], row["depth"]) for row in result["figures"]))
    for truth, depth in settings:
        rows = [row for row in result["figures"] if (row["truth"], row["depth"]) == (truth, depth)]
        lines = [
            (
                row["scorer"] + (" *" if row["same_kind"] else ""),
                f"{row['n_gain']}+{row['n_loss']}",
                score(row["direction_auroc"]),
                _interval(row["direction_low"], row["direction_high"]),
                score(row["accuracy"]),
                score(row["accuracy_ties_half"]),
                score(row["true_spearman"]),
            )
            for row in rows
        ]
        header = ("scorer", "gain+loss", "AUROC", "95% interval", "right sign", "ties 1/2", "Spearman, truth")
        parts.append(f"Truth: {truth}, {depth:g} reads a site\n" + table(header, lines))
    if any(row["same_kind"] for row in result["figures"]):
        parts.append("* of the kind of the truth, which favours it")
    parts.append("\n".join(result["sentences"]))
    return "\n\n".join(parts)


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:.3f}-{high:.3f}"

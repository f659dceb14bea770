"""The report: one HTML page that explains a run directory to the person whose data it is.

The page needs nothing outside itself. It shows what the run directory holds, in this order, and says what is missing:
judgement, models, best of n sampled, tracks, curves, search, winner, training, cost, provenance.

What it reads
-------------
``run.yaml``           the resolved run file, shown as it is
``provenance.json``    any nesting of named values; ``seed``, ``versions``, ``device``, ``dtype``, ``store`` come first
``events.jsonl``       the event log of the searches (a torn last line is passed over)
``models/*/seed*/history.jsonl``   one object an epoch: ``epoch``, ``loss``, ``auroc`` (selection split)
``audit.json``         the ranking audit, and ``audit.parquet``, one row an architecture; see `ambergen.runs.audit`
``compare.parquet``    one row a model, seed and track
``compare.json``       the summary of the comparison, below

Keys of ``compare.json``
------------------------
Every number is of the split that ``split`` names. Scores are in [0, 1]; nan and infinity are written as null. All keys
but ``models`` may be absent; the report then leaves that part out and says so.

``format``      1
``split``       "test"
``n_windows``   windows in that split
``metric``      "auroc" or "average_precision": the one that sentences and best-of-n speak of
``minimum``     10: positives and negatives that a track needs to enter a mean
``tracks``      {"n": all tracks, "used": tracks in the means,
                "undefined": [{"track", "positives", "negatives", "reason"}, ...]}
``interval``    {"level": 0.95, "method": one phrase, such as "bootstrap over tracks and test windows"}
``models``      one object a row of the table:
                {"model": name to show,
                 "group": "searched" | "sampled" | "matched" | "expert" | "kmer" | "rival" | "ensemble",
                 "architecture": its folder under models/ (an ensemble: that of its members),
                 "search": 0..R-1 or null, "seeds": [0, 1, ...],
                 "auroc": {"mean", "low", "high", "seed_sd"}, "average_precision": the same four,
                 "parameters", "multiply_adds": counts or null,
                 "device_seconds": training of one seed, mean over seeds, "windows": likewise,
                 "note": text or null}
                ``mean`` is the mean over tracks, then over seeds; ``seed_sd`` is null with one seed.
``groups``      one object a group of several architectures (searched, sampled, matched: sampled ones with
                about as many parameters as the winners):
                {"group", "n_architectures", "auroc": {"mean", "low", "high", "sd"}, "average_precision": likewise}
                ``sd`` is over architectures; null with one.
``tests``       one object a test, the first one primary:
                {"a": "searched", "b": "sampled" or a model's name, "metric", "n_a", "n_b", "difference", "low", "high",
                 "cliffs_delta", "p": number or null, "p_adjusted": number or null, "method": name of the test,
                 "reason": why there is no p, or null}
                ``difference`` is a minus b.
``spread``      {"seeds_sd", "architectures_sd", "difference", "architectures_needed": per arm, or null}
``best_of_n``   {"metric", "n": [1, 2, ...], "expected": [...], "sd": [...] or null,
                 "chosen_by_selection": as expected, the best picked by its selection score, or null,
                 "cost": [device seconds for n],
                 "searched": mean of the searched models, "search_cost": device seconds of one search with the
                 training of its model, "falls_short": true where the last cost is below search_cost}
``sentences``   the judgement in plain words, most important first
``notes``       rules that a reader must know: how experts were scaled, what the k-mer regression saw
``curves``      {"model": name, "seed": number, "tracks": {track: {"fpr", "tpr", "recall", "precision"}}}
                four lists of equal length two by two; 200 points a track are plenty
"""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ambergen.atomic import write_text
from ambergen.errors import SpaceError
from ambergen.metrics.objectives import scale
from ambergen.report.canvas import COLOURS
from ambergen.report.drawing import (
    draw_architecture,
    layer_choices,
    operation_colour,
    operation_label,
    operation_names,
)
from ambergen.report.evidence import Evidence, Record, SearchLog, last_ratings, read_evidence
from ambergen.report.figures import (
    MOST_NAMED_MODELS,
    MOST_NAMED_TRACKS,
    best_of_n_figure,
    cost_figure,
    curves_figure,
    models_figure,
    tracks_figure,
    training_figure,
)
from ambergen.report.fronts import fronts
from ambergen.report.search_figures import (
    audit_figure,
    front_figure,
    has_policy,
    heat_map_figure,
    operations_figure,
    policy_figure,
    rewards_figure,
)
from ambergen.report.sentences import (
    METRICS,
    count_text,
    duration_text,
    interval_text,
    judgement,
    known,
    names_text,
    power_text,
    score_text,
    search_sentences,
    split_sentence,
    track_hints,
    training_hints,
)
from ambergen.report.tables import (
    AUDITED,
    TrackTable,
    audit_rows,
    auroc_interval,
    cost_stages,
    flat,
    hint_table,
    model_rows,
    ordered_models,
    track_table,
)
from ambergen.spaces.reading import space_from_dict
from ambergen.spaces.space import Space

CONTENTS = (
    ("judgement", "Judgement"),
    ("models", "All models"),
    ("best-of-n", "Search or random?"),
    ("tracks", "Track by track"),
    ("curves", "Curves"),
    ("search", "The search"),
    ("winner", "The network"),
    ("training", "Final training"),
    ("cost", "Cost"),
    ("provenance", "Provenance"),
)


def write_report(run_dir: Path) -> Path:
    """Write ``report.html`` into a run directory, whatever stage the run has reached.

    Returns
    -------
    Path
        The page. It is replaced at once or not at all.

    Raises
    ------
    InputError
        If there is no such directory.
    StoreError
        If one of its files is damaged.
    """
    page = render(read_evidence(run_dir))
    path = run_dir / "report.html"
    write_text(path, page)
    return path


def render(evidence: Evidence) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(**_context(evidence))


def _context(evidence: Evidence) -> dict[str, Any]:
    summary = evidence.summary
    minimum = int(summary.get("minimum") or 10)
    table = None if evidence.scores is None or evidence.scores.empty else track_table(evidence.scores, minimum)
    split = summary.get("split", "test")
    return {
        "name": evidence.path.resolve().name,
        "subtitle": _subtitle(evidence),
        "contents": _contents(evidence),
        "names": names_text,
        "colours": COLOURS,
        "judgement": judgement(evidence),
        "tiles": _tiles(evidence),
        "hints": track_hints(hint_table(table), minimum) if table else [],
        "split_sentence": split_sentence(summary),
        "split_note": f"From the {split} split.",
        **_models(summary),
        **_best_of_n(summary),
        "tracks": _tracks(table) if table else None,
        "undefined": _undefined(summary),
        "curves": _curves(summary),
        "searches": _searches(evidence.searches),
        "audit": _audit(evidence),
        "winners": _winners(evidence),
        "training": _training(evidence),
        "cost": _cost(evidence),
        "splits": _splits(evidence),
        # the configuration is shown as the run file
        "provenance": flat({key: value for key, value in evidence.provenance.items() if key != "config"}),
        "command": _command(evidence),
        "run_file": evidence.run_file,
    }


def _contents(evidence: Evidence) -> list[tuple[str, str]]:
    """The sections; that of the audit only where there is one."""
    return [
        pair
        for section in CONTENTS
        for pair in ([section, ("audit", "Ranking audit")] if section[0] == "search" and evidence.audit else [section])
    ]


# ---- the top


def _subtitle(evidence: Evidence) -> str:
    started = next((log.started for log in evidence.searches if log.started), {})
    words = ["Report of an architecture search"]
    if started.get("n_tracks"):
        tracks = "1 track" if started["n_tracks"] == 1 else f"{started['n_tracks']:,} tracks"
        words.append(f"{tracks}, windows of {started['length']:,} bases")
    version = (evidence.provenance.get("versions") or {}).get("ambergen")
    if version:
        words.append(f"ambergen {version}")
    return " · ".join(words)


def _tiles(evidence: Evidence) -> list[dict[str, str]]:
    """The four numbers that a reader looks for first."""
    tiles = []
    models = ordered_models(evidence.summary)
    groups = {g["group"]: g for g in evidence.summary.get("groups", [])}

    def add(group: str, mean: float, text: str) -> None:
        tiles.append({"value": score_text(mean), "text": text, "colour": COLOURS.get(group, "#8b949e")})

    for group, words in (("searched", "searched model"), ("sampled", "sampled network")):
        means = [m["auroc"]["mean"] for m in models if m.get("group") == group and known(m["auroc"].get("mean"))]
        if means:
            mean = groups.get(group, {}).get("auroc", {}).get("mean", sum(means) / len(means))
            several = f"mean of {len(means)} {words}s" if len(means) > 1 else f"the {words}"
            add(group, mean, f"mean AUROC, {several}")
    rivals = [m for m in models if m.get("group") in ("expert", "kmer", "rival") and known(m["auroc"].get("mean"))]
    if rivals:
        best = max(rivals, key=lambda m: m["auroc"]["mean"])
        add(best["group"], best["auroc"]["mean"], f"mean AUROC, best other kind: {best['model']}")
    stages = cost_stages(evidence)
    if stages:
        text = "device time for search, training and all rivals" if models else "device time so far"
        tiles.append({"value": duration_text(sum(s for _, s in stages)), "text": text, "colour": "#8b949e"})
    return tiles


# ---- the comparison


def _models(summary: Record) -> dict[str, Any]:
    if not summary.get("models"):
        return {"models": None}
    by_name = [f"{m['model']}: {m['note']}" for m in ordered_models(summary) if m.get("note")]
    drawn = [m for m in METRICS if any(known((model.get(m) or {}).get("mean")) for model in summary["models"])]
    rows = model_rows(summary)
    sampled = [row for row in rows if row.group == "sampled" and not row.is_mean]
    more = sampled if len(sampled) > MOST_NAMED_MODELS else []
    return {
        "models": [row for row in rows if row not in more],
        "more_models": more,
        "model_notes": [*map(str, summary.get("notes") or []), *(["; ".join(by_name) + "."] if by_name else [])],
        "models_auroc": Markup(models_figure(summary, "auroc")) if "auroc" in drawn else None,
        "models_precision": Markup(models_figure(summary, "average_precision"))
        if "average_precision" in drawn
        else None,
        "tests": [_test(t) for t in summary.get("tests") or []],
        "spread": _spread(summary.get("spread") or {}),
    }


def _test(test: Record) -> dict[str, str]:
    p, adjusted = test.get("p"), test.get("p_adjusted")
    shown = "none" if not known(p) else _p_text(p)  # type: ignore[arg-type]
    delta = test.get("cliffs_delta")
    return {
        "compared": f"{test['a']} – {test['b']}",
        "metric": METRICS.get(test.get("metric", "auroc"), str(test.get("metric"))),
        "difference": "–" if not known(test.get("difference")) else f"{test['difference']:+.3f}".replace("-", "−"),
        "interval": _signed_interval(test.get("low"), test.get("high")),
        "architectures": f"{test.get('n_a', '?')} and {test.get('n_b', '?')}",
        "delta": "–" if not known(delta) else f"{delta:+.2f}".replace("-", "−"),
        "p": shown if not known(adjusted) else f"{shown} (corrected {_p_text(adjusted)})",  # type: ignore[arg-type]
        "method": str(test.get("reason") or test.get("method") or ""),
    }


def _p_text(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"


def _signed_interval(low: float | None, high: float | None) -> str:
    if not known(low) or not known(high):
        return ""
    return f"{low:+.3f} to {high:+.3f}".replace("-", "−")


def _spread(spread: Record) -> str:
    seeds, architectures = spread.get("seeds_sd"), spread.get("architectures_sd")
    sentences = []
    if known(seeds) and known(architectures):
        sentences.append(
            f"Training the same network with another seed moves its mean by {seeds:.3f} (s.d.); another sampled "
            f"network by {architectures:.3f}."
        )
    if known(spread.get("architectures_needed")) and known(spread.get("difference")):
        sentences.append(
            f"To tell a difference of {abs(spread['difference']):.3f} from chance would take about "
            f"{spread['architectures_needed']:,.0f} architectures on either side."
        )
    return " ".join(sentences)


def _best_of_n(summary: Record) -> dict[str, Any]:
    record = summary.get("best_of_n") or {}
    if not record.get("n") or not all(map(known, record["expected"])):
        return {"best_of_n": None}
    caption = f"Grey: expected best of n of the {record['n'][-1]} sampled networks"
    caption += " (band: one standard deviation)." if record.get("sd") else "."
    if known(record.get("search_cost")):
        caption += " The dotted line is what one search and the training of its model cost."
    if record.get("falls_short"):
        share = record["cost"][-1] / record["search_cost"]
        caption += (
            f" The curve ends at {share:.0%} of that cost, where the shade begins: what more sampled networks would "
            "have given is not known."
        )
    return {"best_of_n": Markup(best_of_n_figure(record)), "best_of_n_caption": caption}


def _undefined(summary: Record) -> str:
    tracks = (summary.get("tracks") or {}).get("undefined") or []
    reasons = len(tracks) <= 3
    texts = [f"{t['track']} ({t['reason']})" if reasons and t.get("reason") else str(t["track"]) for t in tracks]
    return names_text(texts, 20) + "." if texts else ""


def _tracks(table: TrackTable) -> dict[str, Any]:
    own = table.own
    assert own is not None
    named = len(table.counts) <= MOST_NAMED_TRACKS
    caption = (
        "AUROC on every track, the best of the searched model on top. Its line is the 95% interval that the number of "
        "positive and negative windows allows (Hanley and McNeil)"
        if named
        else "Left: AUROC of every model, tracks sorted by score for each line. Right: difference on every track"
    )
    if named and len(table.low):
        caption += "; the grey bar goes from the worst to the best of the sampled networks"
    columns = [c for c, group in table.groups.items() if c != own and group != "ensemble"]
    low, high = auroc_interval(
        table.auroc[own].to_numpy(), table.counts["positives"].to_numpy(), table.counts["negatives"].to_numpy()
    )
    rows = []
    for k, (track, counts) in enumerate(table.counts.iterrows()):
        p, n, used = int(counts["positives"]), int(counts["negatives"]), bool(counts["used"])
        auroc = table.auroc.iloc[k]
        rows.append(
            [
                str(track),
                f"{p:,}",
                f"{p / max(p + n, 1):.2%}",
                score_text(float(auroc[own])) if used else "left out",
                interval_text(low[k], high[k]) if used else "",
                *(score_text(float(auroc[c])) if used else "" for c in columns),
                score_text(float(table.average_precision.iloc[k][own])) if used else "",
            ]
        )
    return {
        "svg": Markup(tracks_figure(table)) if table.counts["used"].any() else Markup(""),
        "caption": caption + ".",
        "headings": ["track", "positives", "share positive", own, "95% interval", *columns, "average precision"],
        "own": own,
        "rows": rows,
    }


def _curves(summary: Record) -> dict[str, Any] | None:
    curves = summary.get("curves") or {}
    if not curves.get("tracks"):
        return None
    n = len(curves["tracks"])
    seed = "" if curves.get("seed") is None else f", seed {curves['seed']}"
    lines = "A thin line is a track" if n > 1 else "The curve is that of the one track"
    return {
        "svg": Markup(curves_figure(curves)),
        "caption": f"{curves.get('model', 'searched')}{seed}. {lines}. A ROC curve is good in the upper left corner, a "
        "precision–recall curve in the upper right one.",
    }


# ---- the search


def _searches(searches: tuple[SearchLog, ...]) -> dict[str, Any] | None:
    if not searches:
        return None
    started = searches[0].started
    space = started.get("space") or {}
    operations, choices = operation_names(space), layer_choices(space)
    several = len(searches) > 1
    sentences = [" ".join(search_sentences(log)) for log in searches]
    policy = has_policy(searches)
    shared = any(t.get("evaluator") == "shared" for log in searches for t in log.trials)
    if policy and not operations:
        operations = [f"operation {k}" for k in range(len(_first_probability(searches)[0]))]
    scored = any(known(t.get("score")) for log in searches for t in log.trials)
    splits = sorted({str(t.get("split", "search")) for log in searches for t in log.trials}) or ["search"]
    finalists = [
        f | {"number": log.number, "winner": log.finished.get("winner"), "full": log.contest.get(str(f.get("id")))}
        for log in searches
        for f in log.finalists
    ]
    return {
        "several": several,
        "about": _about_search(searches),
        "sentences": [
            f"Search {log.number + 1}: {s}" if several else s for log, s in zip(searches, sentences, strict=True)
        ],
        "rewards": Markup(rewards_figure(searches)) if scored else None,
        "reward_note": f"From the {names_text(splits)} split, which neither trains nor compares models."
        + (" Part of a rise is due to the shared weights, which are trained meanwhile." if shared else ""),
        "fronts": _fronts(searches),
        "rated": "with shared weights" if shared else "in the search",
        "rated_note": "The best distinct candidates, scored again." if shared else "The best candidates.",
        "habit": "controller" if started.get("method") in ("enas", "nas") else "population",
        "operations": Markup(operations_figure(searches, operations, choices)) if policy else None,
        "heat_map": Markup(heat_map_figure(searches, operations, choices)) if policy else None,
        "policy": Markup(policy_figure(searches)) if policy else None,
        "legend": [_key(o, operations) for o in operations],
        "even": f" of {1 / len(operations):.2f}" if operations and not choices else "",
        "highest_entropy": _highest_entropy(space),
        "band": f"; lines are means over {len(searches)} searches, bands their standard deviation" if several else "",
        "no_policy": "This search has no probabilities of operations to show."
        if any(log.trials for log in searches)
        else "The search has not finished its first step.",
        "contest": any(len(log.contest) > 1 for log in searches),
        "finalist_split": names_text(sorted({str(f.get("split", "selection")) for f in finalists})),
        "trial_split": names_text(splits),
        "finalists": [
            {
                "search": f["number"] + 1,
                "id": str(f.get("id", "")),
                "winner": f.get("id") == f["winner"],
                "shared": score_text(f.get("shared_score")),
                "alone": score_text(f.get("stand_alone_score")),
                "full": score_text(f["full"]),
                "operations": [_key(o, operations) for o in (f.get("architecture") or {}).get("operations", [])],
            }
            for f in finalists
        ],
    }


def _fronts(searches: tuple[SearchLog, ...]) -> list[dict[str, Any]]:
    """Size and score of all candidates, where there is a front."""
    figures = []
    for log in searches:
        words = f"Search {log.number + 1}: " if len(searches) > 1 else ""
        words += "Reward of the candidates"
        words += " on the highest rung" if any(t.get("rung") for t in last_ratings(log)) else ""
        words += " against their size, from the search split. A network left of and above another is better in both."
        for front in fronts(log):
            told = front.told()
            area = f" The front covers a {told}; more is better." if told else ""
            figures.append({"svg": Markup(front_figure(log, front.size)), "caption": words + area})
    return figures


def _audit(evidence: Evidence) -> dict[str, Any] | None:
    record = evidence.audit
    if not record:
        return None
    rows = audit_rows(record)
    score = "shared_weights" if record.get("shared") else str(record["agreements"][0]["score"])
    objective = scale(str(record.get("objective"))).label
    whole = None
    if evidence.audited is not None and score in evidence.audited:
        whole = evidence.audited.dropna(subset=["stand_alone", score])
    shared = record.get("shared") or {}
    labels = (
        f"{objective} with shared weights, search split" if shared else AUDITED.get(score, score),
        f"{objective}, trained alone, {record['split']} split",
    )
    return {
        "n": record["n"],
        "seeds": record.get("seeds", 1),
        "k": record["agreements"][0]["k"],
        "epochs": record["epochs"],
        "split": record["split"],
        "search": record["search"] + 1 if len(evidence.searches) > 1 else None,
        "sentences": record["sentences"],
        "rows": rows,
        "level": f"{record['level']:.0%}",
        "svg": Markup(audit_figure(whole, score, labels)) if whole is not None and len(whole) else None,
        "caption": _audit_caption(labels, bool(shared)),
    }


def _audit_caption(labels: tuple[str, str], shared: bool) -> str:
    words = "One mark a network. "
    if shared:
        words += "The nearer the marks to a rising line, the better the search ranks; where the colour, the number of "
        words += "parameters, runs along that line, size explains the order. "
    else:
        words += "This search has no shared weights to be set against the truth. "
    return f"{words}Across: {labels[0]}. Upwards: {labels[1]}."


def _key(name: str, operations: list[str]) -> dict[str, str]:
    return {"label": operation_label(name), "colour": operation_colour(name, operations)}


def _highest_entropy(record: Record) -> str:
    """Of a policy to which every architecture is as likely as any other."""
    try:
        space = space_from_dict(record)
    except SpaceError:
        return ""
    if not isinstance(space, Space):
        return ""
    nats = sum(math.log(len(names)) for names in space.choices) + space.n_skips * math.log(2)
    return f", at most {nats:.1f}, where every network is as likely"


def _first_probability(searches: tuple[SearchLog, ...]) -> list[list[float]]:
    return next(s["operation_probability"] for log in searches for s in log.steps if s.get("operation_probability"))


def _about_search(searches: tuple[SearchLog, ...]) -> str:
    started = searches[0].started
    words = "One search" if len(searches) == 1 else f"{len(searches)} independent searches"
    words += f" by the method “{started['method']}”" if started.get("method") else ""
    words += (
        f", with a budget of {started['budget']}" + (" each" if len(searches) > 1 else "")
        if started.get("budget")
        else ""
    )
    sentences = [words + "."]
    space = started.get("space") or {}
    if started.get("architectures"):
        size = power_text(str(started["architectures"]))
        if space.get("layers"):
            sizes = [len(names) for names in layer_choices(space) or [operation_names(space)]]
            choice = str(max(sizes)) if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
            sentences.append(
                f"The space has {space['layers']} layers with a choice of {choice} operations and {size} networks in "
                "all."
            )
        elif space.get("kind") == "hierarchical":
            sentences.append(
                f"The space is hierarchical, with {len(operation_names(space))} operations and {size} cells in all."
            )
    if started.get("supernet_parameters"):
        sentences.append(f"Candidates share {count_text(started['supernet_parameters'])} weights.")
    unfinished = [log.number + 1 for log in searches if not log.finished]
    if unfinished:
        which = "It has" if len(searches) == 1 else f"Number {names_text([str(n) for n in unfinished])} has"
        sentences.append(f"{which} not finished: the same command continues.")
    return " ".join(sentences)


def _winners(evidence: Evidence) -> list[dict[str, Any]]:
    winners = []
    for log in evidence.searches:
        architecture, space = log.finished.get("architecture"), log.started.get("space")
        if not architecture or not space:
            continue
        try:
            svg = draw_architecture(architecture, space, int(log.started["length"]), log.started.get("n_tracks"))
        except SpaceError:  # of a kind of space that this drawing does not know
            continue
        winners.append({"svg": Markup(svg), "caption": _winner_caption(log, evidence.summary, len(evidence.searches))})
    return winners


def _winner_caption(log: SearchLog, summary: Record, n_searches: int) -> str:
    architecture = log.finished["architecture"]
    n_skips = sum(map(len, architecture["skips"]))
    words = f"Network {log.finished.get('winner', '')}"
    words += f", the winner of search {log.number + 1}" if n_searches > 1 else ""
    model: Record = next(
        (m for m in ordered_models(summary) if m.get("architecture") == log.finished.get("winner")), {}
    )
    if known(model.get("parameters")):
        words += f": {count_text(model['parameters'])} parameters"
        if known(model.get("multiply_adds")):
            words += f", {count_text(model['multiply_adds'])} multiply-adds a window"
    arcs = "skip connection" if n_skips == 1 else "skip connections"
    return (
        f"{words}. The sequence enters on top. Numbers behind an operation are its width in bases, and the distance of "
        f"its taps where it is dilated. {n_skips or 'No'} {arcs}"
        + (
            ": an arc takes the output of the layer where it starts, whose colour it has, to where it ends."
            if n_skips
            else "."
        )
        + " Layers are counted from 1 here and from 0 in files."
    )


# ---- training, cost, provenance


def _training(evidence: Evidence) -> dict[str, Any] | None:
    if not any(evidence.histories.values()):
        return None
    groups: dict[str, str] = {}
    for model in ordered_models(evidence.summary):  # an ensemble bears its architecture's id, and stands after it
        groups.setdefault(str(model.get("architecture")), str(model.get("group")))
    for log in evidence.searches:
        if log.finished.get("winner"):
            groups.setdefault(log.finished["winner"], "searched")
    return {"svg": Markup(training_figure(evidence.histories, groups)), "hints": training_hints(evidence)}


def _cost(evidence: Evidence) -> dict[str, Any] | None:
    stages = cost_stages(evidence)
    if not stages:
        return None
    return {"svg": Markup(cost_figure(stages)), "total": duration_text(sum(seconds for _, seconds in stages))}


def _splits(evidence: Evidence) -> list[tuple[str, str]]:
    """Which split every kind of number is from, with its contigs where they are on record."""
    on_record = evidence.provenance.get("splits") or {}

    def name(split: str) -> str:
        record = on_record.get(split)
        if not isinstance(record, dict):
            return split
        contigs = [str(c) for c in record.get("contigs") or []]
        parts = [f"{record['windows']:,} windows"] if isinstance(record.get("windows"), int) else []
        parts += [f"contigs {names_text(contigs)}" if len(contigs) > 1 else f"contig {contigs[0]}"] if contigs else []
        return f"{split} ({'; '.join(parts)})" if parts else split

    audit = [("networks of the ranking audit, trained alone", name(evidence.audit["split"]))] if evidence.audit else []
    return [
        ("weights of all models", name("train")),
        ("rewards of candidates", name("search")),
        ("choice among finalists, epoch that is kept, settings of rivals", name("selection")),
        *audit,
        ("comparison, tracks, curves", name(evidence.summary.get("split", "test"))),
    ]


def _command(evidence: Evidence) -> str:
    command = evidence.provenance.get("command")
    if isinstance(command, list):
        return shlex.join(map(str, command))
    return str(command) if command else "ambergen run run.yaml"

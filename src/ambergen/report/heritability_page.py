"""The page of partitioned heritability: of tracks by traits, of arms against each other, or of one plain regression."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from ambergen.atomic import write_text
from ambergen.report.heritability_figures import (
    ALL_TRACKS,
    FALSE_DISCOVERY,
    MEASURES,
    MOST_COLUMNS,
    MOST_PANELS,
    MOST_ROWS,
    arm_colour,
    arm_names,
    chosen,
    difference_figure,
    forest_figure,
    number_text,
    pairs_figure,
    quantile_figure,
    quintile_figure,
    volcano_figure,
)
from ambergen.report.heritability_results import TRAITS, HeritabilityResults, study_results
from ambergen.report.sentences import known, names_text
from ambergen.validation.heritability.tables import ALL_TRAITS, COMPARISON, OK, QUINTILES, TRACKS

PAGE = "heritability.html"
TESTS = {
    "jackknife": "jackknife",
    "wilcoxon_tracks": "Wilcoxon over tracks",
    "mann_whitney_architectures": "Mann-Whitney over architectures",
    "random_effects": "random effects over traits",
}
# Finucane et al. (2015) partition the heritability of traits from here on.
CLEAR_HERITABILITY = 7.0
# Rows of a table: more are in the file, where nobody scrolls.
MOST_TABLE_ROWS = 300
MOST_FORESTS = 12


def write_heritability_page(path: Path, results: HeritabilityResults, name: str, made: str = "") -> None:
    """Write the page; it is replaced at once or not at all. For parameters see `heritability_page`."""
    write_text(path, heritability_page(results, name, made))


def write_study_page(folder: Path) -> Path:
    """Write the page of a study into its folder.

    Raises
    ------
    FileFormatError
        If the folder is none of a finished `ambergen heritability tracks`.
    """
    results, made = study_results(folder)
    path = folder / PAGE
    write_heritability_page(path, results, folder.resolve().name, made)
    return path


def heritability_page(results: HeritabilityResults, name: str, made: str = "") -> str:
    """One HTML page that needs nothing outside itself.

    Parameters
    ----------
    name : of the page
    made : how it was made, for the end of the page: command, versions, settings
    """
    tracks, traits = _complete(results.tracks, TRACKS), _complete(results.traits, TRAITS)
    quintiles, comparison = _complete(results.quintiles, QUINTILES), _complete(results.comparison, COMPARISON)
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    usable = with_result(tracks)
    template = environment.get_template("heritability.html.j2")
    return template.render(
        name=name,
        made=made,
        under=_under(tracks),
        sentences=results.sentences or sentences(tracks),
        notes=hints(tracks, traits, not results.sentences),
        traits=[_trait(row) for _, row in _trait_rows(usable, traits).iterrows()],
        forests=_forests(usable),
        more_forests=max(0, usable["trait"].nunique() - MOST_FORESTS),
        several_models=bool((usable.groupby("arm")["model"].nunique() > 1).any()),
        failures=_failures(tracks),
        volcano=_svg(volcano_figure(usable)),
        qq=_svg(quantile_figure(usable)),
        **_quintiles(usable, quintiles),
        **_comparison(usable, comparison, results.compared),
        filters=_filters(results.filters),
    )


def _complete(table: pd.DataFrame, columns: Mapping[str, type]) -> pd.DataFrame:
    """The table with all columns; numbers are nan and words empty where unknown, and what has no status is fine."""
    made: dict[str, Any] = {}
    for column, kind in columns.items():
        given = table[column] if column in table else pd.Series(np.nan, index=table.index)
        if kind is str:
            made[column] = given.astype(object).where(given.notna(), OK if column == "status" else "").astype(str)
        else:
            made[column] = pd.to_numeric(given, errors="coerce").astype(float)
    return pd.DataFrame(made, columns=list(columns)).reset_index(drop=True)


def with_result(tracks: pd.DataFrame) -> pd.DataFrame:
    """Rows that have an enrichment or a coefficient, without annotations that hold every variant.

    Those have an enrichment of 1 without an error, or next to it where files count variants differently.
    """
    has = np.isfinite(tracks["enrichment"]) | np.isfinite(tracks["coefficient"])
    everything = ((tracks["enrichment"] - 1).abs() < 1e-3) & (tracks["enrichment_se"] < 1e-3)
    return tracks[(tracks["status"] == OK) & has & ~everything]


def _svg(figure: str | None) -> Markup | None:
    return None if figure is None else Markup(figure)


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _under(tracks: pd.DataFrame) -> str:
    words = [_n(tracks["track"].nunique(), "annotation"), _n(tracks["trait"].nunique(), "trait")]
    models = tracks.groupby("arm", sort=False)["model"].nunique()
    if len(models) > 1:
        words += [f"{arm}: {_n(int(n), 'model')}" for arm, n in models.items()]
    elif len(names := [name for name in dict.fromkeys(tracks["model"]) if name]) == 1:
        words += [f"model {names[0]}"]
    elif names:
        words += [_n(len(names), "model")]
    return " · ".join(["Partitioned heritability", *words])


# ---- in words


def sentences(tracks: pd.DataFrame) -> list[str]:
    """What was found, for people who do not read tables."""
    usable = with_result(tracks)
    tested = usable[np.isfinite(usable["enrichment_p"])]
    if usable.empty:
        return ["No annotation has a result; the reasons are below."]
    told = []
    if len(tested):
        found = tested[tested["enrichment_q"] < FALSE_DISCOVERY]
        up, down = found[found["enrichment"] > 1], found[found["enrichment"] <= 1]
        told.append(_found_sentence(tested, up, down))
        if len(up):
            first = up.sort_values(["enrichment_p", "enrichment"], ascending=[True, False], kind="stable").iloc[0]
            of_model = f" ({first['model']})" if usable["model"].nunique() > 1 else ""
            told.append(
                f"The surest is {first['track']} for {first['trait']}{of_model}: enrichment "
                f"{_with_interval(first['enrichment'], first['enrichment_se'])}, "
                f"{_share(first['prop_h2'])} of the heritability."
            )
    else:
        told.append(
            "There are coefficients but no tests of enrichment, which need the annotations and the panel’s frequencies."
        )
    beside = usable[np.isfinite(usable["q"])]
    if len(beside):
        n = int((beside["q"] < FALSE_DISCOVERY).sum())
        told.append(
            f"Beside the other annotations of their models, {n:,} of {_n(len(beside), 'coefficient')} "
            f"{'differs' if len(beside) == 1 else 'differ'} from 0 at a false discovery rate of 5 %. Enrichment tells "
            "where heritability lies; a coefficient, whether the annotation says more than the others do."
        )
    return told


def _found_sentence(tested: pd.DataFrame, up: pd.DataFrame, down: pd.DataFrame) -> str:
    n_traits = tested["trait"].nunique()
    pairs = f"{_n(len(tested), 'test')} of enrichment in {_n(n_traits, 'trait')}"
    if not len(up) and not len(down):
        return f"Of {pairs}, none is found at a false discovery rate of 5 %."
    words = (
        f"Of {pairs}, {len(up):,} {'finds' if len(up) == 1 else 'find'} more heritability than the share of variants"
    )
    if len(down):
        words += f" and {len(down):,} less"
    return f"{words}, at a false discovery rate of 5 %."


def hints(tracks: pd.DataFrame, traits: pd.DataFrame, of_traits: bool = True) -> list[str]:
    """What makes results doubtful; of traits too, unless sentences have told of them."""
    found = []
    rows = _trait_rows(with_result(tracks), traits)
    weak = rows[rows["h2"] < CLEAR_HERITABILITY * rows["h2_se"]]["trait"].tolist()
    if weak and of_traits:
        found.append(
            f"Heritability is less than {CLEAR_HERITABILITY:g} standard errors above 0 for {names_text(weak)}: shares "
            "of so uncertain a whole are hardly known (Finucane et al. 2015 leave such traits out)."
        )
    usable = with_result(tracks)
    negative = int((usable["enrichment"] < 0).sum())
    if negative:
        found.append(
            f"{_n(negative, 'enrichment')} of {len(usable):,} {'is' if negative == 1 else 'are'} negative: an estimate "
            "may be, heritability may not. A logarithm does not exist there, and comparisons of it leave them out."
        )
    return found


# ---- tables


def _trait_rows(usable: pd.DataFrame, traits: pd.DataFrame) -> pd.DataFrame:
    """One row a trait; what the table of traits does not say is the median over its regressions."""
    names = list(dict.fromkeys([*traits["trait"], *usable["trait"]]))
    given = traits.drop_duplicates("trait").set_index("trait")
    columns = ["h2", "h2_se", "intercept", "intercept_se"]
    medians = usable.groupby("trait")[columns].median()
    rows = given.reindex(names)
    for column in columns:
        rows[column] = rows[column].fillna(medians[column].reindex(names))
    return rows.rename_axis("trait").reset_index()


def _trait(row: pd.Series) -> dict[str, str]:
    return {
        "name": row["trait"],
        "variants": _count(row["n_variants"]),
        "blocks": _count(row["n_blocks"]),
        "h2": number_text(row["h2"]),
        "h2_error": _error(row["h2_se"]),
        "intercept": number_text(row["intercept"]),
        "intercept_error": _error(row["intercept_se"]) if known(row["intercept_se"]) else "given",
        "chi2": number_text(row["mean_chi2"]),
        "lambda": number_text(row["lambda_gc"]),
    }


def _count(value: float) -> str:
    return f"{value:,.0f}" if known(value) else "–"


def _error(value: float) -> str:
    return f"± {number_text(value)}" if known(value) else ""


def _share(value: float) -> str:
    return f"{value:.1%}".replace("-", "−") if known(value) else "–"


def _p(value: float) -> str:
    return "–" if not known(value) else f"{value:.2g}"


def _with_interval(value: float, error: float) -> str:
    return f"{number_text(value)} ({_interval(value, error)})" if known(error) else number_text(value)


def _interval(value: float, error: float) -> str:
    if not known(value) or not known(error):
        return ""
    return f"{number_text(value - 1.96 * error)} to {number_text(value + 1.96 * error)}"


def _forests(usable: pd.DataFrame) -> list[dict[str, Any]]:
    """A figure and a table for each trait, those where most is found first."""
    arms = arm_names(usable)
    several = usable["model"].nunique() > 1
    order = (
        (usable["enrichment_q"] < FALSE_DISCOVERY).groupby(usable["trait"], sort=False).sum()
        .sort_values(ascending=False, kind="stable")
    )  # fmt: skip
    found = []
    for number, trait in enumerate(order.index):
        rows = usable[usable["trait"] == trait]
        sure = rows.sort_values("enrichment_p", kind="stable", na_position="last")
        drawn = chosen(rows, MOST_ROWS)
        n_tracks = rows["track"].nunique()
        found.append(
            {
                "trait": trait,
                "figure": Markup(forest_figure(rows)) if number < MOST_FORESTS and len(drawn) else None,
                "shown": drawn["track"].nunique(),
                "tracks": n_tracks,
                "found": int(order[trait]),
                "n": len(rows),
                "rows": [
                    {
                        "track": row["track"],
                        "model": row["model"] or row["arm"],
                        "colour": arm_colour(row["arm"], arms) if len(arms) > 1 else "",
                        "share": _share(row["prop_snps"]),
                        "heritability": _share(row["prop_h2"]),
                        "heritability_error": f"± {_share(row['prop_h2_se'])}" if known(row["prop_h2_se"]) else "",
                        "enrichment": number_text(row["enrichment"]),
                        "interval": _interval(row["enrichment"], row["enrichment_se"]),
                        "p": _p(row["enrichment_p"]),
                        "q": _p(row["enrichment_q"]),
                        "found": bool(row["enrichment_q"] < FALSE_DISCOVERY),
                        "tau_star": number_text(row["tau_star"]),
                        "tau_interval": _interval(row["tau_star"], row["tau_star_se"]),
                        "coefficient_p": _p(row["coefficient_p"]),
                        "coefficient_q": _p(row["q"]),
                    }
                    for _, row in sure.head(MOST_TABLE_ROWS).iterrows()
                ],
                "more": max(0, len(rows) - MOST_TABLE_ROWS),
                "models": several or len(arms) > 1,
            }
        )
    return found


def _failures(tracks: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Why rows have no result: reason, how many, which."""
    failed = tracks[tracks["status"] != OK]
    why = failed["reason"].where(failed["reason"] != "", failed["status"])
    return [
        (str(reason), len(part), names_text([f"{r['track']} ({r['trait']})" for _, r in part.iterrows()], 6))
        for reason, part in failed.groupby(why, sort=False)
    ]


def _quintiles(usable: pd.DataFrame, quintiles: pd.DataFrame) -> dict[str, Any]:
    """The panels of those tracks and traits with the smallest p-values."""
    rows = quintiles[np.isfinite(quintiles["enrichment"])]
    pairs = list(dict.fromkeys(zip(rows["trait"], rows["track"], strict=True)))
    if not pairs:
        return {"quintiles": None, "quintiles_shown": 0, "quintiles_all": 0}
    p = usable.groupby(["trait", "track"])["enrichment_p"].min()
    known_p = [p[pair] if pair in p.index and known(p[pair]) else np.inf for pair in pairs]
    shown = [pairs[place] for place in np.argsort(known_p, kind="stable")[:MOST_PANELS]]
    return {
        "quintiles": Markup(quintile_figure(rows, shown)),
        "quintiles_shown": len(shown),
        "quintiles_all": len(pairs),
    }


def _comparison(usable: pd.DataFrame, comparison: pd.DataFrame, compared: tuple[str, str]) -> dict[str, Any]:
    rows = comparison[np.isfinite(comparison["difference"])]
    arms = arm_names(usable)
    pairs = []
    if len(comparison) and set(compared) <= set(arms):
        both = usable[usable["arm"].isin(compared) & np.isfinite(usable["enrichment"])]
        means = both.pivot_table(index="track", columns="arm", values="enrichment", sort=False)
        means = means.reindex(columns=list(compared)).dropna()
        best = both.groupby("track")["enrichment_p"].min().reindex(means.index).sort_values(kind="stable")
        means = means.loc[best.index[:MOST_ROWS]]
        order = [str(name) for name in (means[compared[0]] - means[compared[1]]).sort_values(ascending=False).index]
        traits = list(dict.fromkeys(both["trait"]))
        pairs = [
            Markup(pairs_figure(both, compared, traits[first : first + MOST_COLUMNS], order))
            for first in range(0, min(len(traits), MOST_FORESTS), MOST_COLUMNS)
            if order
        ]
    return {
        "compared": compared,
        "pairs": pairs,
        "difference": _svg(difference_figure(rows)),
        "comparison": [
            {
                "measure": MEASURES.get(measure, measure),
                "rows": [_difference(row) for _, row in part.iterrows()],
                "is_all": view == ALL_TRACKS,
            }
            for (measure, view), part in rows.groupby(["measure", "view"], sort=False)
        ],
    }


def _difference(row: pd.Series) -> dict[str, str]:
    return {
        "trait": "all traits" if row["trait"] == ALL_TRAITS else row["trait"],
        "n": _count(row["n_tracks"]),
        "dropped": f"{row['n_dropped']:,.0f} left out" if row["n_dropped"] > 0 else "",
        "models": f"{_count(row['n_searched'])} : {_count(row['n_sampled'])}",
        "searched": number_text(row["searched"]),
        "sampled": number_text(row["sampled"]),
        "difference": _signed(row["difference"]),
        "interval": f"{_signed(row['low'])} to {_signed(row['high'])}" if known(row["low"]) else "",
        "p": _p(row["p"]),
        "q": _p(row["q"]),
        "test": TESTS.get(row["test"], row["test"]),
    }


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number_text(value)}" if known(value) else "–"


def _filters(filters: Mapping[str, Mapping[str, int]]) -> dict[str, Any] | None:
    """Traits in rows, reasons in columns."""
    reasons = list(dict.fromkeys(reason for counts in filters.values() for reason in counts))
    if not reasons:
        return None
    return {
        "reasons": reasons,
        "rows": [
            {"trait": trait, "counts": [_count(counts.get(reason, 0)) for reason in reasons]}
            for trait, counts in filters.items()
        ],
    }

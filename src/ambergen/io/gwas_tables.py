"""Tables of association results as the usual programs write them, and what of them goes into a regression.

Columns are found by their names. BOLT-LMM, REGENIE, SAIGE, PLINK 2 and the GWAS catalog are known, since the same name
means different things to them: Allele1 is the effect allele of METAL and the other one of SAIGE.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtri_exp

from ambergen.errors import FileFormatError, InputError
from ambergen.io.compression import open_by_content
from ambergen.io.summary_statistics import MISSING, SummaryStatistics, not_positive, number_column
from ambergen.progress import SILENT, Progress

_ROWS_AT_ONCE = 500_000
_TINY = re.compile(r"([0-9]*\.?[0-9]+)[eE]-([0-9]+)")
_MANY_OF_ONE_SIGN = 0.95
_ENOUGH_FOR_SIGNS = 100
# The median of a chi-square with one degree of freedom, by which the inflation of statistics is measured.
MEDIAN_CHI2 = float(stats.chi2.median(1))


# ---- names of columns


@dataclass(frozen=True)
class Dialect:
    """How one program names its columns.

    marks : each a set of names of which one must be there
    columns : role -> names in order of preference, which stand before those that every program may use
    statistics : roles that a chi-square can come from, in order of preference
    """

    name: str
    marks: tuple[frozenset[str], ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statistics: tuple[str, ...] = ("chi2", "log10p", "p", "z", "beta")

    def fits(self, names: set[str]) -> bool:
        return all(names & mark for mark in self.marks)


# Names in capitals, with everything but letters, digits and brackets turned into one underscore.
_USUAL: dict[str, tuple[str, ...]] = {
    "id": ("RSID", "RS_ID", "SNP", "HM_RSID", "ID", "MARKERNAME", "MARKERID", "SNPID", "VARIANT_ID", "VARIANT", "RS"),
    "effect": ("A1", "EFFECT_ALLELE", "EA", "ALLELE1", "ALT"),
    "other": ("A2", "OTHER_ALLELE", "NON_EFFECT_ALLELE", "NEA", "ALLELE2", "ALLELE0", "A0", "REF"),
    "chi2": ("CHISQ", "CHI2", "CHI_SQUARED"),
    "log10p": (
        "LOG10P",
        "LOG10_P",
        "NEG_LOG_10_P_VALUE",
        "NEG_LOG10_P_VALUE",
        "NEG_LOG10_P",
        "MLOG10P",
        "NEG_LOG_PVALUE",
        "LP",
    ),
    "p": ("P", "P_VALUE", "PVALUE", "PVAL", "P_VAL", "GC_PVALUE"),
    "z": ("Z", "Z_SCORE", "ZSCORE", "Z_STAT", "T_STAT", "TSTAT", "STAT"),
    "beta": ("BETA", "EFFECT", "LOG_OR", "LOG_ODDS", "B", "HM_BETA"),
    "odds": ("OR", "ODDS_RATIO", "HM_ODDS_RATIO"),
    "se": ("SE", "STDERR", "STANDARD_ERROR", "LOG(OR)_SE"),
    "n": ("N", "N_TOTAL", "OBS_CT", "SAMPLE_SIZE", "TOTALSAMPLESIZE", "NMISS"),
    "n_cases": ("N_CASES", "N_CASE", "N_CAS", "NCASES", "NCASE", "NCAS"),
    "n_controls": ("N_CONTROLS", "N_CTRL", "N_CONTROL", "N_CON", "NCONTROLS", "NCONTROL", "NCON"),
    "frequency": (
        ("MAF", "FRQ", "EAF", "A1FREQ", "A1_FREQ", "EFFECT_ALLELE_FREQUENCY", "FREQ", "FREQ1", "AF", "AF1", "ALT_FREQS")
    ),
    "info": ("INFO", "IMPUTATIONINFO", "INFO_SCORE", "MACH_R2", "IMPINFO"),
    "test": ("TEST",),
}

DIALECTS = (
    Dialect(
        "BOLT-LMM",
        (frozenset({"P_BOLT_LMM", "P_BOLT_LMM_INF"}), frozenset({"ALLELE0"})),
        {
            "effect": ("ALLELE1",),
            "other": ("ALLELE0",),
            "chi2": ("CHISQ_BOLT_LMM", "CHISQ_BOLT_LMM_INF"),
            "p": ("P_BOLT_LMM", "P_BOLT_LMM_INF"),
        },
    ),
    Dialect(
        "REGENIE",
        (frozenset({"ALLELE0"}), frozenset({"ALLELE1"}), frozenset({"LOG10P"})),
        {"effect": ("ALLELE1",), "other": ("ALLELE0",)},
        statistics=("log10p", "chi2", "beta"),
    ),
    Dialect(
        "SAIGE",
        (frozenset({"ALLELE1"}), frozenset({"ALLELE2"}), frozenset({"AF_ALLELE2", "AC_ALLELE2"})),
        # Tstat of SAIGE is a score whose variance is not 1, so no z
        {"effect": ("ALLELE2",), "other": ("ALLELE1",), "frequency": ("AF_ALLELE2",), "z": ()},
    ),
    Dialect(
        "PLINK 2",
        (frozenset({"A1"}), frozenset({"REF"}), frozenset({"ALT", "ALT1"})),
        {"effect": ("A1",), "other": ("AX", "OMITTED"), "id": ("ID",)},
        statistics=("log10p", "p", "z", "beta"),
    ),
    Dialect("GWAS catalog", (frozenset({"EFFECT_ALLELE"}), frozenset({"OTHER_ALLELE"}))),
    Dialect("a table with usual names"),
)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Z0-9()]+", "_", name.upper()).strip("_")


# ---- what is done


@dataclass(frozen=True)
class MungeConfig:
    """Filters of `munge`, with LDSC's values.

    n : individuals, for tables without such a column; where there is one, this takes its place
    p_column : a column of p-values instead of the one that the program's dialect prefers
    smallest_n : None is the 90 % quantile of N over 1.5
    """

    n: float | None = None
    p_column: str | None = None
    smallest_info: float = 0.9
    smallest_maf: float = 0.01
    smallest_n: float | None = None


@dataclass(frozen=True)
class MungeReport:
    """What was read, from which columns, what each filter dropped, and how the rest looks.

    columns : role -> name in the file
    statistic, sign : in words, where chi-square and its sign come from
    dropped : reason -> rows, in the order of the filters
    """

    dialect: str
    columns: dict[str, str]
    statistic: str
    sign: str
    n_rows: int
    dropped: dict[str, int]
    n_kept: int
    mean_chi2: float
    largest_chi2: float
    inflation: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class AlleleList:
    """Variants to keep, with their alleles: id -> code of the pair, in any orientation and on either strand."""

    pair_of: pd.Series

    def __len__(self) -> int:
        return len(self.pair_of)


def read_allele_list(path: Path) -> AlleleList:
    """A list of variants with the columns SNP, A1 and A2, such as LDSC's `w_hm3.snplist`.

    Raises
    ------
    FileFormatError
        If a column is absent.
    """
    with open_by_content(path) as stream:
        header = stream.readline().decode("utf-8", errors="replace").split()
    if not {"SNP", "A1", "A2"} <= set(header):
        raise FileFormatError(
            f"{path}, line 1: the columns are {', '.join(header[:6]) or 'none'}; expected SNP, A1 and A2. Add a header."
        )
    with open_by_content(path) as stream:
        table = pd.read_csv(
            stream, sep=r"\s+", usecols=["SNP", "A1", "A2"], dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE
        )
    pairs = _pair_codes(table["A1"], table["A2"])
    return AlleleList(pd.Series(pairs, index=table["SNP"]).groupby(level=0).first())


def munge(
    path: Path,
    config: MungeConfig = MungeConfig(),
    listed: AlleleList | None = None,
    progress: Progress = SILENT,
) -> tuple[SummaryStatistics, MungeReport]:
    """Statistics of a table of results, filtered as for LD-score regression.

    Parameters
    ----------
    path : plain, gzip or bgzip; columns separated by tabs, commas or blanks
    listed : keep these variants only, if their alleles are the same in any orientation

    Raises
    ------
    FileFormatError
        If a column is absent, a cell is no number, or N is not positive.
    InputError
        If an option does not fit the table, or nothing is left.
    """
    plan = _plan(path, config)
    kept: list[pd.DataFrame] = []
    dropped: dict[str, int] = {}
    n_rows, n_zero = 0, 0
    with progress.task(f"Reading {path.name}") as task:
        for part in _parts(path, plan):
            chosen, zeros = _filtered(part, n_rows, plan, config, listed, dropped)
            kept.append(chosen)
            n_rows += len(part)
            n_zero += zeros
            task.advance(len(part))
    if not n_rows:
        raise FileFormatError(f"{path}: there is no row below the header; expected results. Fetch or make it again.")
    rows = pd.concat(kept, ignore_index=True)
    rows = _drop(rows, ~rows["id"].duplicated().to_numpy(), "an id that came before", dropped)
    smallest = config.smallest_n
    if smallest is None and len(rows):
        smallest = float(np.quantile(rows["n"], 0.9)) / 1.5
    if len(rows):
        rows = _drop(rows, (rows["n"] >= smallest).to_numpy(), f"N below {smallest:.6g}", dropped)
    dropped = {reason: count for reason, count in dropped.items() if count}
    if not len(rows):
        raise InputError(
            f"{path}: none of {n_rows:,} rows is left: {_listed(dropped)}. Look at the columns "
            f"({_listed(plan.columns)}) and at the filters."
        )
    statistics = SummaryStatistics(
        rows["id"].to_numpy(dtype=object),
        rows["z"].to_numpy(),
        rows["n"].to_numpy(),
        rows["effect"].to_numpy(dtype=object) if plan.has_alleles else None,
        rows["other"].to_numpy(dtype=object) if plan.has_alleles else None,
    )
    notes = _notes(path, plan, statistics, n_zero)
    chi2 = statistics.chi2
    return statistics, MungeReport(
        plan.dialect,
        plan.columns,
        plan.statistic_words,
        plan.sign_words,
        n_rows,
        dropped,
        len(rows),
        float(chi2.mean()),
        float(chi2.max()),
        float(np.median(chi2)) / MEDIAN_CHI2,
        notes,
    )


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


# ---- the plan: which column is what


@dataclass(frozen=True)
class _Plan:
    path: Path
    dialect: str
    columns: dict[str, str]
    separator: str
    statistic: str
    """Role that chi-square comes from."""
    unused_p: tuple[str, ...]

    @property
    def has_alleles(self) -> bool:
        return {"effect", "other"} <= set(self.columns) or "ref" in self.columns

    @property
    def sign(self) -> str | None:
        """Role that the sign comes from."""
        return next((role for role in ("beta", "odds", "z") if role in self.columns), None)

    @property
    def statistic_words(self) -> str:
        words = {
            "chi2": "chi-square of {}",
            "log10p": "minus log10 p of {}",
            "p": "p of {}",
            "z": "z of {}",
            "beta": "{} over its standard error",
        }[self.statistic]
        column = self.columns.get(self.statistic, self.columns.get("odds", ""))
        text = words.format(column)
        if self.dialect == "BOLT-LMM":
            belongs = column.replace("CHISQ_", "P_", 1)
            text += "" if belongs == column else f", which belongs to {belongs}"
        return text + (f"; not used: {', '.join(self.unused_p)}" if self.unused_p else "")

    @property
    def sign_words(self) -> str:
        return "unknown, all written as positive" if self.sign is None else f"of {self.columns[self.sign]}"


def _plan(path: Path, config: MungeConfig) -> _Plan:
    with open_by_content(path) as stream:
        try:
            line = stream.readline(1 << 20).decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"{path}, line 1: this is not text; expected a table with the columns' names in the first line. Export "
                "the results as text."
            ) from error
    separator = "\t" if "\t" in line else "," if "," in line else r"\s+"
    header = line.split() if separator == r"\s+" else [cell.strip() for cell in line.split(separator)]
    named = {_plain(name): name for name in reversed(header)}
    dialect = next(dialect for dialect in DIALECTS if dialect.fits(set(named)))
    columns: dict[str, str] = {}
    for role, usual in _USUAL.items():
        names = dialect.columns.get(role, usual)
        found = next((named[name] for name in names if name in named), None)
        if found is not None:
            columns[role] = found
    p_columns = [named[name] for name in dialect.columns.get("p", ()) if name in named]
    if config.p_column is not None:
        columns = _with_p_column(path, config.p_column, header, columns)
        p_columns = [name for name in p_columns if name != config.p_column]
    elif p_columns:
        # Of two p columns the chi-square of the preferred one only
        belonging = named.get(_plain(p_columns[0]).replace("P_", "CHISQ_", 1))
        columns = {role: name for role, name in columns.items() if role != "chi2"}
        columns |= {} if belonging is None else {"chi2": belonging}
        p_columns = p_columns[1:]
    if dialect.name == "PLINK 2" and "other" not in columns:
        columns |= {"ref": named["REF"], "alt": named.get("ALT", named.get("ALT1", ""))}
    roles = ("p",) if config.p_column is not None and "chi2" not in columns else dialect.statistics
    statistic = next((role for role in roles if _is_there(role, columns)), None)
    _check_columns(path, header, columns, statistic, config)
    assert statistic is not None
    return _Plan(path, dialect.name, columns, separator, statistic, tuple(p_columns))


def _with_p_column(path: Path, wanted: str, header: list[str], columns: dict[str, str]) -> dict[str, str]:
    """The columns with this one as p, and the chi-square that belongs to it where its name tells (BOLT-LMM)."""
    if wanted not in header:
        raise InputError(
            f"--p-column {wanted}: {path} has no such column; it has {', '.join(header)}. Name one of them."
        )
    columns = {role: name for role, name in columns.items() if role not in ("chi2", "log10p")} | {"p": wanted}
    belonging = wanted.replace("P_", "CHISQ_", 1)
    if belonging != wanted and belonging in header:
        columns["chi2"] = belonging
    return columns


def _is_there(role: str, columns: Mapping[str, str]) -> bool:
    if role == "beta":
        return ("beta" in columns or "odds" in columns) and "se" in columns
    return role in columns


def _check_columns(
    path: Path, header: list[str], columns: dict[str, str], statistic: str | None, config: MungeConfig
) -> None:
    shown = ", ".join(header[:20]) + (", …" if len(header) > 20 else "")
    if "id" not in columns or statistic is None:
        what = (
            "the variants' ids (SNP, rsid, ID)" if "id" not in columns else "p, chi-square, z, or beta with its error"
        )
        raise FileFormatError(
            f"{path}, line 1: no column has {what}; the columns are {shown}. Rename one in the header; for p-values "
            "give --p-column."
        )
    if config.n is not None and not (np.isfinite(config.n) and config.n > 0):
        raise InputError(f"--n: is {config.n:g}; expected a positive number of individuals. Give the study's size.")
    has_n = "n" in columns or {"n_cases", "n_controls"} <= set(columns)
    if config.n is None and not has_n:
        raise InputError(
            f"{path}: there is no column of sample sizes (N, OBS_CT, N_CASES and N_CONTROLS); the columns are {shown}. "
            "Give the number of individuals of the study with --n."
        )


# ---- rows


def _parts(path: Path, plan: _Plan) -> Iterator[pd.DataFrame]:
    """The columns that have a role, as text under the names of the roles."""
    line = 2
    with open_by_content(path) as stream:
        try:
            # All columns are read, as a line with too many or too few cells tells itself only then.
            for part in pd.read_csv(
                stream,
                sep=plan.separator,
                dtype=str,
                keep_default_na=False,
                quoting=csv.QUOTE_MINIMAL if plan.separator == "," else csv.QUOTE_NONE,
                chunksize=_ROWS_AT_ONCE,
                skipinitialspace=True,
            ):
                if not isinstance(part.index, pd.RangeIndex):
                    raise pd.errors.ParserError(f"line {line} has more cells than the header")
                # Between blanks no cell is empty, so that an empty one at the end says that one before it is absent.
                short = np.flatnonzero((part.iloc[:, -1].fillna("") == "").to_numpy())
                if len(short) and plan.separator == r"\s+":
                    raise pd.errors.ParserError(f"line {line + short[0]} has fewer cells than the header")
                part.columns = part.columns.str.strip()
                yield pd.DataFrame(
                    {
                        role: part[name].where(~part[name].isin(MISSING)).reset_index(drop=True)
                        for role, name in plan.columns.items()
                    }
                )
                line += len(part)
        except (pd.errors.ParserError, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{path}: a line is no row of the table ({str(error).strip()}). Expected as many columns as in the "
                "header; write NA in cells without a value, or make the file again."
            ) from error


def _filtered(
    part: pd.DataFrame,
    first_row: int,
    plan: _Plan,
    config: MungeConfig,
    listed: AlleleList | None,
    dropped: dict[str, int],
) -> tuple[pd.DataFrame, int]:
    """Rows with id, z, n and alleles that pass all filters but those that need the whole table.

    Also the number of rows among them with a p of 0, whose z came from the effect and its error.
    """
    line = first_row + 2
    if "test" in part:
        additive = part["test"].str.upper().eq("ADD").to_numpy()
        part = _drop(part, additive, "another test than ADD", dropped)
    if "ref" in part:
        part = part.assign(other=np.where(part["effect"] == part["ref"], part["alt"], part["ref"]))
    numbers = {
        role: _numbers(plan, part, role, line)
        for role in ("chi2", "log10p", "z", "beta", "odds", "se", "n", "n_cases", "n_controls", "frequency", "info")
        if role in part
    }
    n = _sample_sizes(plan, part, numbers, config, line)
    z, is_zero = _z(plan, part, numbers, line)
    rows = pd.DataFrame({"id": part["id"], "z": z, "n": n}, index=part.index)
    if plan.has_alleles:
        rows["effect"], rows["other"] = part["effect"].str.upper(), part["other"].str.upper()
    for role in ("frequency", "info"):
        if role in numbers:
            rows[role] = numbers[role]
    rows["is_zero"] = is_zero
    bad = is_zero & np.isnan(z)
    rows = _drop(rows, ~bad, "a p of 0, and nothing else to take chi-square from", dropped)
    rows = _drop(rows, rows[["id", "z", "n"]].notna().all(axis=1).to_numpy(), "a missing value", dropped)
    if "info" in rows:
        # Variants that were genotyped have no INFO
        rows = _drop(rows, ~(rows["info"] < config.smallest_info).to_numpy(), "INFO", dropped)
    if "frequency" in rows:
        f = rows["frequency"].to_numpy()
        _refuse_outside(plan, rows, "frequency", f, (f < 0) | (f > 1), "a frequency lies between 0 and 1", line)
        rows = _drop(rows, ~(np.minimum(f, 1 - f) <= config.smallest_maf), "minor allele frequency", dropped)
    rows = _matched(rows, plan, listed, dropped)
    return rows.drop(columns=["frequency", "info"], errors="ignore"), int(rows["is_zero"].sum())


def _matched(rows: pd.DataFrame, plan: _Plan, listed: AlleleList | None, dropped: dict[str, int]) -> pd.DataFrame:
    """Rows whose alleles tell the strand, and are those of the list in any orientation."""
    pairs = None
    if plan.has_alleles:
        pairs = _pair_codes(rows["effect"], rows["other"])
        rows = _drop(rows, pairs >= 0, "alleles that are not two of A, C, G, T", dropped)
        pairs = pairs[pairs >= 0]
        rows = _drop(rows, pairs != _AMBIGUOUS, "alleles that are the same on both strands", dropped)
        pairs = pairs[pairs != _AMBIGUOUS]
    if listed is not None:
        row_of = listed.pair_of.index.get_indexer(pd.Index(rows["id"]))
        rows = _drop(rows, row_of >= 0, "not in the list", dropped)
        if pairs is not None:
            same = pairs[row_of >= 0] == listed.pair_of.to_numpy()[row_of[row_of >= 0]]
            rows = _drop(rows, same, "other alleles than in the list", dropped)
    return rows


def _drop(rows: pd.DataFrame, keep: NDArray[np.bool_], reason: str, dropped: dict[str, int]) -> pd.DataFrame:
    dropped[reason] = dropped.get(reason, 0) + int(len(rows) - keep.sum())
    return rows if keep.all() else rows[keep]


def _numbers(plan: _Plan, part: pd.DataFrame, role: str, line: int) -> NDArray[np.float64]:
    """Numbers of one role; lines count from the file's head even where rows were dropped."""
    wrong_line = line + part.index.to_numpy()
    try:
        return number_column(plan.path, part[role], plan.columns[role], 0)
    except FileFormatError:
        numbers = pd.to_numeric(part[role], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        row = int(np.flatnonzero((np.isnan(numbers) & part[role].notna().to_numpy()) | np.isinf(numbers))[0])
        number_column(plan.path, part[role].iloc[[row]], plan.columns[role], int(wrong_line[row]))
        raise


def _sample_sizes(
    plan: _Plan, part: pd.DataFrame, numbers: Mapping[str, NDArray[np.float64]], config: MungeConfig, line: int
) -> NDArray[np.float64]:
    if config.n is not None:
        return np.full(len(part), float(config.n))
    n = numbers["n"] if "n" in numbers else numbers["n_cases"] + numbers["n_controls"]
    wrong = np.flatnonzero(n <= 0)
    if len(wrong):
        raise not_positive(plan.path, int(line + part.index[wrong[0]]), float(n[wrong[0]]))
    return n


def _z(
    plan: _Plan, part: pd.DataFrame, numbers: Mapping[str, NDArray[np.float64]], line: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Signed z, nan where something is missing, and where p is 0."""
    is_zero = np.zeros(len(part), bool)
    from_effect = _effect_z(numbers)
    if plan.statistic == "chi2":
        chi2 = numbers["chi2"]
        _refuse_outside(plan, part, "chi2", chi2, chi2 < 0, "a chi-square is never negative", line)
        size = np.sqrt(chi2)
    elif plan.statistic == "log10p":
        log10p = numbers["log10p"]
        _refuse_outside(plan, part, "log10p", log10p, log10p < 0, "minus log10 of a p is never negative", line)
        size = z_of_log_p(-log10p * np.log(10))
    elif plan.statistic == "p":
        log_p = _log_p(plan, part, line)
        is_zero = np.isneginf(log_p)
        size = z_of_log_p(np.where(is_zero, np.nan, log_p))
        replacement = from_effect if from_effect is not None else numbers.get("z")
        if replacement is not None:
            size = np.where(is_zero, np.abs(replacement), size)
    elif plan.statistic == "z":
        return numbers["z"], is_zero
    else:
        assert from_effect is not None
        return from_effect, is_zero
    return size * _signs(plan, numbers, len(part)), is_zero


def _effect_z(numbers: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Effect over its error, nan where the error is not positive; None without such columns."""
    if "se" not in numbers or not ("beta" in numbers or "odds" in numbers):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = numbers["beta"] if "beta" in numbers else np.log(numbers["odds"])
        z = np.where(numbers["se"] > 0, effect / numbers["se"], np.nan)
    return np.where(np.isfinite(z), z, np.nan)


def _signs(plan: _Plan, numbers: Mapping[str, NDArray[np.float64]], n_rows: int) -> NDArray[np.float64]:
    """-1 or 1; nan where the effect is missing."""
    if plan.sign is None:
        return np.ones(n_rows)
    value = numbers[plan.sign] - 1 if plan.sign == "odds" else numbers[plan.sign]
    return np.where(np.isnan(value), np.nan, np.where(value < 0, -1.0, 1.0))


def _log_p(plan: _Plan, part: pd.DataFrame, line: int) -> NDArray[np.float64]:
    """Natural logarithms of the p-values, -inf for 0; a p below the smallest double is read from its digits."""
    p = _numbers(plan, part, "p", line)
    _refuse_outside(plan, part, "p", p, (p < 0) | (p > 1), "a p-value lies between 0 and 1", line)
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    # Below the normal range doubles have fewer and fewer digits, down to 0.
    for row in np.flatnonzero(p < np.finfo(np.float64).tiny):
        digits = _TINY.fullmatch(str(part["p"].iloc[row]))
        if digits is not None and float(digits[1]) > 0:
            log_p[row] = np.log(float(digits[1])) - int(digits[2]) * np.log(10)
    return log_p


def z_of_log_p(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The positive z whose two-sided p has this natural logarithm; no p is too small."""
    return -ndtri_exp(log_p - np.log(2))


def _refuse_outside(
    plan: _Plan,
    part: pd.DataFrame,
    role: str,
    values: NDArray[np.float64],
    wrong: NDArray[np.bool_],
    rule: str,
    line: int,
) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise FileFormatError(
            f"{plan.path}, line {line + part.index[row]}: {plan.columns[role]} is {values[row]:g}; {rule}. Correct the "
            "cell, or the column's name in the header."
        )


# ---- alleles

_BASES = {"A": 0, "C": 1, "G": 2, "T": 3}
_AMBIGUOUS = 16


def _pair_codes(first: pd.Series, second: pd.Series) -> NDArray[np.int64]:
    """One number a pair, the same for both orientations and strands; -1 for no pair of bases, `_AMBIGUOUS` for A/T."""
    codes = [
        alleles.str.upper().map(_BASES).fillna(-1).to_numpy(dtype=np.int64) if len(alleles) else np.zeros(0, np.int64)
        for alleles in (first, second)
    ]
    a, b = codes
    turned = [4 * a + b, 4 * b + a, 4 * (3 - a) + 3 - b, 4 * (3 - b) + 3 - a]  # complements are 3 - code
    pair = np.minimum.reduce(turned)
    pair = np.where(a + b == 3, _AMBIGUOUS, pair)
    return np.where((a < 0) | (b < 0) | (a == b), -1, pair)


def _notes(path: Path, plan: _Plan, statistics: SummaryStatistics, n_zero: int) -> tuple[str, ...]:
    notes = []
    if n_zero:
        notes.append(f"{n_zero} rows have a p of 0; their chi-square comes from the effect and its standard error")
    if not plan.has_alleles:
        notes.append("there are no alleles: insertions and strand-ambiguous variants could not be dropped")
    moved = statistics.z[statistics.z != 0]
    share = float(np.mean(moved > 0)) if len(moved) >= _ENOUGH_FOR_SIGNS else 0.5
    if plan.sign is not None and not 1 - _MANY_OF_ONE_SIGN <= share <= _MANY_OF_ONE_SIGN:
        column = plan.columns[plan.sign]
        if plan.statistic == "beta":
            raise InputError(
                f"{path}: {share:.0%} of the effects in {column} are positive; expected about half. Chi-square would "
                "come from this column, which probably holds odds ratios or sizes without sign. Name odds ratios OR "
                "in the header, or give p-values with --p-column."
            )
        notes.append(
            f"{share:.0%} of the signs in {column} are positive, where half is usual; heritability does not need them, "
            "genetic correlations would be wrong"
        )
    mean = float(statistics.chi2.mean())
    if mean < 1.02:
        notes.append(f"the mean chi-square is {mean:.3f}; below 1.02 a study says little about heritability")
    return tuple(notes)

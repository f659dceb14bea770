"""A run directory with invented numbers, in the formats that the program writes. For the tests of the report only."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import preset
from ambergen.spaces.space import Space

# fmt: off
NAMES = [
    "ABF1", "REB1", "RAP1", "CBF1", "GCN4", "MCM1", "STE12", "SWI4", "MBP1", "FKH1", "FKH2", "LEU3",
    "PHO4", "HSF1", "MSN2", "GAL4", "TBP", "SUA7", "HAP5", "INO4", "UME6", "SUM1", "XBP1", "ORC1",
]
# fmt: on

WriteRun = Callable[..., Path]


def write_run(
    path: Path,
    n_tracks: int = 24,
    space: str = "compact",
    searches: int = 1,
    sampled: int = 5,
    seeds: int = 2,
    steps: int = 30,
    curves: bool = True,
) -> Path:
    """Write a simulated run directory."""
    rng = np.random.default_rng(7)
    path.mkdir(parents=True, exist_ok=True)
    shape = replace(preset(space), reduce=(1, 3), head="flatten") if space == "compact" else preset(space)
    tracks = [NAMES[t] if t < len(NAMES) else f"{NAMES[t % len(NAMES)]}_{t // len(NAMES)}" for t in range(n_tracks)]
    winners = _write_events(path, shape, searches, steps, n_tracks, rng)
    models = _models(winners, shape, sampled, seeds, rng)
    _write_histories(path, models, rng)
    scores = _scores(models, tracks, rng)
    scores.to_parquet(path / "compare.parquet")
    (path / "compare.json").write_text(json.dumps(_summary(scores, models, tracks, curves, searches)))
    (path / "provenance.json").write_text(json.dumps(_provenance()))
    (path / "run.yaml").write_text(
        "data:\n  genome: genome.fa.gz\n  tracks: peaks/*.bed.gz\n  split: {test: [II, VIII, XIV], selection: [V, IX], "
        f"search: [X]}}\nspace: {{preset: {space}}}\nsearch: {{method: enas, budget: {steps} epochs, seed: 0}}\n"
        "# <script>alert('escaped')</script>\nout: runs/yeast\n"
    )
    return path


def _provenance() -> dict[str, Any]:
    return {
        "seed": 0,
        "versions": {"ambergen": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6"},
        "device": "cpu (2 cores)",
        "dtype": "bfloat16",
        "store": {"path": "store", "checksum": "3f9ac04be1d2", "windows": 51234, "tracks": 24, "length": 1000},
        "splits": {
            "train": {"windows": 30120, "contigs": ["I", "III", "IV", "VI", "VII"]},
            "search": {"windows": 4100, "contigs": ["X"]},
            "selection": {"windows": 5200, "contigs": ["V", "IX"]},
            "test": {"windows": 11814, "contigs": ["II", "VIII", "XIV"]},
        },
        "command": "ambergen run examples/yeast.yaml",
    }


def _write_events(
    path: Path, space: Space, searches: int, steps: int, n_tracks: int, rng: np.random.Generator
) -> list[Architecture]:
    events: list[dict[str, Any]] = []
    winners = []
    n_operations = len(space.operations)
    for search in range(searches):
        events.append(
            {"event": "search_started", "search": search, "method": "enas", "seed": search, "budget": f"{steps} epochs",
             "dtype": "bfloat16", "space": space.to_dict(), "architectures": str(space.size),
             "supernet_parameters": 1_240_000, "n_tracks": n_tracks, "length": 1000}
        )  # fmt: skip
        drift = rng.normal(0, 1, (space.layers, n_operations))
        drift[: space.layers // 2, 0] += 2
        drift[-1, min(4, n_operations - 1)] += 2
        trial, best, seen, baseline = 0, 0.0, [], None
        for step in range(steps):
            logits = 1.6 * np.tanh(drift * step / steps * 0.9) + rng.normal(0, 0.03, drift.shape)
            probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            rewards = []
            for _ in range(10):
                architecture = space.sample(rng)
                failed = trial == 17
                score = 0.82 - 0.19 * np.exp(-3 * (step + 1) / steps) + rng.normal(0, 0.013)
                rewards.append(score)
                seen.append((score, architecture))
                best = max(best, score)
                events.append(
                    {"event": "trial", "search": search, "trial": trial, "step": step,
                     "architecture": architecture.to_dict(), "id": architecture.id,
                     "score": None if failed else score, "status": "failed" if failed else "done",
                     "reason": "out of memory" if failed else None, "split": "search", "evaluator": "shared",
                     "parameters": int(rng.integers(1e5, 4e5)), "multiply_adds": int(rng.integers(2e6, 6e6)),
                     "cost": {"device_seconds": 0.9, "windows": 4100, "peak_memory": 10**9}}
                )  # fmt: skip
                trial += 1
            baseline = np.mean(rewards) if baseline is None else 0.8 * baseline + 0.2 * np.mean(rewards)
            events.append(
                {"event": "step", "search": search, "step": step, "loss": 0.5 * np.exp(-step / 10) + 0.2,
                 "reward_mean": float(np.mean(rewards)), "reward_best": best, "reward_baseline": float(baseline),
                 "entropy": float(-(probability * np.log(probability)).sum() + space.n_skips * np.log(2)), "kl": 0.004,
                 "skip_density": 0.4 + 0.1 * step / steps + float(rng.normal(0, 0.02)),
                 "operation_probability": probability.tolist(), "windows": 30120,
                 "cost": {"device_seconds": 21.0 + float(rng.normal())}}
            )  # fmt: skip
        finalists = sorted(seen, key=lambda pair: -pair[0])[:5]
        for k, (score, architecture) in enumerate(finalists):
            events.append(
                {"event": "finalist", "search": search, "id": architecture.id, "architecture": architecture.to_dict(),
                 "shared_score": score, "stand_alone_score": score + 0.02 - 0.004 * k if k < 3 else None,
                 "split": "selection", "cost": {"device_seconds": 40.0 if k < 3 else 1.0}}
            )  # fmt: skip
        winner = finalists[0][1]
        winners.append(winner)
        events.append(
            {"event": "search_finished", "search": search, "winner": winner.id, "architecture": winner.to_dict(),
             "trials": trial, "cost": {"device_seconds": steps * 31.0 + 122}}
        )  # fmt: skip
    (path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events) + '{"event": "st')
    return winners


def _models(
    winners: list[Architecture], space: Space, sampled: int, seeds: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """One record a model with its level above chance."""
    models = []
    for search, winner in enumerate(winners):
        name = "searched" if len(winners) == 1 else f"searched {search + 1}"
        models.append({"model": name, "group": "searched", "architecture": winner.id, "search": search,
                       "level": 1.55 + rng.normal(0, 0.03), "seeds": list(range(seeds)), "parameters": 231_000,
                       "multiply_adds": 4_100_000, "device_seconds": 131.0})  # fmt: skip
    models.append({**models[0], "model": "searched, ensemble of seeds", "group": "ensemble", "level": 1.62,
                   "seeds": [0]})  # fmt: skip
    for k in range(sampled):
        models.append({"model": f"sampled {k + 1}", "group": "sampled", "architecture": space.sample(rng).id,
                       "search": None, "level": 1.38 + rng.normal(0, 0.1), "seeds": list(range(seeds)),
                       "parameters": int(rng.integers(120_000, 420_000)), "multiply_adds": int(rng.integers(2e6, 7e6)),
                       "device_seconds": float(rng.normal(125, 20))})  # fmt: skip
    for name, level, parameters, adds in (
        ("DeepSEA ×0.25", 1.25, 1_410_000, 9_800_000),
        ("DanQ ×0.25", 1.18, 910_000, 11_200_000),
    ):
        models.append({"model": name, "group": "expert", "architecture": name.split()[0], "search": None,
                       "level": level, "seeds": list(range(seeds)), "parameters": parameters, "multiply_adds": adds,
                       "device_seconds": 210.0, "note": "channels scaled to 0.25 of the published ones"})  # fmt: skip
    models.append({"model": "k-mer regression", "group": "kmer", "architecture": "kmer", "search": None, "level": 1.3,
                   "seeds": [0], "parameters": 49_176, "multiply_adds": None, "device_seconds": 44.0,
                   "note": "5-mers of the whole window, C = 0.01"})  # fmt: skip
    return models


def _scores(models: list[dict[str, Any]], tracks: list[str], rng: np.random.Generator) -> pd.DataFrame:
    positives = np.clip(np.exp(rng.normal(5.5, 1.3, len(tracks))), 3, 5000).astype(int)
    if len(tracks) > 1:
        positives[len(tracks) // 4] = 4
    ease = rng.normal(0, 0.7, len(tracks))
    ease[-1] = -1.5
    rows = []
    for model in models:
        shift = rng.normal(0, 0.1, len(tracks))
        for seed in model["seeds"]:
            logit = model["level"] + ease + shift + rng.normal(0, 0.04, len(tracks))
            auroc = 1 / (1 + np.exp(-logit))
            base = positives / 11814
            for t, track in enumerate(tracks):
                rows.append({
                    "model": model["model"], "group": model["group"], "architecture": model["architecture"],
                    "search": model["search"], "seed": seed, "track": track, "auroc": auroc[t],
                    "average_precision": base[t] + (1 - base[t]) * (2 * max(auroc[t] - 0.5, 0)) ** 2 * 0.6,
                    "positives": positives[t], "negatives": 11814 - positives[t], "parameters": model["parameters"],
                    "multiply_adds": model["multiply_adds"], "device_seconds": model["device_seconds"],
                    "windows": 600_000,
                })  # fmt: skip
    return pd.DataFrame(rows)


def _summary(
    scores: pd.DataFrame, models: list[dict[str, Any]], tracks: list[str], curves: bool, searches: int
) -> dict[str, Any]:
    used = scores[scores["positives"] >= 10]
    records = []
    for model in models:
        own = used[used["model"] == model["model"]]
        record = {k: v for k, v in model.items() if k != "level"}
        for metric in ("auroc", "average_precision"):
            means = own.groupby("seed")[metric].mean()
            record[metric] = {"mean": means.mean(), "low": means.mean() - 0.012, "high": means.mean() + 0.011,
                              "seed_sd": means.std() if len(means) > 1 else None}  # fmt: skip
        records.append({**record, "windows": 600_000, "note": model.get("note")})

    def means(group: str, metric: str = "auroc") -> np.ndarray:
        return np.array([r[metric]["mean"] for r in records if r["group"] == group])

    groups = [
        {"group": group, "n_architectures": len(means(group)), **{
            metric: {"mean": means(group, metric).mean(), "low": means(group, metric).mean() - 0.009,
                     "high": means(group, metric).mean() + 0.009,
                     "sd": means(group, metric).std(ddof=1) if len(means(group)) > 1 else None}
            for metric in ("auroc", "average_precision")
        }}
        for group in ("searched", "sampled")
    ]  # fmt: skip
    drawn = np.sort(means("sampled"))
    n = np.arange(1, len(drawn) + 1)
    expected = [float(np.diff(np.concatenate([[0], (np.arange(1, len(drawn) + 1) / len(drawn)) ** k])) @ drawn)
                for k in n]  # fmt: skip
    difference = float(means("searched").mean() - means("sampled").mean())
    one = searches == 1
    undefined = scores[scores["positives"] < 10].drop_duplicates("track")
    return {
        "format": 1,
        "split": "test",
        "n_windows": 11814,
        "metric": "auroc",
        "minimum": 10,
        "tracks": {
            "n": len(tracks),
            "used": len(tracks) - len(undefined),
            "undefined": [
                {"track": row.track, "positives": int(row.positives), "negatives": int(row.negatives),
                 "reason": f"{row.positives} positive windows in the test split, at least 10 are needed"}
                for row in undefined.itertuples()
            ],
        },
        "interval": {"level": 0.95, "method": "bootstrap over tracks and test windows"},
        "models": records,
        "groups": groups,
        "tests": [
            {"a": "searched", "b": "sampled", "metric": "auroc", "n_a": searches, "n_b": len(drawn),
             "difference": difference, "low": None if one else difference - 0.01,
             "high": None if one else difference + 0.012, "cliffs_delta": None if one else 0.92,
             "p": None if one else 0.036, "p_adjusted": None, "method": "Mann-Whitney, exact",
             "reason": "one search is one architecture: it has no spread to test" if one else None}
        ],
        "spread": {"seeds_sd": 0.004, "architectures_sd": 0.013, "difference": difference, "architectures_needed": 6},
        "best_of_n": {
            "metric": "auroc", "n": n.tolist(), "expected": expected, "sd": [0.012 / k**0.5 for k in n.tolist()],
            "cost": (n * 250.0).tolist(), "searched": float(means("searched").mean()), "search_cost": 1400.0 + 262,
            "falls_short": bool(len(drawn) * 250 < 1662),
        },
        "sentences": [
            f"The searched model scores {means('searched').mean():.3f} mean AUROC on the test contigs; the networks "
            f"sampled from the same space score {drawn.mean():.3f} ± {drawn.std(ddof=1):.3f}.",
            "With one search no p-value can be given: the search is one architecture." if one
            else "Searched models beat sampled ones (p = 0.036, Mann-Whitney over architectures).",
            "The k-mer regression is beaten by 0.024.",
        ],
        "notes": ["Expert networks named ×0.25 have a quarter of the published channels, so that their multiply-adds "
                  "are near those of the searched model."],
        **({"curves": _curves(tracks[: min(len(tracks), 60)])} if curves else {}),
    }  # fmt: skip


def _curves(tracks: list[str]) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    grid = np.linspace(0, 1, 100)
    return {"model": "searched", "seed": 0, "tracks": {
        track: {"fpr": grid.tolist(), "tpr": (grid ** power).tolist(), "recall": grid.tolist(),
                "precision": (0.02 + 0.9 * (1 - grid) ** (8 * power)).tolist()}
        for track, power in zip(tracks, rng.uniform(0.08, 0.5, len(tracks)), strict=True)
    }}  # fmt: skip


def _write_histories(path: Path, models: list[dict[str, Any]], rng: np.random.Generator) -> None:
    for model in models:
        if model["group"] in ("kmer", "ensemble"):
            continue
        for seed in model["seeds"]:
            folder = path / "models" / model["architecture"] / f"seed{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            epochs = int(rng.integers(12, 25))
            folder.joinpath("history.jsonl").write_text("".join(
                json.dumps({"epoch": e, "loss": 0.15 + 0.5 * np.exp(-e / 5),
                            "auroc": 0.5 + 0.22 * model["level"] * (1 - np.exp(-(e + 1) / 4))
                            + rng.normal(0, 0.003)}) + "\n"
                for e in range(epochs)
            ))  # fmt: skip


def write_audit(path: Path, shared: bool = True, n: int = 40) -> None:
    """Add the files of a ranking audit to a run directory."""
    rng = np.random.default_rng(11)
    parameters = np.exp(rng.normal(12, 0.6, n)).astype(int)
    truth = 0.7 + 0.03 * np.log(parameters / parameters.mean()) + rng.normal(0, 0.02, n)
    scores = {"shared_weights": truth + rng.normal(0, 0.02, n) - 0.1 if shared else np.full(n, np.nan),
              "zico": rng.normal(300, 20, n)}  # fmt: skip
    frame = pd.DataFrame({"id": [f"{k:010x}" for k in range(n)], "architecture": "{}", "parameters": parameters,
                          "stand_alone": truth, "reason": None, **scores})  # fmt: skip
    frame.loc[3, "stand_alone"] = np.nan
    frame.to_parquet(path / "audit.parquet", index=False)

    def found(score: str, tau: float | None, partial: float | None) -> dict[str, Any]:
        around = [None if v is None else {"estimate": v, "low": v - 0.2, "high": v + 0.15} for v in (tau, partial)]
        none = {"estimate": None, "low": None, "high": None}
        return {"score": score, "n": n - 1, "left_out": 1, "tau": around[0] or none, "partial_tau": around[1] or none,
                "spearman": tau, "p": None if tau is None else 0.0005, "k": 8,
                "precision": {"estimate": 0.625, "low": 0.25, "high": 0.875},
                "regret": {"estimate": 0.004, "low": 0.0, "high": 0.02}}  # fmt: skip

    agreements = [found("parameters", 0.41, None), found("zico", -0.11, -0.2), found("naswot", None, None)]
    if shared:
        agreements.insert(0, found("shared_weights", 0.62, 0.48))
    record = {
        "format": 1, "search": 0, "method": "enas", "n": n, "objective": "auroc", "split": "selection", "epochs": 5,
        "shared": {"split": "search", "rows": 2000, "steps": 900} if shared else None, "zero_cost_rows": 128,
        "level": 0.95, "agreements": agreements, "failed": [{"id": "0000000003", "reason": "out of memory"}],
        "cost": {"device_seconds": 400.0, "windows": 10**6, "peak_memory": 10**9},
        "sentences": ["Of two networks, the score names the better one in 81% of cases.", "<b>Not bold</b>"],
    }  # fmt: skip
    (path / "audit.json").write_text(json.dumps(record))


@pytest.fixture
def simulate(tmp_path: Path) -> WriteRun:
    """Writes a simulated run directory; takes the options of `write_run`."""

    def write(**options: Any) -> Path:
        return write_run(tmp_path / "run", **options)

    return write


@pytest.fixture(scope="session")
def simulated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("report") / "run")

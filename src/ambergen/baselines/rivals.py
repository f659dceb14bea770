"""Training of a rival on a store: experts' networks by their published recipes, gapped and other k-mers, motifs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ambergen import seeds
from ambergen.baselines.bpnet_training import CoverageJob, train_bpnet
from ambergen.baselines.gkm_svm import GkmConfig, GkmSVM
from ambergen.baselines.gkm_svm import check_alphabet as check_gkm
from ambergen.baselines.kmer import KmerRegression
from ambergen.baselines.kmer import check_alphabet as check_kmer
from ambergen.baselines.loading import load
from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.pwm import PWM
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, JobError
from ambergen.executors.base import Executor, Job, JobResult
from ambergen.io.motifs import motifs_of, read_motifs
from ambergen.metrics.ranking import Ranking, defined, mean_defined, ranking
from ambergen.models.bpnet import COUNT_WEIGHT, BPNetShape
from ambergen.models.deepbind import DeepBindShape
from ambergen.models.factory import make_network
from ambergen.progress import SILENT, Progress
from ambergen.provenance import provenance
from ambergen.sequence.scorer import Scorer
from ambergen.settings import plain_data
from ambergen.training.config import TrainConfig, train_preset
from ambergen.training.coverage import check_shift
from ambergen.training.jobs import TrainingJob, TrainingResult, train_network
from ambergen.training.saving import read_description

NETWORKS = ("deepsea", "danq", "basset", "deepbind")
"""That learn labels."""
SCORERS = (*NETWORKS, "bpnet", "gkm", "kmer", "pwm")
_TRAINED_BY_STEPS = (*NETWORKS, "bpnet")

_TRACKS_OF_DEEPSEA = 919
_TRIAL_SHARE = 4
"""A drawn setting of DeepBind is tried for one in so many of its epochs."""


@dataclass(frozen=True)
class RivalConfig:
    """A rival and how it is trained.

    scorer : deepsea, danq, basset, deepbind, bpnet, gkm, kmer or pwm
    recipe : of a network; None for that of its publication
    scale : share of the published widths of deepsea, danq, basset and bpnet
    settings : drawn settings of deepbind of which the best on the selection split is taken, 30 as published (there by
        three-fold validation); 0 takes the middle of the rates and the largest first weights
    motifs : file of matrices among which pwm chooses
    motif : names or identifiers of those of the file that it chooses among; empty for all
    gkm : words and kernel of gkm
    count_weight : of bpnet, that of the error of the counts beside the profile's; None for half the mean reads of a
        window, with which they weigh about the same
    """

    scorer: str
    recipe: TrainConfig | None = None
    scale: float = 1.0
    settings: int = 30
    motifs: Path | None = None
    motif: tuple[str, ...] = ()
    gkm: GkmConfig = field(default_factory=GkmConfig)
    count_weight: float | None = COUNT_WEIGHT

    def __post_init__(self) -> None:
        if self.scorer not in SCORERS:
            raise ConfigError(f"scorer: {self.scorer!r} is no rival; expected one of {', '.join(SCORERS)}.")
        if not 0 < self.scale <= 1:
            raise ConfigError(f"scale: {self.scale}; expected a share of the published widths above 0, up to 1.")
        if self.settings < 0:
            raise ConfigError(f"settings: {self.settings}; expected 0 or more drawn settings.")
        if self.count_weight is not None and not 0 < self.count_weight < np.inf:
            raise ConfigError(f"count_weight: {self.count_weight}; expected a number above 0, or balanced.")
        if (self.motifs is not None) != (self.scorer == "pwm"):
            found = "no file of motifs is given" if self.motifs is None else f"{self.motifs} is given"
            raise ConfigError(
                f"motifs: the scorer is {self.scorer} and {found}; expected a file of motifs (JASPAR or MEME) with "
                "pwm, and with no other."
            )
        if self.motif and self.motifs is None:
            raise ConfigError(f"motif: {', '.join(self.motif)} of no file; expected names of motifs only with a file.")


@dataclass(frozen=True)
class Trained:
    """A rival in its folder.

    epochs, best_epoch : None where there are none
    auroc : mean over the defined tracks of the selection split, nan where there is none
    coverage : of bpnet, how well counts and profiles are predicted; see `ambergen.training.coverage.measure`
    """

    folder: Path
    epochs: int | None
    best_epoch: int | None
    auroc: float
    coverage: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class FitJob:
    """Fit a rival that is no network."""

    store: Path
    rival: RivalConfig
    seed: int
    out: Path
    provenance: dict[str, Any] = field(default_factory=dict)


def train_rival(
    store: Store,
    config: RivalConfig,
    n_seeds: int,
    seed: int,
    executor: Executor,
    out: Path,
    dtype: Callable[[str], str],
    provenance: dict[str, Any] | None = None,
    progress: Progress = SILENT,
) -> list[Trained]:
    """Train a rival on the splits train and search; what is there already is kept, what was begun is continued.

    Parameters
    ----------
    n_seeds : trainings of a network, the k-th with the seed `seed` + k; the others are fitted once
    out : folder; models go to ``SCORER/seedK``
    dtype : float32 or bfloat16 from the precision of a recipe

    Raises
    ------
    ConfigError
        If the rival cannot learn from this store, or another one with the same name is there.
    JobError
        If a training failed; the same call continues.
    """
    check(store, config)
    facts = _facts(store, config)
    folders = [out / config.scorer / f"seed{k}" for k in range(n_seeds if config.scorer in _TRAINED_BY_STEPS else 1)]
    for folder in folders:
        _check_same(folder, facts)
    origin = {"store": store.checksum, **(provenance or {}), "rival": facts}
    if config.scorer == "bpnet":
        return _train_bpnets(store, config, seed, executor, folders, dtype, origin, progress)
    if config.scorer not in NETWORKS:
        fits = {folder: FitJob(store.path, config, seed, folder, origin) for folder in folders}
        results = _run(executor, fit_rival, fits, f"fitting {config.scorer}", progress)
        return [Trained(folder, None, None, results[folder]) for folder in folders]
    recipe, spec = recipe_of(config, store.n_tracks), spec_of(config)
    if config.scorer == "deepbind" and config.settings:
        spec, recipe = _best_setting(store, config, recipe, seed, executor, dtype, folders, progress)
    precision = dtype(recipe.precision)
    jobs = {
        folder: TrainingJob(
            store.path,
            config.scorer,
            spec,
            recipe,
            seed + k,
            precision,
            scored=("selection",),
            out=folder,
            provenance={**origin, "train": plain_data(recipe)},
        )
        for k, folder in enumerate(folders)
    }
    found: dict[Path, TrainingResult] = _run(executor, train_network, jobs, f"training {config.scorer}", progress)
    return [Trained(f, r.n_epochs, r.best_epoch, _mean(r.scores["selection"])) for f, r in found.items()]


def _train_bpnets(
    store: Store,
    config: RivalConfig,
    seed: int,
    executor: Executor,
    folders: Sequence[Path],
    dtype: Callable[[str], str],
    origin: dict[str, Any],
    progress: Progress,
) -> list[Trained]:
    recipe = recipe_of(config, store.n_tracks)
    jobs = {
        folder: CoverageJob(
            store.path,
            bpnet_shape(config),
            recipe,
            seed + k,
            dtype(recipe.precision),
            config.count_weight,
            folder,
            provenance={**origin, "train": plain_data(recipe)},
        )
        for k, folder in enumerate(folders)
    }
    found = _run(executor, train_bpnet, jobs, "training bpnet", progress)
    return [Trained(f, r["n_epochs"], r["best_epoch"], float("nan"), tuple(r["coverage"])) for f, r in found.items()]


def bpnet_shape(config: RivalConfig) -> BPNetShape:
    """The layers of a BPNet with a share of the published filters."""
    return BPNetShape(filters=max(1, round(config.scale * BPNetShape().filters)))


def check(store: Store, config: RivalConfig) -> None:
    """Raise an InputError where a rival cannot learn from a store, or its motifs cannot be read."""
    if config.scorer in ("gkm", "pwm"):
        check_gkm(store.alphabet)
        _matrices(config, store.length)
    elif config.scorer == "kmer":
        check_kmer(store.alphabet)
    elif config.scorer == "bpnet":
        check_shift(store, recipe_of(config, store.n_tracks))
    else:
        make_network(config.scorer, spec_of(replace(config, scale=0.01)), 1, store.length, store.alphabet.n_symbols)


def spec_of(config: RivalConfig) -> dict[str, Any]:
    """What `ambergen.models.factory.make_network` needs for a network, with its published first weights."""
    if config.scorer == "deepbind":
        return {"shape": asdict(DeepBindShape())}
    return {"scale": config.scale} | ({} if config.scorer == "basset" else {"published": True})


def recipe_of(config: RivalConfig, n_tracks: int) -> TrainConfig:
    """The recipe of a network: the one that is given, or the published one.

    The rate of DeepSEA belongs to a mean over 919 tracks; with fewer it is smaller in proportion, so that each track's
    own error moves the weights as far as there.
    """
    if config.recipe is not None:
        return config.recipe
    recipe = train_preset(config.scorer)
    if config.scorer == "deepsea":
        return replace(recipe, learning_rate=recipe.learning_rate * n_tracks / _TRACKS_OF_DEEPSEA)
    return recipe


def drawn_setting(rng: np.random.Generator, recipe: TrainConfig) -> tuple[DeepBindShape, TrainConfig]:
    """A setting of DeepBind as its publication draws it, in the rest like `recipe`.

    Hidden units or none, means or none, dropout of 0, 1/4 or 1/2; the deviations of the first weights and the rate from
    uniform logarithms; the momentum from 0.95 to 0.99.
    """

    def logarithmic(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    shape = DeepBindShape(
        hidden=int(rng.choice([0, 32])),
        average=bool(rng.integers(2)),
        dropout=float(rng.choice([0.0, 0.25, 0.5])),
        motif_deviation=logarithmic(1e-7, 1e-3),
        deviation=logarithmic(1e-5, 1e-2),
    )
    return shape, replace(recipe, learning_rate=logarithmic(5e-4, 5e-2), momentum=float(rng.uniform(0.95, 0.99)))


def _best_setting(
    store: Store,
    config: RivalConfig,
    recipe: TrainConfig,
    seed: int,
    executor: Executor,
    dtype: Callable[[str], str],
    folders: Sequence[Path],
    progress: Progress,
) -> tuple[dict[str, Any], TrainConfig]:
    """Of the drawn settings the one with the best mean AUROC on the selection split; that of a model that is there."""
    for folder in folders:
        if (folder / "model.json").exists():
            record = read_description(folder)
            return record["spec"], TrainConfig(**record["provenance"]["train"])
    settings = [drawn_setting(seeds.generator(seed, "deepbind", k), recipe) for k in range(config.settings)]
    jobs = {
        number: TrainingJob(
            store.path,
            "deepbind",
            {"shape": asdict(shape)},
            replace(one, epochs=max(1, one.epochs // _TRIAL_SHARE)),
            seeds.derive(seed, "deepbind", number),
            dtype(one.precision),
            scored=("selection",),
        )
        for number, (shape, one) in enumerate(settings)
    }
    results = _results(executor, train_network, jobs, "settings of deepbind", progress)
    scores = np.full(len(settings), -1.0)
    for number, result in results.items():
        if result.status == "done":  # a high rate may diverge, which is that setting's fault only
            scores[number] = np.nan_to_num(_mean(result.value.scores["selection"]), nan=-1.0)
    if all(result.status == "failed" for result in results.values()):
        raise JobError(
            f"settings of deepbind: none of {len(settings)} could be trained: {results[0].reason}. The same command "
            "tries them again; where memory was short, use fewer workers (--set execute.workers=1)."
        )
    shape, chosen = settings[int(scores.argmax())]
    return {"shape": asdict(shape)}, chosen


def fit_rival(job: FitJob) -> float:
    """Do `job`; a finished one is scored and not fitted again.

    Returns
    -------
    Mean AUROC of the selection split
    """
    store = Store.open(job.store)
    rows = store.indices("selection")
    model = _fitted(job, store)
    return _mean(ranking(model.predict(store.tokens(rows)), store.labels(rows), store.mask(rows)))


def _fitted(job: FitJob, store: Store) -> Scorer:
    if (job.out / "model.json").exists():
        return load(job.out)
    origin = provenance(job.seed, "cpu", "float64", 1, **job.provenance)
    model: GkmSVM | KmerRegression | MotifScorer
    if job.rival.scorer == "gkm":
        model = GkmSVM.fit(store, job.seed, config=job.rival.gkm, provenance=origin)
    elif job.rival.scorer == "kmer":
        model = KmerRegression.fit(store, job.seed, provenance=origin)
    else:
        model = MotifScorer.choose(store, dict.fromkeys(store.tracks, _matrices(job.rival, store.length)))
        model.provenance = {**origin, **model.provenance}
    model.save(job.out)
    return model


def _matrices(config: RivalConfig, length: int) -> list[PWM]:
    """Those of its file and names that windows of `length` bases have room for; none where there is no file."""
    path = config.motifs
    motifs = () if path is None else read_motifs(path)
    if config.motif:
        motifs = tuple(dict.fromkeys(motif for name in config.motif for motif in motifs_of(motifs, name, str(path))))
    matrices = [PWM.of(motif) for motif in motifs]
    fitting = [matrix for matrix in matrices if matrix.width <= length]
    if matrices and not fitting:
        raise ConfigError(
            f"{path}: its {len(matrices)} motifs are all wider than the windows of {length} bases; expected one that "
            "fits. Use longer windows."
        )
    return fitting


def _facts(store: Store, config: RivalConfig) -> dict[str, Any]:
    """What has to be the same for a model that is there to be the one that is asked for."""
    facts: dict[str, Any] = {"scorer": config.scorer, "store": store.checksum}
    if config.scorer in _TRAINED_BY_STEPS:
        facts |= {"recipe": plain_data(recipe_of(config, store.n_tracks))}
        facts |= {"settings": config.settings} if config.scorer == "deepbind" else {"scale": config.scale}
    if config.scorer == "bpnet":
        facts |= {"count_weight": config.count_weight}
    if config.scorer == "gkm":
        facts |= {"gkm": plain_data(config.gkm)}
    if config.motifs is not None:
        facts |= {"motifs": config.motifs.name, "motif": list(config.motif) or None}
    # Through JSON, so that it equals what is read back from a model
    return dict(json.loads(json.dumps(facts)))


def _check_same(folder: Path, facts: dict[str, Any]) -> None:
    if not (folder / "model.json").exists():
        return
    before = read_description(folder)["provenance"].get("rival", {})
    for name, value in facts.items():
        if before.get(name) != value:
            shown = "another recipe" if name == "recipe" else f"{name} {before.get(name)!r}, not {value!r}"
            raise ConfigError(
                f"{folder}: the model there was trained with {shown}; expected the one that is asked for. Remove the "
                "folder, or go back to the settings."
            )


def _run(
    executor: Executor, function: Callable[[Any], Any], jobs: dict[Any, Any], name: str, progress: Progress
) -> dict[Any, Any]:
    """What the jobs gave back by key, in the order of the jobs."""
    results = _results(executor, function, jobs, name, progress)
    for key, result in results.items():
        if result.status == "failed":
            raise JobError(
                f"{name}: {key} failed: {result.reason}. The same command tries it again; where memory was short, use "
                "fewer workers (--set execute.workers=1), and where it diverged, another --recipe."
            )
    return {key: result.value for key, result in results.items()}


def _results(
    executor: Executor, function: Callable[[Any], Any], jobs: dict[Any, Any], name: str, progress: Progress
) -> dict[Any, JobResult]:
    handles: dict[Job, Any] = {executor.submit(function, job): key for key, job in jobs.items()}
    results: dict[Any, JobResult] = {}
    with progress.task(name, total=len(jobs)) as task:
        for handle in executor.as_completed(handles):
            results[handles[handle]] = handle.result()
            task.advance()
    return {key: results[key] for key in jobs}


def _mean(measured: Ranking) -> float:
    enough = defined(measured.positives, measured.negatives)
    return mean_defined(measured.auroc, enough) if enough.any() else float("nan")

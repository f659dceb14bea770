"""Training on counts of reads: BPNet's loss as an objective, and how well profiles and counts are predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from torch import Tensor, nn

from ambergen.datasets.batches import Batch, DeviceStore
from ambergen.datasets.count_batches import DeviceCounts
from ambergen.datasets.counts import CountLayout
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError
from ambergen.metrics.profiles import jensen_shannon, multinomial_loss
from ambergen.models.bpnet import BPNet, coverage_loss
from ambergen.models.layers import one_hot
from ambergen.training.config import TrainConfig

_WINDOWS = 128
"""That are looked at together; a batch of counts takes as much memory as its columns are many."""

Floats = NDArray[np.float64]


class CoverageObjective:
    """Reads of a store: BPNet's loss is lowered, and that of the watched split judges.

    Parameters
    ----------
    count_weight : of the error of the counts beside that of the profile

    Raises
    ------
    StoreError
        If the store has no counts.
    """

    def __init__(self, data: DeviceStore, count_weight: float) -> None:
        self._data, self._weight = data, count_weight
        self._counts = DeviceCounts(data)

    def settings(self) -> dict[str, Any]:
        return {"objective": "coverage", "count_weight": self._weight}

    def begin(self, network: nn.Module, store: Store, learned: Sequence[str], rows: NDArray[np.int64]) -> None:
        """The network begins at the mean logarithm of the reads of a window, which is nearest to all of them."""
        assert isinstance(network, BPNet)
        logs = [np.log1p(part) for part in window_totals(store, rows)]
        partner = self._counts.layout.reverse_partner
        mean = np.concatenate(logs).mean(axis=0)
        with torch.no_grad():
            network.log_counts.bias.copy_(torch.from_numpy((mean + mean[partner]) / 2))

    def add_gradients(
        self, network: Callable[[Tensor], Any], batch: Batch, config: TrainConfig, dtype: torch.dtype, n_symbols: int, /
    ) -> Tensor:
        counts = self._counts.gather(batch.placement)
        total = torch.zeros((), device=counts.device)
        for at in range(0, len(batch), config.micro_batch):
            part = slice(at, at + config.micro_batch)
            x = one_hot(batch.tokens[part], dtype, n_symbols)
            loss = coverage_loss(network(x), counts[part], self._weight) * (len(x) / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    @torch.no_grad()
    def scores(self, network: nn.Module, rows: np.ndarray, dtype: torch.dtype) -> dict[str, float]:
        """Mean loss of windows, and its two parts: of the profile, and the squared error of the logarithm of counts."""
        was_training = network.training
        network.eval()
        sums = np.zeros(2)
        for part in _parts(rows):
            batch = self._data.gather(torch.as_tensor(part))
            counts = self._counts.gather(batch.placement)
            found = network(one_hot(batch.tokens, dtype, self._data.alphabet.n_symbols))
            profile = float(coverage_loss(found, counts, 0.0))
            error = float(nn.functional.mse_loss(found.log_counts, torch.log1p(counts.sum(dim=2))))
            sums += len(part) * np.array([profile, error])
        network.train(was_training)
        profile_loss, count_error = (sums / max(1, len(rows))).tolist()
        watched = profile_loss + self._weight * count_error
        if not math.isfinite(watched):
            raise RunError(
                f"bpnet: the loss of the selection split is {watched}; the training diverged. Lower the learning rate: "
                "--recipe run --set train.learning_rate=1e-3, with shift and batch as you like."
            )
        return {"watched_loss": watched, "profile_loss": profile_loss, "count_error": count_error}

    def judged(self, record: Mapping[str, float]) -> float:
        return -record["watched_loss"]

    def note(self, record: Mapping[str, float], best: float) -> str:
        return f"loss {record['watched_loss']:.4f}, best {-best:.4f}"


def learned_rows(store: Store, learned: Sequence[str]) -> NDArray[np.int64]:
    """The windows of some splits, in the order of the store."""
    return np.sort(np.concatenate([store.indices(split) for split in learned]))


def window_totals(store: Store, rows: NDArray[np.int64]) -> Iterator[Floats]:
    """(n, n_columns) float64, some windows at a time: the reads of each."""
    for part in _parts(rows):
        yield store.counts(part).sum(axis=2, dtype=np.float64)


def balancing_weight(store: Store, learned: Sequence[str]) -> float:
    """Half of the mean reads of a window and column: with it the two errors weigh about as much as each other.

    References
    ----------
    Avsec et al., Nature Genetics 53, 354-366 (2021), methods.
    """
    reads = np.concatenate(list(window_totals(store, learned_rows(store, learned))))
    return float(reads.mean()) / 2


def check_shift(store: Store, config: TrainConfig) -> None:
    """Raise ConfigError where a training moves windows further than the counts of a store reach."""
    layout = store.need_counts()
    if config.shift > layout.shift:
        raise ConfigError(
            f"train.shift: {config.shift} bases, and the counts of {store.path} reach {layout.shift} bases beyond the "
            f"windows' middle; expected at most as many. Set data.counts.shift to {config.shift}, or train.shift lower."
        )


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for at in range(0, len(rows), _WINDOWS):
        yield rows[at : at + _WINDOWS]


# ---- predictions


class Predicted(NamedTuple):
    """Of windows, means over both strands.

    profile : (n, n_columns, width) float64, the share of a column's reads that begins at each base
    log_counts : (n, n_columns) float64, natural logarithm of 1 plus the reads
    """

    profile: Floats
    log_counts: Floats


@torch.no_grad()
def predict_coverage(
    network: BPNet, data: DeviceStore, layout: CountLayout, rows: NDArray[np.int64], dtype: torch.dtype = torch.float32
) -> Iterator[Predicted]:
    """Profiles and counts of windows, some at a time, from the mean of both strands where the symbols have two."""
    partner = torch.as_tensor(layout.reverse_partner, device=data.device)
    n_symbols = data.alphabet.n_symbols

    def strand(indices: Tensor, reverse: Tensor | None) -> tuple[Tensor, Tensor]:
        found = network(one_hot(data.gather(indices, reverse=reverse).tokens, dtype, n_symbols))
        return torch.softmax(found.profile.double(), dim=2), found.log_counts.double()

    network.eval()
    for part in _parts(rows):
        indices = torch.as_tensor(part)
        profile, log_counts = strand(indices, None)
        if data.alphabet.complement is not None:
            other_profile, other_counts = strand(indices, torch.ones(len(part), dtype=torch.bool))
            profile = (profile + other_profile[:, partner].flip(2)) / 2
            log_counts = (log_counts + other_counts[:, partner]) / 2
        yield Predicted(profile.cpu().numpy(), log_counts.cpu().numpy())


def track_scores(log_counts: Floats, layout: CountLayout) -> Floats:
    """(n, n_columns) logarithms of 1 plus the reads -> (n, n_tracks) logarithms of their sum over a track's strands."""
    scores = np.full((len(log_counts), len(layout.tracks)), -np.inf)
    for column, track in enumerate(layout.track_of_column):
        scores[:, track] = np.logaddexp(scores[:, track], log_counts[:, column])
    return scores


# ---- how well


def measure(
    network: BPNet, data: DeviceStore, learned: Sequence[str], split: str, dtype: torch.dtype = torch.float32
) -> list[dict[str, Any]]:
    """How well the counts and profiles of a split are predicted, a record a track.

    Counts are held against the logarithms of the reads of a window (Pearson and Spearman correlation over all windows,
    nan where all have the same number); profiles by the mean multinomial loss and Jensen-Shannon distance over the
    windows in which a strand has reads, beside those of a uniform profile and of the mean profile of the windows that
    were learnt from.

    Returns
    -------
    Records with track, windows, reads, count_pearson, count_spearman, and profile_loss, uniform_loss, mean_loss,
    profile_distance, uniform_distance and mean_distance (None where no window has reads)
    """
    store = data.store
    layout, rows = store.need_counts(), store.indices(split)
    rivals = {"uniform": np.full((layout.n_columns, layout.width), 1 / layout.width), "mean": _mean(store, learned)}
    scores, observed = [], []
    sums = {f"{name}_{kind}": np.zeros(layout.n_columns) for name in ("profile", *rivals) for kind in _MEASURES}
    n_with_reads = np.zeros(layout.n_columns)
    for part, predicted in zip(_parts(rows), predict_coverage(network, data, layout, rows, dtype), strict=True):
        counts = store.counts(part).astype(np.float64)
        totals = counts.sum(axis=2)
        scores.append(track_scores(predicted.log_counts, layout))
        observed.append(layout.totals(totals))
        n_with_reads += (totals > 0).sum(axis=0)
        for name, profile in {"profile": predicted.profile, **rivals}.items():
            for kind, of in _MEASURES.items():
                sums[f"{name}_{kind}"] += np.where(totals > 0, of(counts, profile), 0.0).sum(axis=0)
    of_track = [np.flatnonzero(np.array(layout.track_of_column) == track) for track in range(len(layout.tracks))]
    said = np.concatenate(scores) if scores else np.empty((0, len(layout.tracks)))
    found = np.concatenate(observed) if observed else said
    return [
        {
            "split": split,
            "track": name,
            "windows": len(rows),
            "reads": float(found[:, track].sum()),
            "count_pearson": _correlation(pearsonr, said[:, track], found[:, track]),
            "count_spearman": _correlation(spearmanr, said[:, track], found[:, track]),
            **{kind: _ratio(values[columns].sum(), n_with_reads[columns].sum()) for kind, values in sums.items()},
        }
        for track, (name, columns) in enumerate(zip(layout.tracks, of_track, strict=True))
    ]


def _loss(counts: Floats, profile: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return multinomial_loss(counts, np.log(profile))


_MEASURES: dict[str, Callable[[Floats, Floats], Floats]] = {"loss": _loss, "distance": jensen_shannon}


def _mean(store: Store, learned: Sequence[str]) -> Floats:
    """(n_columns, width): the mean profile of windows, with one read more in all so that no base is impossible."""
    layout = store.need_counts()
    reads = np.zeros((layout.n_columns, layout.width))
    for part in _parts(learned_rows(store, learned)):
        reads += store.counts(part).sum(axis=0, dtype=np.float64)
    reads += 1 / layout.width
    return reads / reads.sum(axis=1, keepdims=True)


def _correlation(of: Callable[..., Any], scores: Floats, reads: Floats) -> float | None:
    logs = np.log1p(reads)
    if len(logs) < 2 or np.ptp(logs) == 0 or np.ptp(scores) == 0:
        return None
    return float(of(scores, logs).statistic)


def _ratio(total: float, n: float) -> float | None:
    return float(total / n) if n else None

"""A trained model: weights, what they are weights of, tracks and provenance. It is a Scorer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file

from ambergen.models.factory import make_network
from ambergen.models.layers import TrackNetwork
from ambergen.models.twins import logits_of
from ambergen.sequence.alphabets import by_name
from ambergen.sequence.onehot import reverse_complement
from ambergen.training.predict import windows_at_once
from ambergen.training.saving import check_windows, loading, save_scorer

_TWINS = 4
"""Rows that are taken at once, for each of these windows."""


class Model:
    """A network with all that is needed to use and to describe it.

    kind, spec : what the network is; see `ambergen.models.factory.make_network`
    tracks : names of the outputs
    reverse_partner : (n_tracks,), the track that each becomes on the other strand
    provenance : seed, versions, store checksum, configuration
    """

    output: Literal["logit", "raw"] = "logit"

    def __init__(
        self,
        network: TrackNetwork,
        kind: str,
        spec: dict[str, Any],
        tracks: tuple[str, ...],
        reverse_partner: np.ndarray,
        alphabet: str = "dna",
        provenance: dict[str, Any] | None = None,
    ) -> None:
        self.network, self.kind, self.spec = network.eval(), kind, spec
        self.tracks, self.reverse_partner = tracks, np.asarray(reverse_partner, dtype=np.int64)
        self.alphabet, self.provenance = by_name(alphabet), provenance or {}

    @property
    def length(self) -> int:
        return self.network.length

    def predict(self, tokens: np.ndarray, batch: int | None = None) -> np.ndarray:
        """Logits of windows, the mean of both strands; stranded tracks swap on the other one.

        Parameters
        ----------
        tokens : (n, length), uint8
        batch : windows that the network takes at once; default: see `windows_at_once`

        Returns
        -------
        (n, n_tracks), float32
        """
        return self.predict_twins(tokens, np.arange(len(tokens)), batch=batch)

    def predict_strand(self, tokens: np.ndarray, batch: int | None = None) -> np.ndarray:
        """Logits of windows on the strand that is given; see `predict`."""
        return self.predict_twins(tokens, np.arange(len(tokens)), both_strands=False, batch=batch)

    @torch.no_grad()
    def predict_twins(
        self, tokens: np.ndarray, twin_of: np.ndarray, both_strands: bool = True, batch: int | None = None
    ) -> np.ndarray:
        """Logits of windows some of which differ from others in a few neighbouring bases, which is what they cost.

        Parameters
        ----------
        tokens : (n, length), uint8
        twin_of : (n,), the row of the window that each resembles, its own where there is none

        Returns
        -------
        (n, n_tracks), float32
        """
        check_windows(tokens, self.length, "model")
        logits = np.empty((len(tokens), len(self.tracks)), np.float32)
        for rows, window in _batches(twin_of, batch or windows_at_once(self.length, self._device)):
            logits[rows] = self._strands(tokens[rows], window, both_strands)
        return logits

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _strands(self, tokens: np.ndarray, window: np.ndarray, both: bool) -> np.ndarray:
        forward = self._logits(tokens, window)
        if not both or self.alphabet.complement is None:
            return forward
        reverse = self._logits(reverse_complement(tokens, self.alphabet), window)
        return (forward + reverse[:, self.reverse_partner]) / 2

    def _logits(self, tokens: np.ndarray, window: np.ndarray) -> np.ndarray:
        values = torch.as_tensor(np.ascontiguousarray(tokens), device=self._device)
        twin_of = torch.as_tensor(window, device=self._device)
        return logits_of(self.network, values, twin_of, self.alphabet.n_symbols).float().cpu().numpy()

    def save(self, folder: str | Path) -> Path:
        """Write the model into a folder; see `ambergen.training.saving.save_scorer`."""
        arrays = {name: values.cpu().numpy() for name, values in self.network.state_dict().items()}
        partner = self.reverse_partner.tolist()
        return save_scorer(self, folder, self.kind, self.spec, arrays, "zeros", self.alphabet.name, partner)

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device = "cpu") -> Model:
        """The model that `save` wrote.

        Raises
        ------
        StoreError
            If it is absent, damaged, or of another version.
        """
        with loading(folder) as (arrays, record):
            kind, spec, tracks, alphabet = (record[name] for name in ("kind", "spec", "tracks", "alphabet"))
            network = make_network(kind, spec, len(tracks), record["length"], by_name(alphabet).n_symbols)
            network.load_state_dict(load_file(arrays))
            partner = np.array(record["reverse_partner"])
            return cls(network.to(device), kind, spec, tuple(tracks), partner, alphabet, record["provenance"])


def _batches(twin_of: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of at most `size` windows with their twins behind them, and which of these rows each is a twin of."""
    place = np.arange(len(twin_of))
    is_twin = twin_of != place
    order = np.lexsort((is_twin, twin_of))
    number = np.cumsum(~is_twin[order]) - 1
    for batch in np.split(order, np.flatnonzero(np.diff(number // size)) + 1) if len(order) else ():
        for at in range(0, len(batch), _TWINS * size):
            rows = batch[at : at + _TWINS * size]
            own = np.arange(len(rows))
            place[:] = -1
            place[rows] = own
            window = place[twin_of[rows]]
            yield rows, np.where(window < 0, own, window)  # a twin whose window went before stands alone

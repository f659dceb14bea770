"""DeepBind as a Scorer: a network that was trained here, or a published one, with its own effect of a variant."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ambergen.errors import ConfigError
from ambergen.io.deepbind import read_deepbind
from ambergen.models.deepbind import DeepBind, DeepBindShape
from ambergen.models.layers import one_hot
from ambergen.sequence.changed_spans import changed_spans
from ambergen.training.model import Model
from ambergen.training.saving import check_windows

_STRETCHES = 4096
"""Short stretches that are scored at a time."""
_PAIRS = 256
"""Pairs of alleles that are cut into stretches at a time."""

Tokens = NDArray[np.uint8]
Floats = NDArray[np.float32]


class DeepBindScorer:
    """One DeepBind a track; a Scorer.

    Attributes
    ----------
    model : the network with its tracks and provenance
    stretch : bases of the stretches that a published model is slid over windows in; None for a model that was trained
        on whole windows, which it also scores as a whole
    length, tracks, reverse_partner, provenance : those of `model`
    output : "raw" of a published model, whose scores have no scale; else "logit"

    Notes
    -----
    A published model scores a window by its best stretch, as long as a detector. The effect of a variant is, whichever
    the model, the best score of the stretches that cover it, alternate minus reference; beyond the ends of a stretch,
    and where a base is not known, each base counts a quarter. DeepBind's own program slides stretches of one and a half
    detectors where it is not told otherwise (`window`).

    References
    ----------
    Alipanahi, Delong, Weirauch & Frey, Nature Biotechnology 33, 831-838 (2015).
    """

    def __init__(self, model: Model) -> None:
        assert isinstance(model.network, DeepBind)
        self.model, self.network = model, model.network
        self.stretch: int | None = model.spec.get("stretch")
        self.output: Literal["logit", "raw"] = "logit" if self.stretch is None else "raw"
        model.output = self.output
        self.length, self.tracks = model.length, model.tracks
        self.reverse_partner, self.provenance = model.reverse_partner, model.provenance

    @classmethod
    def published(
        cls, path: str | Path, length: int = 101, window: int | None = None, track: str | None = None
    ) -> Self:
        """A model of the published collection.

        Parameters
        ----------
        path : its text file, plain or gzip; see `ambergen.io.deepbind.read_deepbind`
        length : bases of the windows that it is to score
        window : bases of the stretches that are slid over them; default: the detectors' length
        track : name of its output; default: that of the file

        Raises
        ------
        FileFormatError
            If it is not such a file.
        ConfigError
            If the stretches are not shorter than the windows.
        """
        path = Path(path)
        found = read_deepbind(path)
        n_detectors, _, width = found.detectors.shape
        stretch = width if window is None else window
        if not 0 < stretch <= length:
            raise ConfigError(
                f"{path}: windows of {length} bases and stretches of {stretch}; expected stretches from 1 base to a "
                f"window (the detectors have {width}). Use longer windows."
            )
        shape = DeepBindShape(n_detectors, width, found.average, found.hidden, found.both_strands)
        network = DeepBind(1, length, shape)
        state = {
            "detectors.weight": found.detectors[:, :, None],
            "detectors.bias": found.thresholds,
            "output.weight": found.weights2[None] if found.hidden else found.weights1.T,
            "output.bias": found.biases2 if found.hidden else found.biases1,
        }
        if found.hidden:
            state |= {"hidden.0.weight": found.weights1[None], "hidden.0.bias": found.biases1[None]}
        network.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in state.items()})
        name = track or path.name.removesuffix(".gz").removesuffix(".txt")
        spec = {"shape": asdict(shape), "stretch": stretch}
        origin = {"published": path.name, "source": "Alipanahi et al., Nature Biotechnology 33, 831-838 (2015)"}
        return cls(Model(network, "deepbind", spec, (name,), np.zeros(1, np.int64), provenance=origin))

    def predict(self, tokens: Tokens) -> Floats:
        """Scores of windows: of the whole, or of their best stretch.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        if self.stretch is None:
            return self.model.predict(tokens)
        check_windows(tokens, self.length, "DeepBind")
        everywhere = np.ones((1, self.length - self.stretch + 1), bool)
        parts = [self._best(tokens[at : at + _PAIRS], everywhere) for at in range(0, len(tokens), _PAIRS)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.tracks)), np.float32)

    def variant_effect(self, ref: Tokens, alt: Tokens, index: int) -> Floats:
        """Best score of the stretches that cover the variant, alternate minus reference; nan where none does.

        See `ambergen.sequence.scorer.VariantScorer`.
        """
        check_windows(ref, self.length, "DeepBind")
        check_windows(alt, self.length, "DeepBind")
        width = self._width
        places = self.length - width + 1
        out = np.empty((len(ref), len(self.tracks)), np.float32)
        for at in range(0, len(ref), _PAIRS):
            part = slice(at, at + _PAIRS)
            spans = changed_spans(ref[part], alt[part], index)
            before = self._best(ref[part], spans.touched(width, places, alt=False))
            out[part] = self._best(alt[part], spans.touched(width, places, alt=True)) - before
        return out

    @property
    def _width(self) -> int:
        """Bases of a stretch; a window that is shorter than a detector is one stretch."""
        return min(self.stretch or self.network.shape.width, self.length)

    def _best(self, tokens: Tokens, touched: NDArray[np.bool_]) -> Floats:
        """Best score of the stretches that are `touched`, (n, n_places); nan where none is."""
        touched = np.broadcast_to(touched, (len(tokens), touched.shape[1]))
        rows, starts = np.nonzero(touched)
        scores = self._scores(sliding_window_view(tokens, self._width, axis=1)[rows, starts])
        best = np.full((len(tokens), len(self.tracks)), np.nan, np.float32)
        some, first = np.unique(rows, return_index=True)
        if len(some):
            best[some] = np.maximum.reduceat(scores, first)
        return best

    @torch.no_grad()
    def _scores(self, stretches: Tokens) -> Floats:
        """(n, width) -> (n, n_tracks); equal stretches are scored once."""
        device = next(self.network.parameters()).device
        different, place = np.unique(stretches, axis=0, return_inverse=True)
        out = np.empty((len(different), len(self.tracks)), np.float32)
        for at in range(0, len(different), _STRETCHES):
            x = one_hot(torch.as_tensor(different[at : at + _STRETCHES], device=device))
            out[at : at + _STRETCHES] = self.network(x).float().cpu().numpy()
        return out[place.ravel()]

    def describe(self) -> str:
        """What it is, in a few words."""
        shape = self.network.shape
        pools = "maxima and means" if shape.average else "maxima"
        hidden = f"{shape.hidden} hidden units" if shape.hidden else "no hidden units"
        return f"DeepBind with {shape.detectors} detectors of {shape.width} bases, {pools}, {hidden}"

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder; see `ambergen.training.saving.save_scorer`."""
        return self.model.save(folder)

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """What `save`, or a training, wrote.

        Raises
        ------
        StoreError
            If it is absent, damaged, or of another version.
        """
        return cls(Model.load(folder, device))

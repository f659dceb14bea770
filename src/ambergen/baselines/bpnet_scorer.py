"""BPNet as a Scorer: the logarithm of the reads that it expects, and the profile of where they begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from ambergen.datasets.counts import CountLayout
from ambergen.metrics.profiles import jensen_shannon
from ambergen.models.bpnet import BPNet, BPNetShape
from ambergen.models.layers import one_hot
from ambergen.sequence.alphabets import by_name
from ambergen.sequence.onehot import reverse_complement
from ambergen.training.coverage import Predicted, track_scores
from ambergen.training.predict import windows_at_once
from ambergen.training.saving import check_windows, loading, save_scorer

Tokens = NDArray[np.uint8]


class BPNetScorer:
    """One BPNet for the counts of several experiments; a Scorer.

    Its score of a window and track is the natural logarithm of the reads that it expects there, plus one for each
    strand that is counted: ``log(1 + plus + 1 + minus)`` of a track with two. The effect of a variant, alternate minus
    reference, is so the logarithm of a fold change.

    Attributes
    ----------
    network : BPNet
    layout : which strand of which track each of its columns is
    length : bases of a window
    tracks : the experiments; both strands of one are one track
    reverse_partner : (n_tracks,): each track is its own, for its strands swap within it
    output : "raw"

    References
    ----------
    Avsec et al., Nature Genetics 53, 354-366 (2021).
    """

    output: Literal["raw"] = "raw"

    def __init__(
        self, network: BPNet, layout: CountLayout, alphabet: str = "dna", provenance: dict[str, Any] | None = None
    ) -> None:
        self.network, self.layout = network.eval(), layout
        self.length, self.tracks = network.length, layout.tracks
        self.reverse_partner = np.arange(len(layout.tracks))
        self.alphabet, self.provenance = by_name(alphabet), provenance or {}

    def predict(self, tokens: Tokens) -> NDArray[np.float32]:
        """Logarithms of the reads of windows, from the mean of both strands.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        return self._scores(tokens, both=True)

    def predict_strand(self, tokens: Tokens) -> NDArray[np.float32]:
        """Logarithms of the reads of windows as they are given; see `predict`."""
        return self._scores(tokens, both=False)

    def coverage(self, tokens: Tokens) -> Predicted:
        """Profiles and logarithms of counts of windows, a column a strand, means over both strands of the window.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        Predicted
            profile : (n, n_columns, width) float64, shares of a column's reads; log_counts : (n, n_columns) float64
        """
        check_windows(tokens, self.length, "BPNet")
        parts = list(self._coverage(tokens, both=True))
        n_columns = self.layout.n_columns
        if not parts:
            return Predicted(np.empty((0, n_columns, self.layout.width)), np.empty((0, n_columns)))
        return Predicted(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def profile_change(self, ref: Tokens, alt: Tokens) -> NDArray[np.float64]:
        """How far a variant moves where the reads of a window begin, whatever their number.

        Parameters
        ----------
        ref, alt : (n, length), uint8

        Returns
        -------
        (n, n_tracks), from 0 to sqrt(log 2)
            Jensen-Shannon distance of the profiles of both alleles, the mean of a track's strands. It has no sign.
        """
        distance = jensen_shannon(self.coverage(ref).profile, self.coverage(alt).profile)
        n_strands = np.bincount(self.layout.track_of_column)
        return np.asarray(self.layout.totals(distance) / n_strands)

    def _scores(self, tokens: Tokens, both: bool) -> NDArray[np.float32]:
        check_windows(tokens, self.length, "BPNet")
        parts = [track_scores(part.log_counts, self.layout) for part in self._coverage(tokens, both)]
        return np.concatenate(parts).astype(np.float32) if parts else np.empty((0, len(self.tracks)), np.float32)

    def _coverage(self, tokens: Tokens, both: bool) -> Iterator[Predicted]:
        device = next(self.network.parameters()).device
        size = windows_at_once(self.length, device)
        partner = self.layout.reverse_partner
        for at in range(0, len(tokens), size):
            part = tokens[at : at + size]
            found = self._strand(part, device)
            if both and self.alphabet.complement is not None:
                other = self._strand(reverse_complement(part, self.alphabet), device)
                found = Predicted(
                    (found.profile + other.profile[:, partner, ::-1]) / 2,
                    (found.log_counts + other.log_counts[:, partner]) / 2,
                )
            yield found

    @torch.no_grad()
    def _strand(self, tokens: Tokens, device: torch.device) -> Predicted:
        x = one_hot(torch.as_tensor(np.ascontiguousarray(tokens), device=device), n_symbols=self.alphabet.n_symbols)
        found = self.network(x)
        profile = torch.softmax(found.profile.double(), dim=2)
        return Predicted(profile.cpu().numpy(), found.log_counts.double().cpu().numpy())

    def describe(self) -> str:
        """What it is, in a few words."""
        shape = self.network.shape
        return (
            f"BPNet with {shape.filters} filters, {shape.layers} dilated layers and {self.layout.n_columns} profiles "
            f"of {self.layout.width} bases"
        )

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder; see `ambergen.training.saving.save_scorer`."""
        arrays = {name: values.cpu().numpy() for name, values in self.network.state_dict().items()}
        spec = {"shape": asdict(self.network.shape), "counts": self.layout.to_dict()}
        return save_scorer(self, folder, "bpnet", spec, arrays, "zeros", self.alphabet.name)

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """What `save`, or a training, wrote.

        Raises
        ------
        StoreError
            If it is absent, damaged, or of another version.
        """
        with loading(folder) as (arrays, record):
            layout = CountLayout.from_dict(record["spec"]["counts"])
            n_symbols = by_name(record["alphabet"]).n_symbols
            shape = BPNetShape(**record["spec"]["shape"])
            network = BPNet(layout.n_columns, record["length"], shape, layout.width, n_symbols)
            network.load_state_dict(load_file(arrays))
            return cls(network.to(device), layout, record["alphabet"], record["provenance"])

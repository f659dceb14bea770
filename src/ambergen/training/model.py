"""A trained model: weights, what they are weights of, tracks and provenance. It is a Scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ambergen.errors import InputError, SpaceError, StoreError
from ambergen.models.factory import make_network
from ambergen.models.layers import TrackNetwork, one_hot
from ambergen.sequence.alphabets import by_name
from ambergen.sequence.onehot import reverse_complement
from ambergen.training.saving import ARRAYS, check_windows, read_description, write_model

_OF_A_WRONG_VALUE = (KeyError, TypeError, ValueError, AttributeError)


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

    @torch.no_grad()
    def predict(self, tokens: np.ndarray, batch: int = 512) -> np.ndarray:
        """Logits of windows, the mean of both strands; stranded tracks swap on the other one.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        check_windows(tokens, self.length, "model")
        parts = [self._both_strands(tokens[at : at + batch]) for at in range(0, len(tokens), batch)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.tracks)), np.float32)

    @torch.no_grad()
    def predict_strand(self, tokens: np.ndarray, batch: int = 512) -> np.ndarray:
        """Logits of windows on the strand that is given.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        check_windows(tokens, self.length, "model")
        parts = [self._logits(tokens[at : at + batch]) for at in range(0, len(tokens), batch)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.tracks)), np.float32)

    def _both_strands(self, tokens: np.ndarray) -> np.ndarray:
        forward = self._logits(tokens)
        if self.alphabet.complement is None:
            return forward
        reverse = self._logits(reverse_complement(tokens, self.alphabet))
        return (forward + reverse[:, self.reverse_partner]) / 2

    def _logits(self, tokens: np.ndarray) -> np.ndarray:
        device = next(self.network.parameters()).device
        x = one_hot(torch.as_tensor(np.ascontiguousarray(tokens), device=device), n_symbols=self.alphabet.n_symbols)
        return self.network(x).float().cpu().numpy()

    def save(self, folder: str | Path) -> Path:
        """Write the model into a folder; see `ambergen.training.saving.write_model`."""
        folder = Path(folder)
        arrays = {name: values.cpu().numpy() for name, values in self.network.state_dict().items()}
        facts = {
            "kind": self.kind,
            "spec": self.spec,
            "length": self.length,
            "tracks": list(self.tracks),
            "reverse_partner": self.reverse_partner.tolist(),
            "alphabet": self.alphabet.name,
            "output": self.output,
            "unknown": "zeros",
            "provenance": self.provenance,
        }
        write_model(folder, arrays, facts)
        return folder

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device = "cpu") -> Model:
        """The model that `save` wrote.

        Raises
        ------
        StoreError
            If it is absent, damaged, or of another version.
        """
        folder = Path(folder)
        record = read_description(folder)
        try:
            network = make_network(
                record["kind"],
                record["spec"],
                len(record["tracks"]),
                record["length"],
                by_name(record["alphabet"]).n_symbols,
            )
            network.load_state_dict(load_file(folder / ARRAYS))
            return cls(
                network.to(device),
                record["kind"],
                record["spec"],
                tuple(record["tracks"]),
                np.array(record["reverse_partner"]),
                record["alphabet"],
                record["provenance"],
            )
        except SpaceError as error:  # a plugin may be missing: nothing that training again would mend
            raise StoreError(f"{folder}: the model does not load: {error}") from error
        except (InputError, SafetensorError, OSError, RuntimeError, *_OF_A_WRONG_VALUE) as error:
            raise StoreError(
                f"{folder}: the model does not load ({type(error).__name__}: {str(error)[:200]}). The folder is "
                "damaged or incomplete; train the model again."
            ) from error

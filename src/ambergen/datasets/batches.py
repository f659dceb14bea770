"""Batches assembled on the device that trains: index arithmetic on tokens, labels as bits until they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from ambergen.datasets.counts import COUNTS
from ambergen.datasets.labels import unpack
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.sequence.alphabets import Alphabet

# A store moves to the accelerator whole if it leaves this share of the free memory to the network.
_SHARE_FOR_NETWORK = 0.5


@dataclass(frozen=True, eq=False)
class Placement:
    """Which windows of a store a batch holds, how far each was moved, which were turned; see `DeviceStore.gather`."""

    indices: Tensor
    shift: Tensor | None
    reverse: Tensor | None


class Batch:
    """Some windows, on the device.

    Attributes
    ----------
    tokens : (n, length) uint8
    placement : where they are from
    """

    def __init__(self, tokens: Tensor, labels: PackedLabels, known: PackedLabels | None, placement: Placement) -> None:
        self.tokens = tokens
        self.placement = placement
        self._labels = labels
        self._known = known

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def labels(self) -> Tensor:
        """(n, n_tracks) uint8, 0 or 1; 0 also where the label is not known."""
        return self._labels.unpacked()

    @property
    def known(self) -> Tensor | None:
        """(n, n_tracks) bool; None where all labels are known."""
        return None if self._known is None else self._known.unpacked().bool()


class PackedLabels:
    """Labels of a batch as bits, unpacked when they are first asked for."""

    def __init__(self, packed: Tensor, reverse: Tensor | None, partner: Tensor | None, n_tracks: int) -> None:
        self._packed = packed
        self._reverse = reverse
        self._partner = partner
        self._n_tracks = n_tracks
        self._unpacked: Tensor | None = None

    def unpacked(self) -> Tensor:
        """(n, n_tracks) uint8; where the window is reversed, each track has its partner's label."""
        if self._unpacked is None:
            labels = _unpack(self._packed, self._n_tracks)
            if self._reverse is not None and self._partner is not None:
                labels = torch.where(self._reverse[:, None], labels[:, self._partner], labels)
            self._unpacked = labels
        return self._unpacked


def _unpack(packed: Tensor, n_tracks: int) -> Tensor:
    if packed.device.type == "cpu":  # NumPy takes a third of torch's time here
        return torch.from_numpy(unpack(packed.numpy(), n_tracks))
    bits = torch.arange(8, dtype=torch.uint8, device=packed.device)
    return ((packed.unsqueeze(-1) >> bits) & 1).flatten(1)[:, :n_tracks]


class DeviceStore:
    """A store whose windows are assembled on a device.

    Where the store fits into an accelerator's memory beside a network, it is copied there whole; else batches are
    assembled by the processor and sent.

    Parameters
    ----------
    store : the data set
    device : as torch names it
    """

    def __init__(self, store: Store, device: str | torch.device = "cpu") -> None:
        self.store = store
        self.device = torch.device(device)
        self.length = store.length
        self.n_tracks = store.n_tracks
        self.alphabet = store.alphabet
        partner = store.reverse_partner
        is_stranded = bool((partner != np.arange(len(partner))).any())
        self._partner = torch.from_numpy(partner).to(self.device) if is_stranded else None
        self.is_resident = self.device.type != "cpu" and _fits(store, self.device)
        self._source: _Resident | _Mapped = _Resident(store, self.device) if self.is_resident else _Mapped(store)

    def gather(self, indices: Tensor, shift: Tensor | None = None, reverse: Tensor | None = None) -> Batch:
        """Assemble windows.

        Parameters
        ----------
        indices : (n,) int64, windows of the store
        shift : (n,) int64
            Bases to move each window to the right, at most `Store.max_shift` either way.
        reverse : (n,) bool
            Which windows are reverse-complemented; the columns of partner tracks swap in them.
        """
        if reverse is not None and self.alphabet.complement is None:
            raise ConfigError(
                f"the alphabet '{self.alphabet.name}' has no complement, so a window has one strand only. "
                "Switch reverse complements off for this data (train.reverse_complement: false)."
            )
        tokens, packed, known = self._source.gather(indices, shift, reverse)
        where = None if reverse is None else reverse.to(self.device)
        labels = PackedLabels(packed.to(self.device), where, self._partner, self.n_tracks)
        mask = None if known is None else PackedLabels(known.to(self.device), where, self._partner, self.n_tracks)
        return Batch(tokens.to(self.device), labels, mask, Placement(indices, shift, reverse))


class _Mapped:
    """Gathers with NumPy from the files of a store; several times faster than torch on the processor."""

    def __init__(self, store: Store) -> None:
        self._windows = sliding_window_view(store.token_line, store.length)
        self._offsets = store.offsets
        self._labels = store.packed_labels
        self._known = store.packed_known
        self._turn = ReverseComplement(store.alphabet)

    def gather(
        self, indices: Tensor, shift: Tensor | None, reverse: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Tokens, labels and known labels, the latter two as bits."""
        rows = indices.cpu().numpy()
        start = self._offsets[rows] if shift is None else self._offsets[rows] + shift.cpu().numpy()
        tokens = self._windows[start]
        if reverse is not None:
            self._turn(tokens, reverse.cpu().numpy())
        known = None if self._known is None else torch.from_numpy(self._known[rows])
        return torch.from_numpy(tokens), torch.from_numpy(self._labels[rows]), known


class ReverseComplement:
    """Turns rows of tokens in place, on the processor, faster than `sequence.onehot.reverse_complement`."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._unknown = alphabet.unknown_token
        self._table = alphabet.complement_table if alphabet.complement is not None else None
        # Where the partner of a token is last - token, arithmetic does the work of the table in a tenth of its time
        mirrored = np.arange(self._unknown, dtype=np.uint8)[::-1]
        self._is_mirror = self._table is not None and bool((self._table[:-1] == mirrored).all())

    def __call__(self, tokens: NDArray[np.uint8], reverse: NDArray[np.bool_]) -> None:
        """Replace the rows of `tokens` by their reverse complements where `reverse` says so."""
        assert self._table is not None
        rows = np.flatnonzero(reverse)
        # torch flips bytes, and takes their minimum, several times faster than NumPy
        flipped = torch.from_numpy(tokens[rows]).flip(1)
        other = flipped.numpy()
        if self._is_mirror:
            np.subtract(np.uint8(self._unknown - 1), other, out=other)
            flipped.clamp_(max=self._unknown)  # last - unknown has wrapped around to 255
        else:
            other = self._table[other]
        tokens[rows] = other


class _Resident:
    """Gathers on an accelerator that holds the whole store."""

    def __init__(self, store: Store, device: torch.device) -> None:
        self._length = store.length
        self._line = _to_device(store.token_line, device)
        self._offsets = _to_device(store.offsets, device)
        self._labels = _to_device(store.packed_labels, device)
        self._known = None if store.packed_known is None else _to_device(store.packed_known, device)
        self._columns = torch.arange(store.length, device=device)
        alphabet = store.alphabet
        self._table = None if alphabet.complement is None else _to_device(alphabet.complement_table, device)

    def gather(
        self, indices: Tensor, shift: Tensor | None, reverse: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Tokens, labels and known labels, the latter two as bits."""
        device = self._line.device
        rows = indices.to(device, non_blocking=True)
        start = self._offsets[rows]
        if shift is not None:
            start = start + shift.to(device, non_blocking=True)
        position = start[:, None] + self._columns
        if reverse is None:
            tokens = self._line[position]
        else:
            assert self._table is not None
            where = reverse.to(device, non_blocking=True)[:, None]
            # The other strand is read from the window's end, so no row moves twice
            tokens = self._line[torch.where(where, (start + self._length - 1)[:, None] - self._columns, position)]
            tokens = torch.where(where, self._table[tokens.int()], tokens)
        return tokens, self._labels[rows], None if self._known is None else self._known[rows]


def _to_device(array: NDArray, device: torch.device) -> Tensor:
    """A copy, piece by piece, so that a genome does not come into the processor's memory whole."""
    tensor = torch.empty(array.shape, dtype=torch.from_numpy(array[:0].copy()).dtype, device=device)
    piece = 1 << 26
    rows = max(1, piece // max(1, array[:1].nbytes))
    for first in range(0, len(array), rows):
        tensor[first : first + rows] = torch.from_numpy(np.array(array[first : first + rows])).to(device)
    return tensor


def _fits(store: Store, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    needed = sum(entry["bytes"] for name, entry in store.manifest["files"].items() if name != COUNTS)
    free, _ = torch.cuda.mem_get_info(device)
    return needed < (1 - _SHARE_FOR_NETWORK) * free


def epoch(
    data: DeviceStore,
    indices: NDArray[np.int64],
    batch: int,
    rng: np.random.Generator | None,
    reverse_complement: bool = False,
    shift: int = 0,
    drop_last: bool = False,
    skip: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> Iterator[Batch]:
    """All windows of `indices` once.

    Parameters
    ----------
    indices : (n,) windows of the store
    batch : windows in a batch
    rng : decides order and augmentation; None for the order of `indices` without augmentation
    reverse_complement : turn half of the windows, drawn at random, to the other strand
    shift : move each window by up to so many bases either way; never further than `Store.max_shift`
    drop_last : leave out a last batch that is smaller than `batch`; its windows change from epoch to epoch
    skip : batches at the start that are not assembled, for an epoch that is continued; the others stay as they are
    rank, ranks : of every batch, only each `ranks`-th window from the one of number `rank` on, for processes that share
        a batch out among them
    """
    n = len(indices)
    order = np.asarray(indices, dtype=np.int64)
    shifts = turned = None
    if rng is not None:
        order = rng.permutation(order)
        reach = min(shift, data.store.max_shift)
        shifts = torch.from_numpy(rng.integers(-reach, reach, size=n, endpoint=True)) if reach > 0 else None
        turned = torch.from_numpy(rng.random(n) < 0.5) if reverse_complement else None
    rows = torch.from_numpy(np.ascontiguousarray(order))
    for first in range(skip * batch, n - batch + 1 if drop_last else n, batch):
        part = slice(first + rank, first + batch, ranks)
        yield data.gather(
            rows[part], None if shifts is None else shifts[part], None if turned is None else turned[part]
        )

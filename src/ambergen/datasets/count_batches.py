"""Counts of a batch's windows, moved and turned as the windows were."""

from __future__ import annotations

import torch
from torch import Tensor

from ambergen.datasets.batches import DeviceStore, Placement
from ambergen.datasets.counts import windows_of

# The counts move to the accelerator whole if they leave this share of the free memory to the network.
_SHARE_FOR_NETWORK = 0.75
_PIECE = 1 << 22


class DeviceCounts:
    """The counts of a store, assembled beside the windows of a `DeviceStore`; on an accelerator where they fit.

    Attributes
    ----------
    layout : what the columns are

    Raises
    ------
    StoreError
        If the store has no counts.
    """

    def __init__(self, data: DeviceStore) -> None:
        self.layout = data.store.need_counts()
        self._store, self._device = data.store, data.device
        self._partner = torch.from_numpy(self.layout.reverse_partner)
        self._line = self._copied() if self._fits() else None
        self._base = torch.arange(self.layout.width, device=self._device)

    def gather(self, placement: Placement) -> Tensor:
        """(n, n_columns, width) float32, on the device: reads that begin at each base of a batch's windows.

        Where a window is reversed, its bases are too, and the strands of a track swap.
        """
        start = torch.from_numpy(self._store.count_offsets[placement.indices.cpu().numpy()])
        if placement.shift is not None:
            start = start + placement.shift.cpu()
        if self._line is None:
            found = windows_of(self._store.count_line, start.numpy(), self.layout.width)
            counts = torch.from_numpy(found).to(self._device)
        else:
            counts = self._line[start.to(self._device)[:, None] + self._base].transpose(1, 2)
        if placement.reverse is None:
            return counts
        where = placement.reverse.to(self._device)[:, None, None]
        return torch.where(where, counts[:, self._partner.to(self._device)].flip(2), counts)

    def _fits(self) -> bool:
        if self._device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(self._device)
        return bool(self._store.count_line.nbytes < (1 - _SHARE_FOR_NETWORK) * free)

    def _copied(self) -> Tensor:
        line = self._store.count_line
        copy = torch.empty(line.shape, device=self._device)
        for at in range(0, len(line), _PIECE):
            copy[at : at + _PIECE] = torch.from_numpy(line[at : at + _PIECE].copy()).to(self._device)
        return copy

"""Counts of batches move and turn with their windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.count_batches import DeviceCounts
from ambergen.errors import StoreError
from ambergen.sequence.onehot import reverse_complement
from tests.simulated_counts import SHIFT

if TYPE_CHECKING:
    from ambergen.datasets.store import Store

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.mark.parametrize("device", DEVICES)
def test_gather__moves_and_turns_counts_as_their_windows(count_store: Store, device: str) -> None:
    data = DeviceStore(count_store, device)
    counts, rng = DeviceCounts(data), np.random.default_rng(0)
    rows = rng.permutation(count_store.n_windows)[:40]
    shift = rng.integers(-SHIFT, SHIFT, 40, endpoint=True)
    turned = rng.random(40) < 0.5
    batch = data.gather(torch.from_numpy(rows), torch.from_numpy(shift), torch.from_numpy(turned))
    found = counts.gather(batch.placement).cpu().numpy()
    tokens = batch.tokens.cpu().numpy()
    line, letters, width = count_store.count_line, count_store.token_line, count_store.length
    for n, row in enumerate(rows):
        start = count_store.count_offsets[row] + shift[n]
        expected = np.array(line[start : start + width]).T
        first = count_store.offsets[row] + shift[n]
        window = np.array(letters[first : first + width])
        if turned[n]:
            expected = np.array([expected[1][::-1], expected[0][::-1], expected[2][::-1]])
            window = reverse_complement(window[None])[0]
        np.testing.assert_array_equal(found[n], expected)
        np.testing.assert_array_equal(tokens[n], window)


def test_gather__as_they_lie_gives_what_the_store_gives(count_store: Store) -> None:
    data = DeviceStore(count_store)
    rows = np.array([3, 1, 700])
    found = DeviceCounts(data).gather(data.gather(torch.from_numpy(rows)).placement)
    np.testing.assert_array_equal(found.numpy(), count_store.counts(rows))


def test_device_counts__need_a_store_that_has_some(small_store: Store) -> None:
    with pytest.raises(StoreError, match=r"labels but no counts of reads; expected a bigWig"):
        DeviceCounts(DeviceStore(small_store))

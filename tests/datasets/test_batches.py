from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambergen.datasets.batches import DeviceStore, ReverseComplement, epoch
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, TableSource
from ambergen.datasets.store import Store
from ambergen.sequence.alphabets import Alphabet
from ambergen.sequence.onehot import reverse_complement
from tests.datasets.conftest import SmallGenome

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")),
]


@pytest.fixture
def store(small_genome: SmallGenome) -> Store:
    """Two tracks that are each other's partners."""
    assert isinstance(small_genome.config.source, GenomeSource)
    one, two = small_genome.config.source.tracks
    return build(small_genome.with_tracks(replace(one, reverse_partner=two.name), two), small_genome.folder / "store")


@pytest.mark.parametrize("device", DEVICES)
def test_gather__gives_the_windows_of_the_store(store: Store, device: str) -> None:
    rows = np.array([5, 0, store.n_windows - 1, 5])
    batch = DeviceStore(store, device).gather(torch.from_numpy(rows))
    assert batch.tokens.device.type == device
    assert batch.tokens.dtype == batch.labels.dtype == torch.uint8
    np.testing.assert_array_equal(batch.tokens.cpu(), store.tokens(rows))
    np.testing.assert_array_equal(batch.labels.cpu(), store.labels(rows))
    assert batch.known is None
    assert len(batch) == 4


@pytest.mark.parametrize("device", DEVICES)
def test_gather__turns_windows_and_swaps_partners(store: Store, device: str) -> None:
    rows = np.arange(store.n_windows)
    turned = rows % 3 == 0
    batch = DeviceStore(store, device).gather(torch.from_numpy(rows), reverse=torch.from_numpy(turned))
    tokens, labels = store.tokens(rows), store.labels(rows)
    tokens[turned] = reverse_complement(tokens[turned])
    labels[turned] = labels[turned][:, ::-1]
    np.testing.assert_array_equal(batch.tokens.cpu(), tokens)
    np.testing.assert_array_equal(batch.labels.cpu(), labels)
    assert (tokens == 4).any()  # bases that are not known stay so


@pytest.mark.parametrize(("symbols", "complement"), [("ACGT", "TGCA"), ("ATCG", "TAGC")])
def test_reverse_complement__turns_rows_in_place(symbols: str, complement: str) -> None:
    alphabet = Alphabet(name="dna", symbols=symbols, unknown="N", complement=complement)
    tokens = np.random.default_rng(0).integers(0, 5, (40, 33)).astype(np.uint8)
    turned = np.arange(40) % 3 == 0
    expected = np.where(turned[:, None], reverse_complement(tokens, alphabet), tokens)
    ReverseComplement(alphabet)(tokens, turned)
    np.testing.assert_array_equal(tokens, expected)


@pytest.mark.parametrize("device", DEVICES)
def test_gather__shifts_windows_along_the_contig(store: Store, device: str) -> None:
    rows = np.arange(store.n_windows)
    shift = np.random.default_rng(0).integers(-store.max_shift, store.max_shift + 1, len(rows))
    turned = rows % 2 == 0
    batch = DeviceStore(store, device).gather(torch.from_numpy(rows), torch.from_numpy(shift), torch.from_numpy(turned))
    expected = np.stack([store.token_line[o : o + store.length] for o in store.offsets + shift])
    expected[turned] = reverse_complement(expected[turned])
    np.testing.assert_array_equal(batch.tokens.cpu(), expected)
    np.testing.assert_array_equal(batch.labels.cpu()[~turned], store.labels(rows)[~turned])


def test_max_shift__keeps_every_window_off_other_contigs(store: Store) -> None:
    contigs = store.manifest["contigs"]
    windows = store.windows(np.arange(store.n_windows))
    own = {contig["name"]: number for number, contig in enumerate(contigs)}
    for name, start in zip(windows.contig, windows.start, strict=True):
        number = own[name]
        first = contigs[number]["offset"] + start
        lowest, highest = first - store.max_shift, first + store.max_shift + store.length
        before = 0 if number == 0 else contigs[number - 1]["offset"] + contigs[number - 1]["length"]
        after = len(store.token_line) if number + 1 == len(contigs) else contigs[number + 1]["offset"]
        assert before <= lowest
        assert highest <= after


def test_epoch__without_a_generator_goes_in_order(store: Store) -> None:
    rows = store.indices("train")[::-1]
    batches = list(epoch(DeviceStore(store), rows, 7, None, reverse_complement=True, shift=5))
    assert {len(batch) for batch in batches[:-1]} == {7}
    np.testing.assert_array_equal(torch.cat([batch.tokens for batch in batches]), store.tokens(rows))
    np.testing.assert_array_equal(torch.cat([batch.labels for batch in batches]), store.labels(rows))


def test_epoch__each_window_comes_once_in_a_drawn_order(store: Store) -> None:
    rows = store.indices("train")
    tokens = torch.cat([b.tokens for b in epoch(DeviceStore(store), rows, 16, np.random.default_rng(1))]).numpy()
    assert not np.array_equal(tokens, store.tokens(rows))
    assert sorted(map(bytes, tokens)) == sorted(map(bytes, store.tokens(rows)))


@given(n=st.integers(0, 20), batch=st.integers(1, 9), drop_last=st.booleans())
def test_epoch__the_last_batch_may_be_dropped(any_store: Store, n: int, batch: int, drop_last: bool) -> None:
    sizes = [len(b) for b in epoch(DeviceStore(any_store), np.arange(n), batch, None, drop_last=drop_last)]
    assert sizes == [batch] * (n // batch) + ([n % batch] if n % batch and not drop_last else [])


@given(n=st.integers(0, 20), batch=st.integers(1, 9), ranks=st.integers(1, 4), skip=st.integers(0, 2))
def test_epoch__ranks_share_every_batch_out_among_them(
    any_store: Store, n: int, batch: int, ranks: int, skip: int
) -> None:
    def tokens(**which: int) -> list[torch.Tensor]:
        rng = np.random.default_rng(5)
        batches = epoch(DeviceStore(any_store), np.arange(n), batch, rng, True, 2, skip=skip, **which)
        return [b.tokens for b in batches]

    parts = [tokens(rank=rank, ranks=ranks) for rank in range(ranks)]
    for number, whole in enumerate(tokens()):
        joined = torch.empty_like(whole)
        for rank in range(ranks):
            joined[rank::ranks] = parts[rank][number]
        assert torch.equal(joined, whole)


def test_epoch__turns_about_half_and_shifts_within_bounds(any_store: Store) -> None:
    rows = np.zeros(400, dtype=np.int64)
    batches = epoch(DeviceStore(any_store), rows, 400, np.random.default_rng(3), reverse_complement=True, shift=3)
    (tokens,) = [batch.tokens.numpy() for batch in batches]
    first, line, length = int(any_store.offsets[0]), any_store.token_line, any_store.length
    seen: dict[tuple[str, int], int] = {}
    for row in tokens:
        for shift in range(-3, 4):
            window = line[first + shift : first + shift + length]
            for strand, text in (("+", window), ("-", reverse_complement(window))):
                if np.array_equal(row, text):
                    seen[strand, shift] = seen.get((strand, shift), 0) + 1
    assert len(seen) == 14
    assert sum(seen.values()) == 400
    assert 160 < sum(count for (strand, _), count in seen.items() if strand == "-") < 240


def test_epoch__the_generator_decides(any_store: Store) -> None:
    def tokens(seed: int) -> torch.Tensor:
        batches = epoch(DeviceStore(any_store), np.arange(20), 8, np.random.default_rng(seed), True, 2)
        return torch.cat([batch.tokens for batch in batches])

    assert torch.equal(tokens(1), tokens(1))
    assert not torch.equal(tokens(1), tokens(2))


@pytest.fixture(scope="module")
def any_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A table with one label that is not known."""
    folder = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(2)
    rows = [("".join(rng.choice(list("ACGT"), 9)), row % 2) for row in range(60)]
    for name in ("train", "search", "selection", "test"):
        part = [rows.pop() for _ in range(15)]
        text = "sequence,bound,open\n" + "".join(f"{s},{label},{1 - label}\n" for s, label in part)
        (folder / f"{name}.csv").write_text(text + ("ACGTTGACC,,1\n" if name == "train" else ""))
    paths = {name: Path(folder / f"{name}.csv") for name in ("train", "search", "selection", "test")}
    return build(DataConfig(TableSource(**paths)), folder / "store")


@pytest.mark.parametrize("device", DEVICES)
def test_gather__tells_which_labels_are_known(any_store: Store, device: str) -> None:
    rows = np.arange(any_store.n_windows)
    batch = DeviceStore(any_store, device).gather(torch.from_numpy(rows))
    assert batch.known is not None
    assert batch.known.dtype == torch.bool
    np.testing.assert_array_equal(batch.known.cpu(), any_store.mask(rows))
    assert (~batch.known).sum() == 1

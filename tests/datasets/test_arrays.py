from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ambergen.datasets.arrays import ArrayWriter, map_array


@given(
    counts=st.lists(st.integers(0, 9), max_size=4),
    width=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from([np.uint8, np.int64]),
)
def test_array_writer__writes_what_numpy_reads(
    tmp_path_factory: object, counts: list[int], width: int | None, dtype: type
) -> None:
    path = Path(tmp_path_factory.mktemp("arrays")) / "a.npy"  # type: ignore[attr-defined]
    row_shape = () if width is None else (width,)
    pieces = [np.random.default_rng(n).integers(0, 99, (n, *row_shape)).astype(dtype) for n in counts]
    whole = np.concatenate([np.empty((0, *row_shape), dtype), *pieces])
    with ArrayWriter(path, dtype, row_shape) as writer:
        for piece in pieces:
            writer.write(piece)
    read = np.load(path)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, whole)
    assert writer.n_rows == len(whole)
    assert writer.sha256 == hashlib.sha256(whole.tobytes()).hexdigest()


def test_map_array__does_not_let_the_file_be_changed(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "a.npy", np.uint8) as writer:
        writer.write(np.arange(10, dtype=np.uint8))
    mapped = map_array(tmp_path / "a.npy")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable


def test_array_writer__has_room_for_the_shape_of_a_large_genome(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "a.npy", np.uint8, (115,)) as writer:
        writer.n_rows = 10**15
        assert len(writer._header()) == 128
        writer.n_rows = 0

"""Effects in files: TSV in long form, Parquet and HDF5 in wide form, one matrix a score."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Protocol, TextIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ambergen import __version__
from ambergen.effects.alleles import COLUMNS
from ambergen.effects.results import MORE_SCORES, SCORES, Effects
from ambergen.errors import FileFormatError, InputError

_ROWS_OF_TEXT = 1 << 17
_CHUNK = 1024
_FACTS = b"ambergen"
ENDINGS = (".tsv", ".tsv.gz", ".parquet", ".h5", ".hdf5")


class Output(Protocol):
    """Takes effects part by part."""

    def write(self, effects: Effects) -> None: ...

    def close(self) -> None: ...


def ending(path: Path) -> str:
    """The last two endings if the last one is .gz, else the last one."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside `path` that takes its place when the block ends well, and goes when it does not."""
    part = path.with_name(f".part-{path.name}")  # the ending stays, since it says how to write
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# ---- TSV


class TextOutput:
    """Tab-separated rows under one header, one an allele and track."""

    def __init__(self, stream: TextIO, close: Callable[[], None] = lambda: None) -> None:
        self._stream, self._close, self._first = stream, close, True

    @classmethod
    def open(cls, path: Path) -> TextOutput:
        """A plain file, or one packed with gzip if its name ends so."""
        if path.suffix != ".gz":
            stream = path.open("w", encoding="utf-8", newline="")
            return cls(stream, stream.close)
        # without name and time, so that equal effects are equal files
        raw = path.open("wb")
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0)
        text = io.TextIOWrapper(cast(IO[bytes], packed), encoding="utf-8", newline="")

        def close() -> None:
            text.close()
            raw.close()

        return cls(text, close)

    def write(self, effects: Effects) -> None:
        step = max(1, _ROWS_OF_TEXT // max(1, len(effects.tracks)))
        for at in range(0, max(len(effects), 1), step):
            rows = effects.rows(at, at + step).to_long()
            # seven digits tell float32 values apart closely enough, and a number and its negative are written alike
            rows.to_csv(
                self._stream, sep="\t", index=False, header=self._first, float_format="%.7g", lineterminator="\n"
            )
            self._first = False

    def close(self) -> None:
        self._close()


# ---- Parquet


def to_table(effects: Effects) -> Any:
    """An Arrow table: a column each of `Effects.variants`, and a column of fixed-size lists a score.

    Tracks, and how the effects were made, stand in the metadata of the schema.
    """
    arrays = {name: pa.array(effects.variants[name], type=_ARROW[dtype]) for name, dtype in COLUMNS.items()}
    for name, values in effects.matrices.items():
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
        arrays[name] = pa.FixedSizeListArray.from_arrays(flat, len(effects.tracks))
    return pa.table(arrays).replace_schema_metadata({_FACTS: json.dumps(facts_of(effects)).encode()})


_ARROW = {
    object: pa.string(),
    np.bool_: pa.bool_(),
    np.int64: pa.int64(),
    np.int32: pa.int32(),
}


def facts_of(effects: Effects) -> dict[str, Any]:
    """What stands beside the numbers in a file."""
    return {"version": __version__, "tracks": list(effects.tracks), "about": dict(effects.about)}


def from_table(table: Any, where: str) -> Effects:
    """The effects of an Arrow table that `to_table` made."""
    metadata = table.schema.metadata or {}
    if _FACTS not in metadata:
        raise FileFormatError(f"{where}: holds no effects of variants; expected a file that `ambergen effects` wrote.")
    facts = json.loads(metadata[_FACTS])
    names = set(table.column_names)
    matrices = {}
    for name in (*SCORES, *MORE_SCORES):
        if name in names:
            values = table.column(name).combine_chunks()
            matrices[name] = values.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(facts["tracks"]))
    variants = table.select(list(COLUMNS)).to_pandas()
    return Effects(variants, tuple(facts["tracks"]), matrices, facts["about"])


class ParquetOutput:
    """A row group a part."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def write(self, effects: Effects) -> None:
        table = to_table(effects)
        if self._file is None:
            self._file = pq.ParquetWriter(self._path, table.schema)
        self._file.write_table(table)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


# ---- HDF5


def h5py() -> ModuleType:
    """The package that reads and writes HDF5.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module("h5py")
    except ImportError as error:
        raise InputError(
            "HDF5 needs the package h5py, which is not installed: `pip install 'ambergen[h5]'`. Or name a .parquet "
            "file, which needs nothing."
        ) from error


class Hdf5Output:
    """A group ``variants`` with a data set a column, ``tracks``, and (n_alleles, n_tracks) a score, in chunks."""

    def __init__(self, path: Path) -> None:
        self._file = h5py().File(path, "w")

    def write(self, effects: Effects) -> None:
        if "tracks" not in self._file:
            self._create(effects)
        for name in COLUMNS:
            self._append(self._file["variants"][name], effects.variants[name].to_numpy())
        for name, values in effects.matrices.items():
            self._append(self._file[name], values)

    def _create(self, effects: Effects) -> None:
        text, n_tracks = h5py().string_dtype(), len(effects.tracks)
        self._file["tracks"] = np.array(effects.tracks, dtype=object).astype(text)
        self._file.attrs["ambergen"] = json.dumps(facts_of(effects))
        for name, dtype in COLUMNS.items():
            stored = text if dtype is object else dtype
            self._file.create_dataset(f"variants/{name}", (0,), stored, maxshape=(None,), chunks=(_CHUNK,))
        for name in effects.matrices:
            chunks = (_CHUNK, n_tracks)
            self._file.create_dataset(
                name, (0, n_tracks), np.float32, maxshape=(None, n_tracks), chunks=chunks, compression="gzip"
            )

    def _append(self, data: Any, values: Any) -> None:
        before = len(data)
        data.resize(before + len(values), axis=0)
        data[before:] = values

    def close(self) -> None:
        self._file.close()


def _from_hdf5(path: Path, scores: Sequence[str] | None = None) -> Effects:
    with h5py().File(path, "r") as file:
        if "ambergen" not in file.attrs:
            raise FileFormatError(
                f"{path}: holds no effects of variants; expected a file that `ambergen effects` wrote."
            )
        facts = json.loads(file.attrs["ambergen"])
        columns = {
            name: file["variants"][name].asstr()[:] if dtype is object else file["variants"][name][:]
            for name, dtype in COLUMNS.items()
        }
        wanted = (*SCORES, *MORE_SCORES) if scores is None else scores
        matrices = {name: file[name][:] for name in wanted if name in file}
    return Effects(pd.DataFrame(columns), tuple(facts["tracks"]), matrices, facts["about"])


# ---- any of them


def open_output(path: Path, name: str) -> Output:
    """What writes the kind of file that `name` says, into `path`.

    Raises
    ------
    InputError
        If the ending is not one of `ENDINGS`, or a package is missing.
    """
    kind = ending(Path(name))
    if kind in (".tsv", ".tsv.gz"):
        return TextOutput.open(path)
    if kind == ".parquet":
        return ParquetOutput(path)
    if kind in (".h5", ".hdf5"):
        return Hdf5Output(path)
    raise InputError(f"{name}: the ending tells the format; expected one of {', '.join(ENDINGS)}.")


def read_effects(path: str | Path, scores: Sequence[str] | None = None) -> Effects:
    """The effects in a file that `ambergen effects` wrote: TSV, Parquet or HDF5.

    Parameters
    ----------
    scores : to take into memory; None: all. One that the file lacks is not in the result

    Raises
    ------
    FileFormatError
        If the file is something else, or damaged.
    InputError
        If its ending is not known, or a package is missing.
    """
    path = Path(path)
    kind = ending(path)
    if kind not in ENDINGS:
        raise InputError(f"{path}: the ending tells the format; expected one of {', '.join(ENDINGS)}.")
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such file. Check the path.")
    try:
        if kind == ".parquet":
            there = pq.read_schema(path).names
            names = there if scores is None else [name for name in there if name in (*COLUMNS, *scores)]
            return from_table(pq.read_table(path, columns=names), str(path))
        return _from_hdf5(path, scores) if kind in (".h5", ".hdf5") else _from_long(path, scores)
    except (OSError, KeyError, ValueError, EOFError, pa.ArrowException) as error:
        raise FileFormatError(
            f"{path}: cannot be read as effects of variants ({type(error).__name__}: {str(error)[:120]}). Expected "
            "a file that `ambergen effects` wrote; make it again."
        ) from error


def _from_long(path: Path, scores: Sequence[str] | None = None) -> Effects:
    text = {name: str for name, dtype in COLUMNS.items() if dtype is object}
    long = pd.read_csv(
        path,
        sep="\t",
        dtype={**text, "track": str},
        keep_default_na=False,
        na_values={name: ["", "nan", "NaN"] for name in (*SCORES, *MORE_SCORES)},
    )
    missing = [name for name in (*COLUMNS, "track", *SCORES) if name not in long.columns]
    if missing:
        raise FileFormatError(
            f"{path}: the column {missing[0]} is missing; expected a table that `ambergen effects` wrote, with "
            f"{', '.join(COLUMNS)}, track and scores."
        )
    tracks = tuple(dict.fromkeys(long["track"]))
    if len(long) % max(1, len(tracks)):
        raise FileFormatError(
            f"{path}: has {len(long)} rows for {len(tracks)} tracks; expected every track for every allele. The file "
            "was probably cut off; make it again."
        )
    variants = long[list(COLUMNS)].iloc[:: max(1, len(tracks))].reset_index(drop=True)
    shape = (len(variants), len(tracks))
    matrices = {
        name: long[name].to_numpy(np.float32).reshape(shape)
        for name in ((*SCORES, *MORE_SCORES) if scores is None else scores)
        if name in long.columns and not long[name].isna().all()
    }
    return Effects(variants, tracks, matrices)

"""A genome as one line of tokens on disk, of which only what is looked at is in memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import InputError
from ambergen.io.aliases import ContigAliases
from ambergen.io.fasta import Contig, read_contigs
from ambergen.sequence.alphabets import DNA, Alphabet


@dataclass(frozen=True, eq=False)
class Genome:
    """Contigs one after another.

    Attributes
    ----------
    names : of the contigs
    first : (n_contigs + 1,), where each begins on the line; the end of the last one
    tokens : (n_positions,) uint8
    checksum : SHA-256 over names and sequences, 64 hex digits
    source : what the messages call it
    """

    names: tuple[str, ...]
    first: NDArray[np.int64]
    tokens: NDArray[np.uint8]
    checksum: str
    source: str

    @classmethod
    def read(cls, path: Path, folder: Path | None = None, alphabet: Alphabet = DNA) -> Genome:
        """The genome of a FASTA file.

        Parameters
        ----------
        folder : where an unnamed file of one byte a base lies as long as the genome is in use; default: the system's
            folder for temporary files

        Raises
        ------
        FileFormatError, AlphabetError
            As `read_contigs`.
        """
        with tempfile.TemporaryFile(dir=folder) as file:
            names, ends, digest = [], [0], hashlib.sha256()
            for contig in read_contigs(path, alphabet):
                payload = contig.tokens.data
                file.write(payload)
                _include(digest, contig.name, payload)
                names.append(contig.name)
                ends.append(ends[-1] + len(contig.tokens))
            file.flush()
            tokens = np.memmap(file, dtype=np.uint8, mode="r", shape=(ends[-1],))
        return cls(tuple(names), np.array(ends), tokens, digest.hexdigest(), str(path))

    @classmethod
    def of(cls, sequences: Mapping[str, str | NDArray[np.uint8]], alphabet: Alphabet = DNA) -> Genome:
        """The genome of sequences, given as text or as tokens, by the names of their contigs.

        Raises
        ------
        AlphabetError
            If a letter is outside the alphabet.
        InputError
            If there is no sequence.
        """
        if not sequences:
            raise InputError("genome: there is no sequence; expected at least one contig.")
        contigs: Iterable[Contig] = (
            Contig(name, alphabet.encode(text, f"contig {name}") if isinstance(text, str) else np.asarray(text))
            for name, text in sequences.items()
        )
        parts, digest = [], hashlib.sha256()
        for contig in contigs:
            _include(digest, contig.name, np.ascontiguousarray(contig.tokens).data)
            parts.append(contig.tokens)
        first = np.cumsum([0, *map(len, parts)])
        return cls(tuple(sequences), first, np.concatenate(parts), digest.hexdigest(), "the genome")

    @cached_property
    def number(self) -> dict[str, int]:
        """Where a contig stands among `names`."""
        return {name: at for at, name in enumerate(self.names)}

    @property
    def lengths(self) -> dict[str, int]:
        """Bases of each contig."""
        return dict(zip(self.names, np.diff(self.first).tolist(), strict=True))

    def aliases(self, table: Path | None = None) -> ContigAliases:
        """Finds the contigs by the names that other files use."""
        return ContigAliases(self.names, table)


def _include(digest: hashlib._Hash, name: str, payload: memoryview) -> None:
    digest.update(f">{name}\n{len(payload)}\n".encode())
    digest.update(payload)

"""Alphabets as data: which letters are symbols, which mean "not known", and what pairs with what.

A sequence in memory is an array of tokens: 0 to `n_symbols` - 1 for the symbols in the alphabet's order, `n_symbols`
for a position that is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import AlphabetError, ConfigError

INVALID_TOKEN = 255
"""What `Alphabet.token_of_byte` gives for a letter outside the alphabet."""


@dataclass(frozen=True)
class Alphabet:
    """The letters of a kind of sequence.

    Attributes
    ----------
    name : as the run file spells it
    symbols : one letter a symbol; its index is its token
    unknown : the letter that is written for a position that is not known
    ambiguous : further letters that are read as not known
    complement : the partner of each symbol, in the order of `symbols`; None where strands have no meaning
    """

    name: str
    symbols: str
    unknown: str
    ambiguous: str = ""
    complement: str | None = None

    @property
    def n_symbols(self) -> int:
        """Number of symbols, the channels of a one-hot array."""
        return len(self.symbols)

    @property
    def unknown_token(self) -> int:
        """The token of a position that is not known."""
        return len(self.symbols)

    @cached_property
    def token_of_byte(self) -> NDArray[np.uint8]:
        """(256,) uint8: the token of every byte in either case; `INVALID_TOKEN` outside the alphabet."""
        table = np.full(256, INVALID_TOKEN, dtype=np.uint8)
        for letter in self.unknown + self.ambiguous:
            table[[ord(letter.upper()), ord(letter.lower())]] = self.unknown_token
        for token, letter in enumerate(self.symbols):
            table[[ord(letter.upper()), ord(letter.lower())]] = token
        return table

    @cached_property
    def _byte_of_token(self) -> NDArray[np.uint8]:
        return np.frombuffer((self.symbols + self.unknown).encode("ascii"), dtype=np.uint8)

    @cached_property
    def complement_table(self) -> NDArray[np.uint8]:
        """(n_symbols + 1,) uint8: the token of the partner of every token; unknown stays unknown.

        Raises
        ------
        AlphabetError
            If the alphabet has no complement.
        """
        if self.complement is None:
            raise AlphabetError(
                f"the alphabet '{self.name}' has no complement, so its sequences have one strand only. "
                "Switch reverse complements off for this data."
            )
        partners = [self.symbols.index(letter) for letter in self.complement]
        return np.array([*partners, self.unknown_token], dtype=np.uint8)

    def encode(self, text: str | bytes, where: str) -> NDArray[np.uint8]:
        """Tokens of a sequence in upper or lower case.

        Parameters
        ----------
        text : the letters, without spaces or line ends
        where : the place that an error names, for example ``table.csv, line 7``

        Returns
        -------
        (length,) uint8

        Raises
        ------
        AlphabetError
            If a letter is neither a symbol nor one that means "not known".
        """
        # "replace" turns one character into one byte, so that positions stay right in the message
        letters = text.encode("ascii", errors="replace") if isinstance(text, str) else text
        tokens = self.token_of_byte[np.frombuffer(letters, dtype=np.uint8)]
        invalid = tokens == INVALID_TOKEN
        if invalid.any():
            position = int(invalid.argmax())
            letter = text[position]
            raise self.letter_error(f"{where}, base {position + 1}", letter if isinstance(letter, str) else chr(letter))
        return tokens

    def letter_error(self, where: str, letter: str) -> AlphabetError:
        """The error for `letter` at `where`."""
        symbols = ", ".join(self.symbols)
        others = self.ambiguous.replace(self.unknown, "")
        also = f" ({others} are read as {self.unknown})" if others else ""
        return AlphabetError(
            f"{where}: {letter!r} is not a {self.name.upper()} symbol; expected {symbols} or {self.unknown}{also}, "
            f"in upper or lower case. Replace the letter by {self.unknown} if the base is not known."
        )

    def decode(self, tokens: NDArray[np.uint8]) -> str:
        """The letters of tokens, in upper case; what is not known becomes `unknown`.

        Parameters
        ----------
        tokens : (length,) uint8
        """
        return self._byte_of_token[tokens].tobytes().decode("ascii")


DNA = Alphabet(name="dna", symbols="ACGT", unknown="N", ambiguous="RYSWKMBDHVN", complement="TGCA")

_BY_NAME = {alphabet.name: alphabet for alphabet in (DNA,)}


def by_name(name: str) -> Alphabet:
    """The alphabet that the run file calls `name`.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in _BY_NAME:
        raise ConfigError(f"alphabet: there is no alphabet '{name}'; expected one of {', '.join(_BY_NAME)}.")
    return _BY_NAME[name]

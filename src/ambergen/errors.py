"""The exception tree. Every message says where, what was found, what was expected and how to mend it.

AmbergenError
├── InputError            the user's input is wrong: the command line exits with 2
│   ├── FileFormatError   a line or record of a file
│   ├── AlphabetError     a letter outside the alphabet
│   ├── ConfigError       the run file
│   ├── SplitError        splits, and labels within them
│   ├── LeakError         the same sequence on two sides of a split
│   ├── SpaceError        an architecture or a search space
│   ├── PanelError        genotypes of a reference panel, and annotations of its variants
│   ├── MetricError       an objective that has no value for a network
│   └── StoreError        a store, model or checkpoint that is damaged or does not fit
└── RunError              the work itself failed: the command line exits with 1
    └── JobError          one job of an executor
"""

from __future__ import annotations


class AmbergenError(Exception):
    """Base of every error that ambergen raises on purpose."""


class InputError(AmbergenError):
    """Something that the user gave is wrong."""


class FileFormatError(InputError):
    """A file does not have the form that its type promises."""


class AlphabetError(InputError):
    """A sequence has a letter that its alphabet lacks."""


class ConfigError(InputError):
    """The run file, or an option, has an unknown key or an impossible value."""


class LimitError(ConfigError):
    """Nothing was found in a search space, or nothing more, that keeps the limits of a search."""


class SplitError(InputError):
    """The splits are empty, overlap, or leave a track without positives."""


class LeakError(InputError):
    """Windows of different splits overlap or have the same sequence."""


class SpaceError(InputError):
    """An architecture lies outside its search space, or the space is impossible."""


class PanelError(InputError):
    """Genotypes of a reference panel, or annotations of its variants, from which no LD scores follow."""


class MetricError(InputError):
    """An objective of a search gives no values, or values that are no numbers."""


class StoreError(InputError):
    """A store, model or checkpoint is absent, damaged or of another version."""


class RunError(AmbergenError):
    """The work failed although the input was right."""


class JobError(RunError):
    """One job of an executor failed."""

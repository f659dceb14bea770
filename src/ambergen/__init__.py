"""Architecture search for genomics."""

__version__ = "0.1.0"

"""Data sets: from genomes, peaks and tables to a store, and from a store to batches."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "build": "ambergen.api:build",
        "open": "ambergen.datasets.store:Store.open",
    },
)

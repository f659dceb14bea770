"""Rivals: the experts' networks and a k-mer regression."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "deepsea": "ambergen.baselines.experts:deepsea",
        "danq": "ambergen.baselines.experts:danq",
        "KmerRegression": "ambergen.baselines.kmer:KmerRegression",
    },
)

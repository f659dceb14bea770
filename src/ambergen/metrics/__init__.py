"""Metrics for all tracks at once, and statistics for comparing groups of networks."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "auroc": "ambergen.metrics.ranking:auroc",
        "average_precision": "ambergen.metrics.ranking:average_precision",
        "delong": "ambergen.metrics.auroc_difference:delong",
    },
)

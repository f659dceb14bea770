"""Architecture search for genomics: ``import ambergen as ag``."""

from ambergen.lazy import lazy

__version__ = "0.1.0"

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Architecture": "ambergen.spaces.architecture:Architecture",
        "AmbergenError": "ambergen.errors:AmbergenError",
        "load": "ambergen.baselines.loading:load",
        "search": "ambergen.api:search",
        "baselines": "ambergen.baselines",
        "datasets": "ambergen.datasets",
        "effects": "ambergen.effects",
        "metrics": "ambergen.metrics",
        "models": "ambergen.models",
        "spaces": "ambergen.spaces",
        "statgen": "ambergen.statgen",
        "validation": "ambergen.validation",
    },
)

"""Networks: the supernet of a space, the child of an architecture, the experts' networks."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "build": "ambergen.models.building:build",
        "supernet": "ambergen.models.supernetwork:Supernet",
    },
)

"""What a trained model is put to."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(__name__, {"asb": "ambergen.validation.asb"})

"""What variants do to the tracks of a model."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "EffectConfig": "ambergen.effects.config:EffectConfig",
        "Background": "ambergen.effects.background:Background",
        "read": "ambergen.effects.files:read_effects",
        "score": "ambergen.effects.engine:score",
        "scores": "ambergen.effects.statistics:scores",
        "windows": "ambergen.sequence.edits:windows",
    },
)

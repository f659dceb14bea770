"""Search spaces: which architectures there are. No torch on this floor."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "amber": "ambergen.spaces.presets:amber",
        "compact": "ambergen.spaces.presets:compact",
        "preset": "ambergen.spaces.presets:preset",
        "Space": "ambergen.spaces.space:Space",
        "Architecture": "ambergen.spaces.architecture:Architecture",
    },
)

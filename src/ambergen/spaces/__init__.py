"""Search spaces: which architectures there are. No torch on this floor."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "amber": "ambergen.spaces.presets:amber",
        "compact": "ambergen.spaces.presets:compact",
        "hierarchical": "ambergen.spaces.presets:hierarchical",
        "preset": "ambergen.spaces.presets:preset",
        "register_operation": "ambergen.spaces.operations:register_operation",
        "Space": "ambergen.spaces.space:Space",
        "HierarchicalSpace": "ambergen.spaces.hierarchical_space:HierarchicalSpace",
        "Architecture": "ambergen.spaces.architecture:Architecture",
        "Genotype": "ambergen.spaces.genotype:Genotype",
    },
)

"""Allele-specific binding: calls from allelic read counts, and how well scorers foretell them."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "read": "ambergen.io.allele_counts:read_allele_counts",
        "call": "ambergen.validation.asb.calls:call",
        "Calls": "ambergen.validation.asb.calls:Calls",
        "LabelRule": "ambergen.validation.asb.calls:LabelRule",
        "imbalance_p": "ambergen.validation.asb.imbalance:imbalance_p",
        "reference_bias": "ambergen.validation.asb.dispersion:reference_bias",
        "overdispersion": "ambergen.validation.asb.dispersion:overdispersion",
        "evaluate": "ambergen.validation.asb.evaluation:evaluate",
        "Evaluation": "ambergen.validation.asb.evaluation:Evaluation",
        "simulate": "ambergen.validation.asb.simulation:simulate",
        "read_scores": "ambergen.validation.asb.scores:read_scores",
        "align": "ambergen.validation.asb.scores:align",
        "likeliest": "ambergen.validation.asb.dispersion:likeliest",
    },
)

"""Statistical genetics on arrays: LD scores, LD-score regression and what follows from it."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "contrast": "ambergen.statgen.enrichment:contrast",
        "inverse_variance": "ambergen.statgen.meta:inverse_variance",
        "joint_test": "ambergen.statgen.enrichment:joint_test",
        "ld_scores": "ambergen.statgen.linkage:ld_scores",
        "liability_factor": "ambergen.statgen.liability:liability_factor",
        "overlap_enrichment": "ambergen.statgen.enrichment:overlap_enrichment",
        "partitioned_heritability": "ambergen.statgen.regression:partitioned_heritability",
        "quantile_bins": "ambergen.statgen.enrichment:quantile_bins",
        "quantile_enrichment": "ambergen.statgen.enrichment:quantile_enrichment",
        "random_effects": "ambergen.statgen.meta:random_effects",
        "tau_star": "ambergen.statgen.enrichment:tau_star",
    },
)

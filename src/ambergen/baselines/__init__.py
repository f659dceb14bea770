"""Rivals: the experts' networks, gapped and other k-mers, motifs."""

from ambergen.lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "deepsea": "ambergen.baselines.experts:deepsea",
        "danq": "ambergen.baselines.experts:danq",
        "basset": "ambergen.baselines.experts:basset",
        "deepbind": "ambergen.baselines.experts:deepbind",
        "bpnet": "ambergen.baselines.experts:bpnet",
        "BPNetScorer": "ambergen.baselines.bpnet_scorer:BPNetScorer",
        "deepbind_published": "ambergen.baselines.deepbind_scorer:DeepBindScorer.published",
        "KmerRegression": "ambergen.baselines.kmer:KmerRegression",
        "gkm_kernel": "ambergen.baselines.gkm_similarity:gkm_kernel",
        "GkmSVM": "ambergen.baselines.gkm_svm:GkmSVM",
        "GkmConfig": "ambergen.baselines.gkm_svm:GkmConfig",
        "DeltaSVM": "ambergen.baselines.gkm_delta:DeltaSVM",
        "PWM": "ambergen.baselines.pwm:PWM",
        "MotifScorer": "ambergen.baselines.motif_scorer:MotifScorer",
        "read_motifs": "ambergen.io.motifs:read_motifs",
    },
)

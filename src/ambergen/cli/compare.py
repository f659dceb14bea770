"""`ambergen compare`: searched networks against sampled ones, experts' networks and a k-mer regression."""

from __future__ import annotations

from ambergen.cli.arguments import AsJson, Overrides, RunFile


def compare(run_file: RunFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Measure all models on the test split, with intervals; what comes before is done first where it is missing.

    The rivals are architectures sampled from the same space and trained the same
    way (AMBER-Base), the networks of DeepSEA and DanQ, and a k-mer regression. A
    p-value needs several independent searches, since one search is one sample.

    Examples:

      ambergen compare study/run.yaml
      ambergen compare study/run.yaml --set compare.searches=5 --set compare.sampled=10 --json
    """
    from ambergen.cli.chain import do, print_comparison

    print_comparison(do(run_file, overrides, ("compare",)), as_json)

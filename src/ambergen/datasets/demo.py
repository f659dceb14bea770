"""The data that come with the package; their source and terms are in `demo_data/README.md`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ambergen.errors import StoreError

_PARTNER_SUFFIX = {"_forward": "_reverse", "_reverse": "_forward"}


@dataclass(frozen=True)
class DemoData:
    """Where the bundled files lie.

    genome : FASTA, gzip; contigs I to XVI
    tracks : name to BED6 file, gzip; in order of name
    reverse_partners : name to name of the track on the other strand, both ways; unstranded tracks are absent
    run_file : the run file of `ambergen demo`
    """

    genome: Path
    tracks: dict[str, Path]
    reverse_partners: dict[str, str]
    run_file: Path


def demo_paths() -> DemoData:
    """The bundled files.

    Raises
    ------
    StoreError
        If the installation lacks them.
    """
    folder = Path(str(resources.files("ambergen.datasets").joinpath("demo_data")))
    tracks = {path.name.removesuffix(".bed.gz"): path for path in sorted(folder.glob("*.bed.gz"))}
    data = DemoData(folder / "genome.fa.gz", tracks, _partners(tracks), folder / "demo.yaml")
    if not (tracks and data.genome.is_file() and data.run_file.is_file()):
        raise StoreError(
            f"{folder}: the bundled demo data are not there; expected genome.fa.gz, demo.yaml and one .bed.gz for each "
            "track. Install ambergen again."
        )
    return data


def _partners(tracks: dict[str, Path]) -> dict[str, str]:
    partners = {}
    for name in tracks:
        for suffix, other in _PARTNER_SUFFIX.items():
            partner = name.removesuffix(suffix) + other
            if name.endswith(suffix) and partner in tracks:
                partners[name] = partner
    return partners

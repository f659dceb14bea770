"""LD scores of whole panels: files in, scores out."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ambergen.errors import ConfigError, FileFormatError, PanelError
from ambergen.io.annotations import open_annotation
from ambergen.io.genotypes import read_bim
from ambergen.io.ld_score_files import read_ld_scores
from ambergen.statgen.linkage import ld_scores
from ambergen.validation.ld_scoring import LDScoreConfig, Panel, panel_ld_scores, read_listed
from tests.plink import write_plink

N = 43


def genotypes(seed: int, m: int, missing: float = 0.03) -> NDArray:
    """Individuals in pairs of haplotypes whose neighbouring variants go together."""
    rng = np.random.default_rng(seed)
    haplotypes = rng.random((2 * N, m))
    for j in range(1, m):
        haplotypes[:, j] = np.where(rng.random(2 * N) < 0.85, haplotypes[:, j - 1], haplotypes[:, j])
    counts = (haplotypes < rng.uniform(0.02, 0.5, m)).reshape(2, N, m).sum(axis=0).astype(float)
    counts[0] = 1
    counts[1] = 0
    counts[2:][rng.random((N - 2, m)) < missing] = np.nan
    return counts


def frequencies(counts: NDArray) -> NDArray:
    frequency = np.nanmean(counts, axis=0) / 2
    return np.minimum(frequency, 1 - frequency)


@pytest.fixture
def two_chromosomes(tmp_path: Path) -> Path:
    """`panel.1` and `panel.2`, 60 and 40 variants; `all` has both."""
    for chromosome, m in (("1", 60), ("2", 40)):
        write_plink(
            tmp_path / f"panel.{chromosome}",
            genotypes(int(chromosome), m),
            0.05 * np.arange(m),
            contigs=[chromosome] * m,
        )
    both = np.hstack([genotypes(1, 60), genotypes(2, 40)])
    cm = np.concatenate([0.05 * np.arange(60), 0.05 * np.arange(40)])
    positions = np.concatenate([1000 * np.arange(1, 61), 1000 * np.arange(1, 41)])
    write_plink(tmp_path / "all", both, cm, positions, contigs=["1"] * 60 + ["2"] * 40,
                ids=[f"rs1_{j}" for j in range(60)] + [f"rs2_{j}" for j in range(40)])  # fmt: skip
    return tmp_path


def score(panel: Panel, config: LDScoreConfig | None = None) -> list:
    return list(panel_ld_scores(panel, config))


@pytest.mark.parametrize(
    ("config", "positions", "reach"),
    [
        (LDScoreConfig(0.4), 0.05 * np.arange(60), 0.4),
        (LDScoreConfig(8, "kb"), 1000.0 * np.arange(60), 8000),
        (LDScoreConfig(7, "SNPs"), np.arange(60), 7),
    ],
)
def test_panel_ld_scores__are_those_of_the_function(
    two_chromosomes: Path, config: LDScoreConfig, positions: NDArray, reach: float
) -> None:
    (two_chromosomes / "a.annot").write_text("x y\n" + "".join(f"{j % 7} {-1e-6 * j}\n" for j in range(100)))
    annotations = np.stack([np.arange(100) % 7, -1e-6 * np.arange(100)], axis=1)
    panel = Panel(two_chromosomes / "all", [open_annotation(two_chromosomes / "a.annot")])
    first, second = score(panel, config)
    expected = ld_scores(genotypes(1, 60), positions, annotations[:60], reach)
    np.testing.assert_allclose(first.scores.scores, expected, rtol=1e-10, atol=1e-15)
    assert first.scores.names == ("xL2", "yL2")
    assert second.scores.id.tolist() == [f"rs2_{j}" for j in range(40)]
    common = frequencies(genotypes(1, 60)) > 0.05
    np.testing.assert_allclose(first.scores.m, annotations[:60].sum(axis=0))
    np.testing.assert_allclose(first.scores.m_5_50, annotations[:60][common].sum(axis=0))


@pytest.mark.parametrize("pattern", ["panel.@", "panel."])
def test_panel_ld_scores__of_a_file_each_are_those_of_one_file(two_chromosomes: Path, pattern: str) -> None:
    together = score(Panel(two_chromosomes / "all"))
    apart = score(Panel(two_chromosomes / pattern))
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one.scores.scores, other.scores.scores)
        assert one.summary == other.summary
    assert together[0].scores.names == ("L2",)


def test_panel_ld_scores__leave_out_constant_and_rare_variants_and_count_them(tmp_path: Path) -> None:
    counts = genotypes(3, 50)
    counts[:, 7] = np.where(np.isnan(counts[:, 7]), np.nan, 0)
    counts[:, 9] = 1
    write_plink(tmp_path / "p", counts, 0.1 * np.arange(50))
    frequency = frequencies(counts)
    kept = frequency > 0.1
    kept[[7, 9]] = False
    (result,) = score(Panel(tmp_path / "p"), LDScoreConfig(0.5, above_frequency=0.1))
    found = result.summary.counts
    assert (found.variants, found.constant, found.rare) == (50, 2, int((frequency <= 0.1).sum()) - 1)
    assert found.listed == kept.sum() == found.common
    expected = ld_scores(counts[:, kept], (0.1 * np.arange(50))[kept], np.ones(kept.sum()), 0.5)
    np.testing.assert_allclose(result.scores.scores, expected, rtol=1e-10)
    # SNPs are counted among those that are left
    (result,) = score(Panel(tmp_path / "p"), LDScoreConfig(3, "SNPs", above_frequency=0.1))
    expected = ld_scores(counts[:, kept], np.arange(kept.sum()), np.ones(kept.sum()), 3)
    np.testing.assert_allclose(result.scores.scores, expected, rtol=1e-10)


def test_panel_ld_scores__do_not_depend_on_what_is_listed(two_chromosomes: Path) -> None:
    (two_chromosomes / "list").write_text("SNP A1 A2\nrs1_3 A G\n\nrs2_1 A G\nrs9 A G\n")
    listed = read_listed(two_chromosomes / "list")
    assert listed == {"rs1_3", "rs2_1", "rs9"}
    whole = score(Panel(two_chromosomes / "all"))
    some = score(Panel(two_chromosomes / "all", listed=listed))
    assert [part.scores.id.tolist() for part in some] == [["rs1_3"], ["rs2_1"]]
    for row, one, part in zip((3, 1), whole, some, strict=True):
        np.testing.assert_array_equal(part.scores.scores[0], one.scores.scores[row])
        np.testing.assert_array_equal(part.scores.m, one.scores.m)


def test_panel_ld_scores__do_not_list_variants_without_an_id_of_their_own(tmp_path: Path) -> None:
    ids = ["rs1", "rs2", ".", "rs2", "rs3", ".", "rs4", "rs5"]
    write_plink(tmp_path / "p", genotypes(4, 8), np.arange(8) * 0.1, ids=ids)
    (result,) = score(Panel(tmp_path / "p"))
    assert result.scores.id.tolist() == ["rs1", "rs3", "rs4", "rs5"]
    assert (result.summary.counts.unnamed, result.summary.counts.listed) == (4, 4)
    expected = ld_scores(genotypes(4, 8), np.arange(8) * 0.1, np.ones(8), 1.0)
    np.testing.assert_allclose(result.scores.scores, expected[[0, 4, 6, 7]], rtol=1e-10)
    np.testing.assert_array_equal(result.scores.m, [8])


def test_panel_ld_scores__of_unknown_centimorgans_are_refused(tmp_path: Path) -> None:
    cm = np.array([0, 0, 0, 0.1, 0.2, 0.3])
    positions = [1000, 2000, 3000, 4000, 5000, 6000]
    prefix = write_plink(tmp_path / "p", genotypes(5, 6), cm, positions)
    words = r"p.bim: 3 of 6 variants of chromosome 1 are at 0 cM.*--cm-map.*--ld-wind-kb.*--zero-cm"
    with pytest.raises(PanelError, match=words):
        score(Panel(prefix))
    (as_they_are,) = score(Panel(prefix), LDScoreConfig(0.1, zero_centimorgans=True))
    expected = ld_scores(genotypes(5, 6), cm, np.ones(6), 0.1)
    np.testing.assert_allclose(as_they_are.scores.scores, expected, rtol=1e-10)
    (tmp_path / "map").write_text("1 . 0 1001\n1 . 1 11001\n")
    (mapped,) = score(Panel(prefix, genetic_map=tmp_path / "map"), LDScoreConfig(0.1001))
    (by_kb,) = score(Panel(prefix), LDScoreConfig(1.001, "kb"))
    np.testing.assert_array_equal(mapped.scores.scores, by_kb.scores.scores)


def test_panel_ld_scores__take_the_first_variant_at_0_centimorgans(tmp_path: Path) -> None:
    # a map may begin with the first variant, and two alleles of one place share it
    prefix = write_plink(tmp_path / "p", genotypes(5, 4), [0, 0, 0.1, 0.2], [1000, 1000, 3000, 4000])
    assert len(score(Panel(prefix))[0].scores) == 4


@pytest.mark.parametrize(
    ("cm", "positions", "words"),
    [
        (
            [0.1, 0.3, 0.2],
            [10, 20, 30],
            r"rs1_2 on chromosome 1 is at 0.2 cM, after rs1_1 at 0.3 cM; expected ascending",
        ),
        ([0.1, 0.5, 0.9], [10, 10**8, 2 * 10**8], r"variants 100 Mb apart are within 1 cM.*probably in morgans"),
    ],
)
def test_panel_ld_scores__of_wrong_centimorgans_are_refused(
    tmp_path: Path, cm: list, positions: list, words: str
) -> None:
    prefix = write_plink(tmp_path / "p", genotypes(5, 3), cm, positions)
    with pytest.raises(PanelError, match=words):
        score(Panel(prefix))
    assert score(Panel(prefix), LDScoreConfig(1, "kb"))


EFFECTS = "record_index\talt_index\tchrom\tpos\tref\talt\ttrack\tdiff\n"


def test_panel_ld_scores__of_effects_may_lack_few_variants(tmp_path: Path) -> None:
    m = 60
    prefix = write_plink(tmp_path / "p", genotypes(6, m), 0.01 * np.arange(1, m + 1))
    rows = [f"{j}\t0\tchr1\t{1000 * (j + 1)}\tG\tA\tt\t{0.01 * j - 0.3}\n" for j in range(m) if j != 5]
    (tmp_path / "effects.tsv").write_text(EFFECTS + "".join(rows))
    panel = Panel(prefix, [open_annotation(tmp_path / "effects.tsv")])
    words = (
        r"effects.tsv: 1 of 60 variants of chromosome 1 have no effect, as rs1_5 \(1:6000 A/G\); expected at most 0.5%"
    )
    with pytest.raises(PanelError, match=words):
        score(panel)
    (result,) = score(panel, LDScoreConfig(0.2, most_unscored=0.02))
    effects = np.abs(0.01 * np.arange(m) - 0.3).astype(np.float32)
    effects[5] = 0
    expected = ld_scores(genotypes(6, m), 0.01 * np.arange(1, m + 1), effects, 0.2)
    np.testing.assert_allclose(result.scores.scores, expected, rtol=1e-8)
    assert result.summary.counts.unscored == 1


def test_panel_ld_scores__of_an_annotation_that_nobody_has_are_refused(two_chromosomes: Path) -> None:
    (two_chromosomes / "far.bed").write_text("1\t900000\t900001\n")
    (two_chromosomes / "one.bed").write_text("2\t0\t5000\n")
    one = open_annotation(two_chromosomes / "one.bed")
    first, second = score(Panel(two_chromosomes / "panel.@", [one]))  # on one chromosome it may be absent
    assert first.summary.is_zero == (True,)
    assert second.summary.is_zero == (False,)
    assert first.summary.is_constant == (True,)
    np.testing.assert_array_equal(first.scores.scores, 0)
    with pytest.raises(PanelError, match=r"the annotation far is 0 for every variant of .*panel.@ that counts"):
        score(Panel(two_chromosomes / "panel.@", [one, open_annotation(two_chromosomes / "far.bed")]))


def test_panel__refuses_two_annotations_of_one_name(two_chromosomes: Path) -> None:
    (two_chromosomes / "x").mkdir()
    for folder in (two_chromosomes, two_chromosomes / "x"):
        (folder / "a.bed").write_text("1\t0\t5\n")
    files = [open_annotation(folder / "a.bed") for folder in (two_chromosomes, two_chromosomes / "x")]
    with pytest.raises(
        PanelError, match=r"a.bed and .*x/a.bed: two annotations are called a; expected a name for each"
    ):
        Panel(two_chromosomes / "all", files)


def test_panel_ld_scores__refuse_a_thin_annotation_that_is_too_long(two_chromosomes: Path) -> None:
    (two_chromosomes / "a.annot").write_text("x\n" + "1\n" * 101)
    with pytest.raises(PanelError, match=r"has 101 rows of annotations, the .bim file has 100 variants"):
        score(Panel(two_chromosomes / "all", [open_annotation(two_chromosomes / "a.annot")]))


def test_panel_ld_scores__refuse_lists_and_frequencies_that_leave_nothing(two_chromosomes: Path) -> None:
    with pytest.raises(PanelError, match=r"none of the variants of the list is in the panel.*\(not rs77\)"):
        score(Panel(two_chromosomes / "all", listed=frozenset({"rs77"})))
    with pytest.raises(PanelError, match="no variant of chromosome 1 is left of 60: 0 are constant, 60 have a rarer"):
        score(Panel(two_chromosomes / "all"), LDScoreConfig(above_frequency=0.49999))
    (two_chromosomes / "empty").write_text("SNP\n")
    with pytest.raises(FileFormatError, match="there is no id of a variant"):
        read_listed(two_chromosomes / "empty")


def test_panel_ld_scores__refuse_a_chromosome_file_with_two_chromosomes(two_chromosomes: Path) -> None:
    for ending in ("bed", "bim", "fam"):
        (two_chromosomes / f"all.{ending}").rename(two_chromosomes / f"panel.3.{ending}")
    with pytest.raises(FileFormatError, match=r"panel.3.bim: the file of chromosome 3 has variants of 1, 2"):
        score(Panel(two_chromosomes / "panel.@"))


@pytest.mark.parametrize(
    "wrong", [{"reach": 0.0}, {"reach": float("nan")}, {"above_frequency": 0.5}, {"most_unscored": 2.0}]
)
def test_config__refuses_impossible_values(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="expected"):
        LDScoreConfig(**wrong)


# ---- another program, and real data


@pytest.mark.parametrize(("above_frequency", "missing"), [(0.0, 0.0), (0.1, 0.05)])
def test_panel_ld_scores__are_those_of_pyldsc(tmp_path: Path, above_frequency: float, missing: float) -> None:
    pyldsc = pytest.importorskip("pyldsc", reason="pyldsc, the oracle for LD scores, is not installed")
    m = 150
    counts = genotypes(8, m, missing)
    counts[:, 20] = 1
    write_plink(tmp_path / "p", counts, np.sort(np.random.default_rng(0).random(m)) * 3)
    annotations = np.stack([np.ones(m), np.random.default_rng(1).random(m), np.arange(m) % 5 == 0], axis=1)
    (tmp_path / "a.annot").write_text("base x y\n" + "".join(f"{a} {b!r} {c}\n" for a, b, c in annotations.tolist()))
    # Its windows are exact with a chunk of one variant only
    settings = {"ld_wind_cm": 0.5, "chunk_size": 1, "maf": above_frequency or None}
    (result,) = score(
        Panel(tmp_path / "p", [open_annotation(tmp_path / "a.annot")]),
        LDScoreConfig(0.5, above_frequency=above_frequency),
    )
    theirs = pyldsc.estimate_ldscore(str(tmp_path / "p"), annot=annotations, **settings)
    table = theirs["ldscore"]
    assert table["SNP"].tolist() == result.scores.id.tolist()
    np.testing.assert_allclose(table.iloc[:, -3:], result.scores.scores, rtol=1e-6)
    np.testing.assert_allclose(np.ravel(theirs["M"]), result.scores.m)
    np.testing.assert_allclose(np.ravel(theirs["M_5_50"]), result.scores.m_5_50)


def test_panel_ld_scores__of_real_genomes_are_like_the_published_ones(shared_data: Path, tmp_path: Path) -> None:
    chromosomes = [str(number) for number in range(1, 12)]
    with tarfile.open(shared_data / "gwas" / "1000G_eur489_22x1Mb_plink.tar.gz") as tar:
        wanted = [f"1000G.subset.{c}.{ending}" for c in chromosomes for ending in ("bed", "bim", "fam")]
        tar.extractall(tmp_path, members=wanted, filter="data")
    published = read_ld_scores(str(shared_data / "gwas" / "@"))
    place = {one: row for row, one in enumerate(published.id)}
    # The published scores count neighbours of HapMap 3 only, with this annotation ours do too
    for chromosome in chromosomes:
        ids = read_bim(tmp_path / f"1000G.subset.{chromosome}.bim").id
        text = "every hapmap3\n" + "".join(f"1 {int(one in place)}\n" for one in ids)
        (tmp_path / f"{chromosome}.annot").write_text(text)
    panel = Panel(tmp_path / "1000G.subset.@", [open_annotation(tmp_path / "@.annot")])
    pairs = []
    for part in panel_ld_scores(panel):
        ours = part.scores
        # Near the ends of a region, neighbours are missing
        inner = np.abs(ours.position - (ours.position[0] + ours.position[-1]) / 2) <= 200_000
        pairs += [(*ours.scores[row], published.scores[place[ours.id[row]], 0])
                  for row in np.flatnonzero(inner) if ours.id[row] in place]  # fmt: skip
    correlations = np.corrcoef(np.array(pairs).T)[:2, 2]
    assert len(pairs) > 2000
    assert correlations[0] > 0.85
    assert correlations[1] > 0.98

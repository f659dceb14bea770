from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambergen.cli.describe import describe, draw
from ambergen.errors import InputError, SpaceError
from ambergen.models.summary import child_parameters
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.presets import amber, compact, hierarchical
from ambergen.spaces.space import Space


def described(capsys: pytest.CaptureFixture[str], subject: object, **options: Any) -> dict[str, Any]:
    describe(str(subject), **{"tracks": None, "length": None, "as_json": True, **options})
    return json.loads(capsys.readouterr().out)


def test_describe__gives_the_published_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    record = described(capsys, "amber", tracks=919)
    assert record["tokens"] == 78
    assert record["architectures"] == str(7**12 * 2**66)
    assert record["supernet_parameters"] == pytest.approx(11.8e6, rel=0.01)
    assert record["lengths"] == [1000, 250, 63, 16]


def test_describe__prints_what_json_has(capsys: pytest.CaptureFixture[str]) -> None:
    describe("compact", tracks=2, length=100, as_json=False)
    text = capsys.readouterr().out
    assert "compact: 2 tracks, windows of 100 base pairs" in text
    assert "may add outputs of layers" in text


def test_describe__says_where_skips_come_from_and_what_becomes_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = compact(layers=3, reduce=(), sources="enas", combine="concat1x1")
    architecture = space.from_genes((0, 0, 1, 0, 1, 1))
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"architecture": architecture.to_dict(), "space": space.to_dict()}))
    describe(str(path), tracks=1, length=50, as_json=False)
    text = capsys.readouterr().out
    assert "3 possible (stage, from the stem on), concatenated, then ReLU and a 1x1 convolution" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["0", "conv8", "32", "50", "-"] in rows
    assert ["1", "conv8", "32", "50", "stem"] in rows
    assert ["2", "conv8", "32", "50", "stem", "0"] in rows
    assert "concatenates outputs of layers" in text


def test_describe__an_architecture_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    architecture = compact().sample(np.random.default_rng(1))
    path = tmp_path / "a.json"
    path.write_text(architecture.to_json())
    record = described(capsys, path, tracks=3, length=101)
    assert record["id"] == architecture.id
    assert record["parameters"] == child_parameters(compact(), architecture, 3, 101)


def test_describe__an_architecture_with_its_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = compact(layers=3, reduce=(0,))
    architecture = space.sample(np.random.default_rng(1))
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"architecture": architecture.to_dict()}))
    with pytest.raises(SpaceError, match="lies in none of the spaces amber, compact, hierarchical"):
        described(capsys, path)
    path.write_text(json.dumps({"architecture": architecture.to_dict(), "space": space.to_dict()}))
    assert described(capsys, path, tracks=1, length=50)["lengths"] == [50, 13]


def test_describe__a_saved_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    architecture = compact().sample(np.random.default_rng(1))
    spec = {"space": compact().to_dict(), "architecture": architecture.to_dict()}
    record = {"kind": "child", "spec": spec, "tracks": ["Abf1", "Reb1"], "length": 200}
    (tmp_path / "model.json").write_text(json.dumps(record))
    found = described(capsys, tmp_path)
    assert (found["n_tracks"], found["length"], found["id"]) == (2, 200, architecture.id)


def test_describe__the_hierarchical_space(capsys: pytest.CaptureFixture[str]) -> None:
    record = described(capsys, "hierarchical", tracks=5, length=100)
    assert record["architectures"] == str(hierarchical().size)
    assert (record["tokens"], record["lengths"], record["widths"]) == (46, [100, 25, 7], [32, 64, 128])
    assert "supernet_parameters" not in record
    describe("hierarchical", tracks=5, length=100, as_json=False)
    text = capsys.readouterr().out
    assert "level 2                  6 motifs of 4 nodes" in text
    assert "cell                     5 nodes, 1 a stage in 3 stages" in text
    assert "One of them, drawn at random" in text


def test_describe__a_genotype_draws_its_cell_and_the_motifs_that_it_uses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = hierarchical(motifs=(3,), nodes=(3, 4))
    genotype = Genotype(
        ((("conv8", None, "separable8"), ("identity",) * 3, ("max_pool4", None, None)), ((0, None, 1, None, 0, 1),))
    )
    path = tmp_path / "g.json"
    path.write_text(genotype.to_json())
    with pytest.raises(SpaceError, match="a genotype of 2 levels that lies in none of the spaces amber, compact"):
        described(capsys, path)
    path.write_text(json.dumps({"architecture": genotype.to_dict(), "space": space.to_dict()}))
    record = described(capsys, path, tracks=2, length=64)
    assert (record["id"], record["parameters"]) == (genotype.id, child_parameters(space, genotype, 2, 64))
    describe(str(path), tracks=2, length=64, as_json=False)
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cut = [[part.strip() for part in line if part.strip()] for line in lines]
    assert ["3", "-", "motif 2.0", "motif 2.1"] in cut
    assert ["2", "-", "separable8"] in cut
    assert any("motif 2.1: to" in line for line in cut)
    assert not any("motif 2.2: to" in line for line in cut)


def test_describe__layers_with_lists_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = Space(layers=2, operations=(("conv4", "identity"), ("conv8",)), reduce=())  # type: ignore[arg-type]
    path = tmp_path / "a.json"
    architecture = space.sample(np.random.default_rng(0))
    path.write_text(json.dumps({"architecture": architecture.to_dict(), "space": space.to_dict()}))
    assert described(capsys, path, tracks=1, length=20)["architectures"] == "4"
    assert "conv4, identity" in draw(space, None, 20)


def test_describe__names_the_nearest_preset() -> None:
    with pytest.raises(InputError, match=r"'compct' is unknown\. Did you mean 'compact'"):
        describe("compct", tracks=None, length=None, as_json=False)


def test_describe__refuses_a_file_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.json: cannot be read as JSON"):
        describe(str(tmp_path / "a.json"), tracks=None, length=None, as_json=False)


def test_describe__of_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.json: there is no such file\. Check the path"):
        describe(str(tmp_path / "a.json"), tracks=None, length=None, as_json=False)


def test_draw__has_a_line_for_every_layer_and_reduction() -> None:
    space = amber()
    lines = draw(space, space.sample(np.random.default_rng(0)), 1000).splitlines()
    assert len(lines) == 2 + 1 + space.layers + len(space.reduce) + 1
    assert sum("reduce" in line for line in lines) == 3

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ambergen.budgets import Budget
from ambergen.config import load_run, track_name
from ambergen.datasets.config import CountConfig, CountSource, GenomeSource, SplitConfig, TableSource
from ambergen.datasets.demo import demo_paths
from ambergen.errors import ConfigError
from ambergen.evaluators.shared_weights import SupernetConfig
from ambergen.spaces import operations
from ambergen.spaces.presets import hierarchical
from ambergen.strategies.reinforce import ControllerConfig

GENOME = """\
data:
  genome: genome.fa.gz
  tracks: peaks/*.bed.gz
  windows: {length: 600, label: any}
  split: {test: [II, VIII], selection: V}
"""
TABLE = """\
data:
  table: {train: a.csv, test: b.csv, labels: bound}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "peaks").mkdir(exist_ok=True)
    for name in ("Reb1", "Abf1"):
        (folder / "peaks" / f"{name}.bed.gz").touch()
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_run(write(folder, text), overrides)
    return str(caught.value)


# ---- data


def test_load__paths_start_from_the_run_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, GENOME)
    monkeypatch.chdir("/")
    source = load_run(path.relative_to("/")).data.source
    assert isinstance(source, GenomeSource)
    assert source.genome == tmp_path / "genome.fa.gz"
    assert [(t.name, t.peaks) for t in source.tracks] == [
        (name, tmp_path / "peaks" / f"{name}.bed.gz") for name in ("Abf1", "Reb1")
    ]


def test_load__paths_after_set_start_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = load_run(write(tmp_path, GENOME), ["out=results"])
    assert run.out == tmp_path / "elsewhere" / "results"
    assert load_run(write(tmp_path, GENOME)).out == tmp_path / "out"


def test_load__tracks_may_be_listed_as_paths_or_with_names(tmp_path: Path) -> None:
    text = GENOME.replace(
        "peaks/*.bed.gz",
        "[peaks/Reb1.bed.gz, {name: up, peaks: u.bed, reverse_partner: down}, {bigwig: down.bw, threshold: 2}]",
    )
    source = load_run(write(tmp_path, text)).data.source
    assert isinstance(source, GenomeSource)
    assert [(t.name, t.reverse_partner, t.threshold) for t in source.tracks] == [
        ("Reb1", None, None),
        ("up", "down", None),
        ("down", None, 2.0),
    ]
    assert source.tracks[2].bigwig == tmp_path / "down.bw"


def test_load__counts_are_read_beside_the_tracks(tmp_path: Path) -> None:
    counts = "  counts: {tracks: [{name: chip, plus: p.bw, minus: m.bw}, {name: atac, bigwig: a.bw}], width: 900}\n"
    run = load_run(write(tmp_path, GENOME.replace("  tracks:", counts + "  tracks:")))
    assert isinstance(run.data.source, GenomeSource)
    chip = CountSource("chip", plus=tmp_path / "p.bw", minus=tmp_path / "m.bw")
    assert run.data.source.counts == CountConfig((chip, CountSource("atac", tmp_path / "a.bw")), 900)
    (tmp_path / "again.yaml").write_text(run.to_yaml())
    assert load_run(tmp_path / "again.yaml") == run
    wrong = GENOME.replace("  tracks:", counts.replace("minus", "minos") + "  tracks:")
    assert "data.counts.tracks[0].minos: 'minos' is unknown. Did you mean 'minus'?" in refused(tmp_path, wrong)


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/CTCF.bed.gz", "CTCF"), ("K562.H3K4me3.narrowPeak", "K562.H3K4me3"), ("x.bw", "x"), ("plain", "plain")],
)
def test_track_name__is_the_stem(path: str, name: str) -> None:
    assert track_name(path) == name


def test_load__refuses_two_tracks_of_one_name(tmp_path: Path) -> None:
    text = GENOME.replace("peaks/*.bed.gz", "[peaks/Reb1.bed.gz, other/Reb1.bed]")
    assert "line 3, data.tracks[1]: two tracks are named 'Reb1'" in refused(tmp_path, text)


def test_load__refuses_a_pattern_without_files(tmp_path: Path) -> None:
    assert "line 3, data.tracks: no file matches" in refused(tmp_path, GENOME.replace("*.bed.gz", "*.narrowPeak"))


def test_load__a_split_preset_is_a_name(tmp_path: Path) -> None:
    text = GENOME.replace("{test: [II, VIII], selection: V}", "deepsea")
    assert load_run(write(tmp_path, text)).data.split.test == ("chr8", "chr9")
    message = refused(tmp_path, text.replace("deepsea", "depsea"))
    assert "line 5, data.split: 'depsea' is unknown. Did you mean 'deepsea'?" in message


def test_load__contig_names_may_look_like_numbers(tmp_path: Path) -> None:
    text = GENOME.replace("[II, VIII], selection: V", "[8, 9], selection: 7, search: X")
    assert load_run(write(tmp_path, text)).data.split == SplitConfig(("8", "9"), ("7",), ("X",))


def test_load__a_table_needs_no_split(tmp_path: Path) -> None:
    run = load_run(write(tmp_path, TABLE))
    assert run.data.source == TableSource(tmp_path / "a.csv", None, tmp_path / "b.csv", labels=("bound",))
    assert (run.n_tracks, run.length) == (1, None)


def test_load__refuses_a_table_beside_a_genome(tmp_path: Path) -> None:
    assert "line 2, data.genome: stands beside `table`" in refused(tmp_path, GENOME + TABLE.replace("data:\n", ""))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  genome: genome.fa.gz\n", "has neither a `genome` with `tracks` nor a `table`"),
        ("  tracks: peaks/*.bed.gz\n", "has a genome but no `tracks`"),
        ("  split: {test: [II, VIII], selection: V}\n", "has no `split`. Name whole contigs"),
    ],
)
def test_load__says_what_the_data_lack(tmp_path: Path, line: str, words: str) -> None:
    assert words in refused(tmp_path, GENOME.replace(line, ""))


# ---- the other sections


def test_load__presets_give_what_is_not_named(tmp_path: Path) -> None:
    run = load_run(write(tmp_path, GENOME + "space: {preset: compact, width: 24}\ntrain: {preset: amber, epochs: 3}\n"))
    assert (run.space.layers, run.space.width, run.space.skips) == (6, 24, "stage")
    assert (run.train.epochs, run.train.schedule, run.train.max_norm) == (3, "amber", 0.9)


def test_load__a_nested_key_leaves_its_neighbours(tmp_path: Path) -> None:
    text = GENOME + "search: {budget: 2h, controller: {preset: amber, squash: 2.5}, supernet: {train: {batch: 64}}}\n"
    search = load_run(write(tmp_path, text)).search
    assert search.budget == Budget(7200, "seconds")
    assert search.controller == ControllerConfig.preset("amber", squash=2.5)
    assert search.supernet == replace(SupernetConfig(), train=replace(SupernetConfig().train, batch=64))


def test_load__reads_where_skips_come_from_and_writes_it_where_it_is_not_the_published_way(tmp_path: Path) -> None:
    run = load_run(write(tmp_path, GENOME + "space: {preset: compact, sources: enas, combine: concat1x1}\n"))
    assert (run.space.sources, run.space.combine, run.space.layers) == ("enas", "concat1x1", 6)
    again = tmp_path / "again"
    again.mkdir()
    assert load_run(write(again, run.to_yaml())).space == run.space
    published = load_run(write(tmp_path, GENOME + "space: {sources: amber, combine: add}\n"))
    assert published.to_yaml() == load_run(write(tmp_path, GENOME)).to_yaml()
    assert "combine" not in published.to_yaml()
    assert "'amber' or 'enas'" in refused(tmp_path, GENOME + "space: {sources: stem}\n")


def test_load__reads_a_hierarchical_space(tmp_path: Path) -> None:
    text = GENOME + "space: {preset: hierarchical, width: 16, stages: 2}\nsearch: {method: hierarchical}\n"
    run = load_run(write(tmp_path, text))
    assert run.space == hierarchical(16, stages=2)
    again = tmp_path / "again"
    again.mkdir()
    assert load_run(write(again, run.to_yaml())).space == run.space


def test_load__reads_operations_of_every_layer(tmp_path: Path) -> None:
    lists = "[[conv8, identity], [conv4], [max_pool4, conv8]]"
    text = GENOME + f"space: {{layers: 3, reduce: [], operations: {lists}}}\n"
    run = load_run(write(tmp_path, text))
    assert run.space.layer_operations == (("conv8", "identity"), ("conv4",), ("max_pool4", "conv8"))
    again = tmp_path / "again"
    again.mkdir()
    assert load_run(write(again, run.to_yaml())).space == run.space


def test_load__takes_one_operation_for_a_list(tmp_path: Path) -> None:
    assert load_run(write(tmp_path, GENOME + "space: {operations: conv8}\n")).space.operations == ("conv8",)


def test_load__refuses_names_beside_lists_of_operations(tmp_path: Path) -> None:
    message = refused(tmp_path, GENOME + "space: {layers: 2, reduce: [], operations: [[conv8, identity], conv4]}\n")
    assert "space.operations: 'conv4' stands beside lists of operations; expected names for all layers" in message
    assert "Write [conv4] for a layer with this operation alone." in message


@pytest.mark.parametrize("plugins", ["mine.py", "[mine.py]"])
def test_load__imports_a_plugin_beside_the_run_file(
    tmp_path: Path, plugins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_OWN", {})
    code = "from ambergen.spaces.operations import register_operation as r\nr('block_of_mine', lambda c, n: None)\n"
    (tmp_path / "mine.py").write_text(code)
    text = GENOME + f"space: {{layers: 2, reduce: [], operations: [block_of_mine, conv8], plugins: {plugins}}}\n"
    run = load_run(write(tmp_path, text))
    assert run.space.operations == ("block_of_mine", "conv8")
    assert run.space.plugins == (str(tmp_path / "mine.py"),)
    assert load_run(write(tmp_path, run.to_yaml())).space == run.space
    message = refused(tmp_path, GENOME + "space: {operations: [block_of_yours], plugins: [absent.py]}\n")
    assert "line 6, space.plugins: space: plugins: there is no file" in message
    assert str(tmp_path / "absent.py") in message


@pytest.mark.parametrize("method", ["enas", "nas", "oneshot"])
def test_load__refuses_a_method_that_needs_layers_in_a_space_without(tmp_path: Path, method: str) -> None:
    text = GENOME + "space: {preset: hierarchical}\n"
    message = refused(tmp_path, text, f"search.method={method}")
    assert f"--set search.method={method}: {method} needs layers, and the space is hierarchical. Set" in message


def test_load__refuses_a_method_that_is_not_there(tmp_path: Path) -> None:
    message = refused(tmp_path, GENOME, "search.method=annealing")
    assert "--set search.method=annealing: found 'annealing'; expected 'enas', 'nas', 'hierarchical'" in message


def test_load__names_the_scorers_that_exist(tmp_path: Path) -> None:
    message = refused(tmp_path, GENOME + "compare: {scorers: [deepsea, gkn]}\n")
    assert (
        "line 6, compare.scorers: compare: scorers are ['deepsea', 'gkn']; expected some of deepsea, danq, kmer"
        in message
    )


def test_load__refuses_a_budget_without_unit(tmp_path: Path) -> None:
    assert "line 6, search.budget: '30' is no budget; expected a time" in refused(
        tmp_path, GENOME + "search: {budget: 30}\n"
    )


def test_load__names_a_presets_neighbours(tmp_path: Path) -> None:
    message = refused(tmp_path, GENOME + "search:\n  controller:\n    preset: ambr\n")
    assert (
        "line 8, search.controller.preset: controller: 'ambr' is not a preset; expected one of ambergen, amber"
        in message
    )


def test_load__refuses_unknown_keys_and_values_all_at_once(tmp_path: Path) -> None:
    text = GENOME + "space: {widht: 32, preset: amber}\ntrain:\n  epochs: lots\n  patients: 3\nserch: {}\n"
    message = refused(tmp_path, text)
    assert "has 4 faults" in message
    assert "line 6, space.widht: 'widht' is unknown. Did you mean 'width'?" in message
    assert "line 8, train.epochs: found 'lots'" in message
    assert "line 9, train.patients: 'patients' is unknown. Did you mean 'patience'?" in message
    assert "line 10, serch: 'serch' is unknown. Did you mean 'search'?" in message


def test_load__tells_where_a_part_finds_values_impossible(tmp_path: Path) -> None:
    message = refused(tmp_path, GENOME + "\nspace:\n  layers: 4\n  reduce: [7]\n")
    assert "line 9, space.reduce: space: reduce is [7]" in message
    assert "--set train.epochs=0: train: epochs is 0" in refused(tmp_path, GENOME, "train.epochs=0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{workers: 2}", ("processes", None)),
        ("{ray: {address: auto}}", ("ray", "auto")),
        ("{ray: {address: '10.0.0.1:6379'}, workers: 8}", ("ray", "10.0.0.1:6379")),
        ("{engine: ray}", ("ray", None)),
        ("{engine: processes, ray: {address: auto}}", ("processes", "auto")),
    ],
)
def test_load__a_section_for_a_cluster_asks_for_it(tmp_path: Path, text: str, expected: tuple[str, str | None]) -> None:
    execute = load_run(write(tmp_path, GENOME + f"execute: {text}\n")).execute
    assert (execute.engine, execute.ray.address) == expected


def test_load__refuses_an_address_and_an_engine_that_are_none(tmp_path: Path) -> None:
    message = refused(tmp_path, GENOME + "execute: {ray: {address: 'ray://head:10001'}}\n")
    assert "line 6, execute.ray.address: " in message
    assert "address is 'ray://head:10001'; expected auto, or host:port of the cluster's head" in message
    message = refused(tmp_path, GENOME + "execute: {engine: dask}\n")
    assert "line 6, execute.engine: found 'dask'; expected 'processes', 'inline' or 'ray'" in message


def test_load__names_the_variable_that_is_not_set(tmp_path: Path) -> None:
    message = refused(tmp_path, GENOME.replace("genome.fa.gz", "${NO_SUCH_DATA}/genome.fa.gz"))
    assert "line 2, data.genome: the environment variable NO_SUCH_DATA" in message
    assert "--set data.genome=" in message


@pytest.mark.parametrize(
    "text",
    [
        GENOME + "space: {width: 24}\nexecute: {ray: {}}\nsearch: {method: enas, budget: 20 epochs}\n",
        TABLE + "out: ~/x\n",
    ],
)
def test_run__reads_back_what_it_wrote(tmp_path: Path, text: str) -> None:
    run = load_run(write(tmp_path, text))
    copy = tmp_path / "elsewhere" / "copy.yaml"
    copy.parent.mkdir()
    copy.write_text(run.to_yaml())
    assert load_run(copy) == run


# ---- run files that come with the project


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[1].glob("examples/*.yaml")), ids=lambda p: p.stem)
def test_examples__load(path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBERGEN_DATA", str(shared_data))
    assert load_run(path).out.parent.name == "runs"
    monkeypatch.delenv("AMBERGEN_DATA")
    with pytest.raises(ConfigError, match=r"AMBERGEN_DATA .*Set it"):
        load_run(path)


def test_demo__loads_and_goes_where_it_is_told(tmp_path: Path) -> None:
    run = load_run(demo_paths().run_file, [f"out={tmp_path}"])
    assert run.out == tmp_path
    assert run.n_tracks == len(demo_paths().tracks)

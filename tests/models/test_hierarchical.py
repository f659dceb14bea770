"""Networks of genotypes against an evaluation written out from the definition of the hierarchical space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ambergen.errors import SpaceError
from ambergen.models.building import build
from ambergen.models.factory import make_network
from ambergen.models.hierarchical import Cell, Concat, HierarchicalNetwork
from ambergen.models.layers import BatchNorm, Conv, Linear
from ambergen.models.operations import make_operation
from ambergen.models.summary import child_parameters, multiply_adds, n_parameters, receptive_field
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.operations import operation
from tests.models.small import LENGTH, N_TRACKS, randomise, windows
from tests.models.written_out import avg_pool, conv_same, max_pool

NAMES = ("conv4", "conv4_d10", "max_pool4", "avg_pool4", "identity", "separable8")
SHAPE: dict[str, Any] = {
    "operations": NAMES, "motifs": (3,), "nodes": (3, 4), "width": 4, "stages": 2, "hidden": 5, "mutations": 60,
}  # fmt: skip
SPACES = {
    "concat": HierarchicalSpace(**SHAPE),
    "add": HierarchicalSpace(**SHAPE, merge="add"),
    "two cells, pool first, average": HierarchicalSpace(**SHAPE, cells=2, pool_first=True, head="gap"),
    "three levels": HierarchicalSpace(**{**SHAPE, "motifs": (3, 2), "nodes": (2, 3, 3), "stages": 1}),
}


def genotypes(space: HierarchicalSpace) -> st.SearchStrategy[Genotype]:
    return st.tuples(*(st.integers(0, n - 1) for n in space.gene_sizes)).map(space.from_genes)


def network(space: HierarchicalSpace, genotype: Genotype) -> HierarchicalNetwork:
    return randomise(HierarchicalNetwork(space, genotype, N_TRACKS, LENGTH)).double().eval()


class WrittenOut:
    """Logits of a genotype, edge by edge, node by node; nothing is assembled or simplified.

    All uses of an operation in a stage have the same weights here, and a merge the same block for each of its inputs,
    so that it does not matter in which order the network has them.
    """

    def __init__(self, built: HierarchicalNetwork, seed: int = 3) -> None:
        self.built, self.space = built, built.space
        self.weights: dict[tuple[int, str], nn.Module] = {}
        torch.manual_seed(seed)
        for stage, (channels, length) in enumerate(zip(self.space.widths, self.space.lengths(LENGTH), strict=True)):
            for k, name in enumerate(NAMES):
                layer = make_operation(operation(name), channels, length)
                self.weights[stage, name] = randomise(layer, seed + k).double().eval()
            self.weights[stage, "merge"] = randomise(Concat(1, channels), seed).double().eval()
            for cell in built.stages[stage]:
                self.tie(cell[0], stage)

    @torch.no_grad()
    def tie(self, cell: Cell, stage: int) -> None:
        for step, module in zip(self.built.architecture.program, cell.steps, strict=True):
            source = self.weights[stage, step.operation or "merge"]
            values = source.state_dict()
            if isinstance(module, Concat):
                values["project.0.weight"] = torch.cat([values["project.0.weight"]] * len(step.inputs), dim=1)
            elif step.operation is None:
                values = {f"norm.{k}": v for k, v in source.project[1].state_dict().items()}
            module.load_state_dict(values)

    def logits(self, x: Tensor) -> Tensor:
        weights = self.built.state_dict()
        x = norm(conv_same(x, weights["stem.0.weight"], 1), self.built.stem[1])
        for stage in range(self.space.stages):
            if stage:
                pool, place = self.space.pool_first, 1 if self.space.pool_first else 0
                kernel = weights[f"reductions.{stage - 1}.{place}.weight"]
                x = conv_same(max_pool(x, 4, 4), kernel, 1) if pool else max_pool(conv_same(x, kernel, 1), 4, 4)
            for _ in range(self.space.cells):
                out = self.motif(len(self.built.architecture.levels) - 1, self.built.architecture.cell, x, stage)
                x = x if out is None else out
        x = x.mean(2) if self.space.head == "gap" else x.reshape(len(x), -1)
        x = torch.clamp(x @ weights["head.dense.weight"].T + weights["head.dense.bias"], min=0)
        return x @ weights["head.output.weight"].T + weights["head.output.bias"]

    def motif(self, level: int, motif: tuple, x: Tensor, stage: int) -> Tensor | None:
        """Output of the last node; None where no path leads there."""
        nodes: list[Tensor | None] = [x]
        edges = list(motif)
        while edges:
            into, edges = edges[: len(nodes)], edges[len(nodes) :]
            brought = [self.edge(level, edge, node, stage) for edge, node in zip(into, nodes, strict=True)]
            nodes.append(self.merge([b for b in brought if b is not None], stage))
        return nodes[-1]

    def edge(self, level: int, edge: Any, x: Tensor | None, stage: int) -> Tensor | None:
        if edge is None or x is None:
            return None
        if level:
            return self.motif(level - 1, self.built.architecture.levels[level - 1][edge], x, stage)
        layer = self.weights[stage, edge]
        if edge == "identity":
            return x
        if edge == "separable8":
            x = torch.cat([conv_same(x[:, c : c + 1], layer[0].weight[c : c + 1], 1) for c in range(x.shape[1])], dim=1)
            return torch.clamp(norm(conv_same(x, layer[1].weight, 1), layer[2]), min=0)
        x = torch.clamp(norm(conv_same(x, layer[0].weight, 10 if "d10" in edge else 1), layer[1]), min=0)
        return {"max_pool4": max_pool, "avg_pool4": avg_pool}[edge](x, 4, 1) if "pool" in edge else x

    def merge(self, values: list[Tensor], stage: int) -> Tensor | None:
        if len(values) < 2:
            return values[0] if values else None
        conv, batch_norm, _ = self.weights[stage, "merge"].project
        total = torch.stack(values).sum(0)
        if self.space.merge == "add":
            return norm(total, batch_norm)
        return torch.clamp(norm(conv_same(total, conv.weight, 1), batch_norm), min=0)


def norm(x: Tensor, layer: BatchNorm) -> Tensor:
    scaled = (x - layer.running_mean[:, None]) / torch.sqrt(layer.running_var + 1e-5)[:, None]
    return scaled * layer.weight[:, None] + layer.bias[:, None]


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=6)
@given(data=st.data())
def test_network__equals_the_genotype_written_out(name: str, data: st.DataObject) -> None:
    genotype = data.draw(genotypes(SPACES[name]))
    built = network(SPACES[name], genotype)
    slow = WrittenOut(built)
    x = windows(2)
    with torch.no_grad():
        # average pooling scales the ends of a sequence by a float32 factor
        torch.testing.assert_close(built(x).double(), slow.logits(x), rtol=1e-6, atol=1e-6)


def test_merge__gives_every_input_its_own_block_in_their_order() -> None:
    """conv4 and max pooling side by side, joined: worked out by hand with weights that all differ."""
    genotype = Genotype(((("conv4",), ("max_pool4",), ("identity",)), ((0, 1, 2),)))
    assert genotype.program == (("conv4", (0,)), ("max_pool4", (0,)), (None, (1, 2)))
    cell = randomise(Cell(genotype.program, "concat", 3, 20)).double().eval()
    x = torch.randn(2, 3, 1, 20, dtype=torch.float64)
    with torch.no_grad():
        both = torch.cat((cell.steps[0](x), cell.steps[1](x)), dim=1)[:, :, 0]
        expected = torch.clamp(
            norm(conv_same(both, cell.steps[2].project[0].weight, 1), cell.steps[2].project[1]), min=0
        )
        torch.testing.assert_close(cell(x)[:, :, 0], expected, rtol=0, atol=1e-12)


def test_network__of_a_cell_without_a_path_is_stem_reductions_and_head() -> None:
    space = SPACES["concat"]
    nothing = space.from_genes([0] * len(space.gene_sizes))
    built = network(space, nothing)
    assert all(len(cell[0].steps) == 0 for stage in built.stages for cell in stage)
    x = windows(2)
    with torch.no_grad():
        expected = built.head(built.reductions[0](built.stem(x.unsqueeze(2))))
        assert torch.equal(built(x), expected)


def test_network__is_the_same_for_genotypes_with_one_identifier() -> None:
    space = HierarchicalSpace(operations=("conv4", "conv8", "identity"), motifs=(2,), nodes=(2, 4), width=4, hidden=3)
    one = Genotype(((("conv4",), ("conv8",)), ((0, 1, None, None, 0, 1),)))
    renamed = Genotype(((("conv8",), ("conv4",)), ((1, 0, None, None, 1, 0),)))
    turned = Genotype(((("conv4",), ("conv8",)), ((1, 0, None, None, 1, 0),)))  # nodes 1 and 2 in the other order
    assert one.id == renamed.id == turned.id
    x = windows(2, dtype=torch.float32)
    first, *others = (build(g, N_TRACKS, LENGTH, space, seed=1).eval()(x) for g in (one, renamed, turned))
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("name", SPACES)
def test_network__uses_every_layer_once(name: str) -> None:
    space = SPACES[name]
    built = network(space, space.sample(np.random.default_rng(0)))
    calls: dict[str, int] = {}
    for path, module in built.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _, __, ___, path=path: calls.update({path: calls.get(path, 0) + 1}))
    built(windows(2))
    leaves = {path for path, module in built.named_modules() if path and not list(module.children())}
    empty = {path for path in leaves if isinstance(built.get_submodule(path), nn.ModuleList)}
    assert calls == dict.fromkeys(leaves - empty, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_network__computes_in_the_dtype_of_its_input_and_stays_channels_last(dtype: torch.dtype) -> None:
    space = SPACES["concat"]
    built = HierarchicalNetwork(space, space.sample(np.random.default_rng(1)), N_TRACKS, LENGTH)
    seen: list[Tensor] = []
    for stage in built.stages:
        for cell in stage:
            for step in cell[0].steps:
                step.register_forward_hook(lambda _, __, output: seen.append(output))
    logits = built(windows(4, dtype=dtype))
    assert logits.dtype == torch.float32
    assert seen
    assert all(value.dtype == dtype for value in seen)
    assert all(value.is_contiguous(memory_format=torch.channels_last) for value in seen)


def test_network__trains() -> None:
    space = SPACES["concat"]
    built = build(space.sample(np.random.default_rng(2)), N_TRACKS, LENGTH, space, seed=0)
    built(windows(4, dtype=torch.float32)).sum().backward()
    assert all(p.grad is not None for p in built.parameters())
    assert built.output_layer.weight.shape == (N_TRACKS, space.hidden)


def test_network__refuses_a_genotype_of_another_space() -> None:
    with pytest.raises(SpaceError, match="this space has"):
        HierarchicalNetwork(SPACES["concat"], SPACES["three levels"].sample(np.random.default_rng(0)), 1, 10)


def test_supernet__is_of_layers_alone() -> None:
    with pytest.raises(SpaceError, match=r"found a HierarchicalSpace; weights are shared by layers.*Train candidates"):
        Supernet(SPACES["concat"], 1, 10)  # type: ignore[arg-type]


def test_make_network__builds_it_as_a_child() -> None:
    space = SPACES["add"]
    genotype = space.sample(np.random.default_rng(0))
    spec = {"space": space.to_dict(), "architecture": genotype.to_dict()}
    built = make_network("child", spec, N_TRACKS, LENGTH, seed=2)
    assert isinstance(built, HierarchicalNetwork)
    assert (built.architecture, built.space) == (genotype, space)
    assert built(windows(2, dtype=torch.float32)).shape == (2, N_TRACKS)


# ---- sizes


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=4)
@given(data=st.data())
def test_sizes__equal_counts_of_what_is_built_and_run(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    genotype = data.draw(genotypes(space))
    built = HierarchicalNetwork(space, genotype, N_TRACKS, LENGTH).eval()
    total = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        total += module.weight[0].numel() * out[0].numel()

    for module in built.modules():
        if isinstance(module, (Conv, Linear)):
            module.register_forward_hook(count)
    built(windows(1, dtype=torch.float32))
    assert multiply_adds(space, genotype, N_TRACKS, LENGTH) == total
    assert child_parameters(space, genotype, N_TRACKS, LENGTH) == n_parameters(built)


@pytest.mark.parametrize("seed", range(6))
def test_receptive_field__is_what_moves_the_last_cell(seed: int) -> None:
    """One input after another is raised: those that change a position in the middle of the last cell's output."""
    names = ("conv4", "conv8", "max_pool4", "avg_pool4", "identity", "separable3")
    space = HierarchicalSpace(
        operations=names, motifs=(2,), nodes=(2, 4), width=2, stages=2, hidden=2, cells=1 + seed % 2
    )
    genotype = space.sample(np.random.default_rng(seed))
    field, length = receptive_field(space, genotype), 512
    built = HierarchicalNetwork(space, genotype, 1, length).double().eval()
    with torch.no_grad():
        for p in built.parameters():
            p.abs_()
        seen: dict[str, Tensor] = {}
        built.stages[-1].register_forward_hook(lambda _, __, out: seen.update(out=out))
        plain = torch.rand(1, 4, length, dtype=torch.float64)
        raised = plain + 1000.0 * torch.eye(length, dtype=torch.float64)[:, None, :]
        built(torch.cat((plain, raised)))
    middle = seen["out"].shape[-1] // 2
    values = seen["out"][:, :, 0, middle]
    moving = torch.nonzero((values[1:] != values[0]).any(dim=1))[:, 0]
    assert int(moving.max() - moving.min()) + 1 == field

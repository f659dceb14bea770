"""Children and supernet paths against the network written out from the description of the search space."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambergen.models.child import Child
from ambergen.models.layers import batch_statistics
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from tests.models.small import LENGTH, N_TRACKS, SMALL, SPACES, architectures, randomise, uniform, windows
from tests.models.written_out import WrittenOut


def check_against_description(
    space: Space, architecture: Architecture, length: int = LENGTH, batch_norm: str = "running"
) -> None:
    torch.manual_seed(1)
    child = randomise(Child(space, architecture, N_TRACKS, length)).eval()
    x = windows(3, length)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-6)):
        network = child.to(dtype)
        weights = {name: value.double() for name, value in network.state_dict().items()}
        written = WrittenOut(weights, space.reduce, space.pool_first, space.head, batch_norm)
        expected = written.logits(x, architecture.operations, architecture.skips)
        with torch.no_grad():
            if batch_norm == "batch":
                with batch_statistics(network):
                    found = network(x.to(dtype))
            else:
                found = network(x.to(dtype))
        assert found.shape == (3, N_TRACKS)
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance * expected.abs().max())


@pytest.mark.parametrize("name", SMALL.operations)
def test_child__equals_the_description_for_every_operation(name: str) -> None:
    check_against_description(SMALL, uniform(name))


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=6)
@given(data=st.data())
def test_child__equals_the_description_for_every_kind_of_space(name: str, data: st.DataObject) -> None:
    check_against_description(SPACES[name], data.draw(architectures(SPACES[name])))


@pytest.mark.parametrize("length", [1, 2, 5, 16, 33, 64])
def test_child__equals_the_description_for_every_padding(length: int) -> None:
    architecture = Architecture(("conv8", "max_pool4", "conv4_d10", "avg_pool4", "identity"), SMALL.skip_sources)
    check_against_description(SMALL, architecture, length)


def test_child__equals_the_description_with_batch_statistics() -> None:
    architecture = Architecture(("conv8", "max_pool4", "conv4_d10", "avg_pool4", "identity"), SMALL.skip_sources)
    check_against_description(SMALL, architecture, batch_norm="batch")


def test_child__equals_the_description_in_the_published_shape() -> None:
    space = Space(width=2, hidden=5)
    operations = ("conv8", "conv8_d10", "max_pool4", "conv4", "avg_pool4", "identity") * 2
    skips = tuple(tuple(j for j in range(i) if (i + 2 * j) % 3 == 0) for i in range(12))
    check_against_description(space, Architecture(operations, skips), length=250)


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=8)
@given(data=st.data())
def test_supernet__path_equals_the_child_with_copied_weights(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    architecture = data.draw(architectures(space))
    torch.manual_seed(2)
    supernet = randomise(Supernet(space, N_TRACKS, LENGTH)).eval()
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-6)):
        supernet.to(dtype)
        child, x = supernet.child(architecture), windows(3, dtype=dtype)
        with torch.no_grad():
            torch.testing.assert_close(supernet(x, architecture), child(x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", SMALL.operations)
def test_supernet__path_equals_the_child_for_every_operation(name: str) -> None:
    torch.manual_seed(3)
    supernet = randomise(Supernet(SMALL, N_TRACKS, LENGTH)).double().eval()
    x, architecture = windows(3), uniform(name)
    with torch.no_grad():
        torch.testing.assert_close(supernet(x, architecture), supernet.child(architecture)(x), rtol=1e-6, atol=1e-6)


def test_network__in_bfloat16_is_near_and_gives_float32() -> None:
    architecture = Architecture(("conv8", "max_pool4", "conv4_d10", "avg_pool4", "identity"), SMALL.skip_sources)
    torch.manual_seed(4)
    child = randomise(Child(SMALL, architecture, N_TRACKS, LENGTH)).eval()
    x = windows(3, dtype=torch.float32)
    with torch.no_grad():
        exact, rounded = child(x), child(x.bfloat16())
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.1 * exact.abs().max().item())

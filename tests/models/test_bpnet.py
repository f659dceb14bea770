"""BPNet's network in its published size; its loss against SciPy's multinomial."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multinomial

from ambergen.errors import ConfigError
from ambergen.models.bpnet import BPNet, BPNetShape, Coverage, coverage_loss, multiply_adds, n_parameters
from ambergen.models.layers import Conv
from ambergen.models.summary import n_parameters as count_parameters


def test_bpnet__has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = BPNet(8, 1000)
    assert count_parameters(network) == n_parameters(8) == 130_960
    assert sum(p.numel() for module in (network.first, network.residual) for p in module.parameters()) == 117_632


@pytest.mark.parametrize(
    ("columns", "shape"),
    [(1, BPNetShape()), (3, BPNetShape(8, 5, 2, 7)), (2, BPNetShape(first=21, profile=75)), (5, BPNetShape(layers=1))],
)
def test_n_parameters__is_that_of_the_network(columns: int, shape: BPNetShape) -> None:
    with torch.device("meta"):
        assert count_parameters(BPNet(columns, 40, shape)) == n_parameters(columns, shape)


def test_shape__needs_all_its_layers() -> None:
    with pytest.raises(ConfigError, match=r"bpnet: layers is 0; expected at least 1"):
        BPNetShape(layers=0)


def test_bpnet__gives_a_profile_of_the_whole_window_and_a_count() -> None:
    network = BPNet(6, 70)
    found = network(torch.zeros(2, 4, 70))
    assert found.profile.shape == (2, 6, 70)
    assert found.log_counts.shape == (2, 6)


def test_bpnet__of_a_narrower_profile_keeps_the_middle() -> None:
    torch.manual_seed(0)
    network, x = BPNet(3, 70, BPNetShape(8, layers=2)), torch.rand(2, 4, 70)
    whole = network(x)
    network.width = 40
    narrow = network(x)
    torch.testing.assert_close(narrow.profile, whole.profile[..., 15:55])
    torch.testing.assert_close(narrow.log_counts, whole.log_counts)


def test_bpnet__sees_2093_bases() -> None:
    """25 of the first layer, 2 * (2 + 4 + ... + 512) of the dilated ones and 24 of the profile's."""
    network = BPNet(1, 2301).eval()
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.01)  # so that no unit is off and hides an end
    x = torch.full((1, 4, 2301), 0.25, requires_grad=True)
    network(x).profile[0, 0, 1150].backward()
    assert x.grad is not None
    seen = torch.nonzero(x.grad[0, 0]).ravel().tolist()
    assert (seen[0], seen[-1]) == (1150 - 1046, 1150 + 1046)


def test_coverage_loss__equals_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (2, 6, 11)).astype(np.float64)
    profile, log_counts = rng.normal(size=counts.shape), rng.normal(size=(2, 6))
    likelihoods, errors = [], []
    for index in np.ndindex(2, 6):
        probability = np.exp(profile[index]) / np.exp(profile[index]).sum()
        likelihoods.append(multinomial.logpmf(counts[index], counts[index].sum(), probability))
        errors.append((log_counts[index] - np.log(1 + counts[index].sum())) ** 2)
    found = coverage_loss(Coverage(torch.tensor(profile), torch.tensor(log_counts)), torch.tensor(counts))
    assert float(found) == pytest.approx(-np.mean(likelihoods) + 10 * np.mean(errors))


def test_multiply_adds__equal_a_count_while_running() -> None:
    network, total = BPNet(2, 40), 0

    def count(module: torch.nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += module.weight[0].numel() * out[0].numel()

    for module in network.modules():
        if isinstance(module, (Conv, torch.nn.Linear)):
            module.register_forward_hook(count)
    network(torch.zeros(1, 4, 40))
    assert multiply_adds(2, 40) == total

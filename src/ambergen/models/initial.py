"""First weights of the experts' networks, as their publications or the programs that they were written in draw them.

Nothing is drawn on the device ``meta``, where networks are only counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

Draw = Callable[[Tensor], Tensor]


@torch.no_grad()
def draw_weights(network: nn.Module, draw: Draw) -> None:
    """Weights of all convolutions, dense and recurrent layers by `draw`, in place; their biases zero."""
    for module in _layers(network):
        for name, parameter in module.named_parameters(recurse=False):
            if "weight" in name:
                draw(parameter)
            else:
                nn.init.zeros_(parameter)


def normal(network: nn.Module, deviation: float) -> None:
    """Weights from a normal distribution around zero with this standard deviation, biases zero."""
    draw_weights(network, lambda weight: nn.init.normal_(weight, std=deviation))


def uniform(network: nn.Module, bound: float) -> None:
    """Weights from -bound to bound, biases zero."""
    draw_weights(network, lambda weight: nn.init.uniform_(weight, -bound, bound))


@torch.no_grad()
def uniform_by_inputs(network: nn.Module) -> None:
    """Weights and biases from -1 to 1 over the root of the number of inputs: what Torch 7 did by itself."""
    for module in _layers(network):
        parameters = dict(module.named_parameters(recurse=False))
        bound = parameters["weight"][0].numel() ** -0.5
        for parameter in parameters.values():
            nn.init.uniform_(parameter, -bound, bound)


def _layers(network: nn.Module) -> Iterator[nn.Module]:
    for module in network.modules():
        parameters = list(module.parameters(recurse=False))
        if parameters and not isinstance(module, nn.modules.batchnorm._BatchNorm) and not parameters[0].is_meta:
            yield module

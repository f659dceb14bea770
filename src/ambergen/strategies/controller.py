"""The recurrent controller: a policy over the architectures of a search space, drawn and judged in batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ambergen.seeds import derive
from ambergen.spaces.space import Space

# The logit of an operation that a layer cannot be: its probability is 0 exactly, and 0 times it is 0, unlike infinity.
_NEVER = -1e9


@dataclass(frozen=True)
class Draw:
    """Architectures as tokens, with the distributions from which each decision was taken.

    tokens : (n, n_tokens) int64, in the order of `Space.encode`
    operation_log_prob : (n, layers, n_operations), log-probabilities given the decisions before, by the place in
        `Space.operations`; -1e9 or less of an operation that the layer cannot be
    skip_logit : (n, n_skips), q such that a skip connection is chosen with probability sigmoid(2 q)
    log_prob : (n,), log-probability of the whole architecture
    entropy : (n,), nats; sum over decisions of the entropy of each, given the decisions before. Its mean over draws of
        the policy is the entropy of the policy
    """

    tokens: Tensor
    operation_log_prob: Tensor
    skip_logit: Tensor
    log_prob: Tensor
    entropy: Tensor

    @property
    def skip_prob(self) -> Tensor:
        """(n, n_skips), probability that each skip connection is chosen."""
        return torch.sigmoid(2 * self.skip_logit)


class Controller(nn.Module):
    """One-layer LSTM that decides an architecture layer by layer: operation, then skip connections by attention.

    Layer i takes an LSTM step whose output gives the operation's logits; the operation's embedding is the next input.
    A layer with possible sources takes a second step; its output is compared with the anchors of the sources, and the
    mean-like sum of the chosen anchors, sum / (1 + count), is the next input. The last output of a layer is its
    anchor. Operation embedding and softmax are shared by all layers; there are no biases. Where layers have lists of
    operations of their own, the softmax is over those of the layer.

    Where the space has sources "enas", the anchor of a source is that of the layer which takes it as its input: for
    the stem that of layer 0, for layer j that of layer j + 1. So the public code of ENAS has it, in which the k-th
    decision of a layer looks at the k-th anchor and is about the k-th output, and the outputs begin with the stem. No
    parameter is added, and tokens have the same probabilities in both kinds of space.

    Parameters
    ----------
    space : decides the tokens: only allowed sources have one
    seed : of the start weights
    hidden : units of the LSTM
    temperature : divides all logits
    squash : logits become squash * tanh(logits), which bounds every probability; None leaves them
    spread : weights start uniform in (-spread, spread)

    References
    ----------
    Pham et al., Efficient neural architecture search via parameter sharing, ICML 2018; Zhang et al., Nature Machine
    Intelligence 3, 392-400 (2021) for the settings.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        hidden: int = 64,
        temperature: float = 2.0,
        squash: float | None = 1.5,
        spread: float = 0.1,
    ) -> None:
        super().__init__()
        self.space = space
        self.hidden = hidden
        self.temperature = temperature
        self.squash = squash
        generator = torch.Generator().manual_seed(derive(seed, "controller"))

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(*shape, generator=generator) - 1) * spread)

        n_operations = len(space.operations)
        self.start = weight(1, hidden)
        self.gates = weight(2 * hidden, 4 * hidden)
        self.embedding = weight(n_operations, hidden)
        self.softmax = weight(hidden, n_operations)
        self.anchor_weight = weight(hidden, hidden)
        self.query_weight = weight(hidden, hidden)
        self.attention = weight(hidden)
        tokens, layers = _positions(space)
        self._operation_tokens = tokens
        self._skip_tokens = [t for t in range(space.n_tokens) if t not in set(tokens)]
        self._skip_layers = layers
        ahead = 1 if space.sources == "enas" else 0
        self._anchor_layers = [[source + ahead for source in sources] for sources in space.skip_sources]
        self._places = _places(space) if space.layer_operations is not None else None

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Draw:
        """`n` independent architectures from the policy, without gradients; one call of the generator."""
        return self._unroll(None, torch.rand(n, self.space.n_tokens, generator=generator))

    def evaluate(self, tokens: Tensor) -> Draw:
        """The policy's view of given architectures, differentiable.

        Parameters
        ----------
        tokens : (n, n_tokens) int64
        """
        return self._unroll(tokens, None)

    @property
    def skip_layers(self) -> list[int]:
        """For every skip token the layer that decides it."""
        return self._skip_layers

    def _unroll(self, tokens: Tensor | None, uniform: Tensor | None) -> Draw:
        """Teacher-forced along `tokens`, or choosing each token by inversion of a uniform number."""
        guide = tokens if uniform is None else uniform
        assert guide is not None
        n = len(guide)
        output = cell = self.start.new_zeros(n, self.hidden)
        value = self.start.expand(n, self.hidden)
        anchors: list[Tensor] = []
        keys: list[Tensor] = []
        operations, operation_logits, bits, skip_logits = [], [], [], []
        at = 0
        for layer, sources in enumerate(self._anchor_layers):
            output, cell = self._step(value, output, cell)
            logits = self._bounded(output @ self.softmax)
            if self._places is not None:
                logits = _only(logits, self._places[layer])
            if uniform is not None:
                operation = _categorical(logits, guide[:, at])
            else:
                operation = guide[:, at] if self._places is None else self._places[layer][guide[:, at]]
            operations.append(operation)
            operation_logits.append(logits)
            value = self.embedding[operation]
            at += 1
            if sources:
                output, cell = self._step(value, output, cell)
                key = torch.stack([keys[j] for j in sources], dim=1)
                query = (output @ self.query_weight).unsqueeze(1)
                logit = self._bounded(torch.tanh(key + query) @ self.attention)
                among = guide[:, at : at + len(sources)]
                bit = among if uniform is None else (among < torch.sigmoid(2 * logit)).long()
                bits.append(bit)
                skip_logits.append(logit)
                gate = bit.to(output.dtype)
                chosen = gate.unsqueeze(1) @ torch.stack([anchors[j] for j in sources], dim=1)
                value = chosen.squeeze(1) / (1 + gate.sum(1, keepdim=True))
                at += len(sources)
            anchors.append(output)
            keys.append(output @ self.anchor_weight)
        operation = torch.stack(operations, dim=1)
        log_prob = torch.log_softmax(torch.stack(operation_logits, dim=1), dim=2)
        skip = torch.cat(bits, dim=1) if bits else operation.new_zeros(n, 0)
        skip_logit = torch.cat(skip_logits, dim=1) if skip_logits else log_prob.new_zeros(n, 0)
        return self._draw(operation, log_prob, skip, skip_logit)

    def _draw(self, operation: Tensor, operation_log_prob: Tensor, skip: Tensor, skip_logit: Tensor) -> Draw:
        tokens = operation.new_empty(len(operation), self.space.n_tokens)
        tokens[:, self._operation_tokens] = operation if self._places is None else _tokens(operation, self._places)
        tokens[:, self._skip_tokens] = skip
        chosen = operation_log_prob.gather(2, operation.unsqueeze(2)).squeeze(2).sum(1)
        log_yes, log_no = logsigmoid(2 * skip_logit), logsigmoid(-2 * skip_logit)
        skip_entropy = -(log_yes.exp() * log_yes + log_no.exp() * log_no)
        return Draw(
            tokens=tokens,
            operation_log_prob=operation_log_prob,
            skip_logit=skip_logit,
            log_prob=chosen + torch.where(skip == 1, log_yes, log_no).sum(1),
            entropy=skip_entropy.sum(1) - (operation_log_prob.exp() * operation_log_prob).sum((1, 2)),
        )

    def _step(self, value: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        take, keep, show, new = (torch.cat((value, output), dim=1) @ self.gates).chunk(4, dim=1)
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(take) * torch.tanh(new)
        return torch.sigmoid(show) * torch.tanh(cell), cell

    def _bounded(self, logits: Tensor) -> Tensor:
        logits = logits / self.temperature
        return logits if self.squash is None else self.squash * torch.tanh(logits)


def _categorical(logits: Tensor, uniform: Tensor) -> Tensor:
    """(n,) choices by inversion of the cumulative distribution."""
    below = torch.softmax(logits, dim=1).cumsum(1) <= uniform.unsqueeze(1)
    # the last cumulative sum may round to less than one
    last = int(torch.nonzero(logits[0] > _NEVER).max()) if len(logits) else 0
    return below.sum(1).clamp(max=last)


def _only(logits: Tensor, places: Tensor) -> Tensor:
    """Logits with those at other places than `places` set to never."""
    barred = torch.ones(logits.shape[1], dtype=torch.bool)
    barred[places] = False
    return logits.masked_fill(barred, _NEVER)


def _places(space: Space) -> list[Tensor]:
    """For every layer the places in `Space.operations` of the operations that it can be, in the order of its tokens."""
    return [torch.tensor([space.operations.index(name) for name in names]) for names in space.choices]


def _tokens(operation: Tensor, places: list[Tensor]) -> Tensor:
    """(n, layers), from places in `Space.operations` to places in the list of the layer."""
    columns = [(operation[:, layer, None] == own).long().argmax(1) for layer, own in enumerate(places)]
    return torch.stack(columns, dim=1)


def _positions(space: Space) -> tuple[list[int], list[int]]:
    """Places of the operation tokens, and the layer of every skip token."""
    operation_tokens, skip_layers, at = [], [], 0
    for layer, sources in enumerate(space.skip_sources):
        operation_tokens.append(at)
        skip_layers.extend([layer] * len(sources))
        at += 1 + len(sources)
    return operation_tokens, skip_layers

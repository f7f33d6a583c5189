"""Singular directions in words: the tokens that a head reads and raises most along each of them.

What is read is the effective embedding of every token of the vocabulary that stands for text; what is written is taken
to the unembedding by the final norm's linear part. Each direction has two poles: what is read at one pole writes the
tokens of the same pole.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.directions import Directions, ov_directions, qk_directions
from probes.circuits.effective_embedding import TOKENS_AT_ONCE
from probes.circuits.factors import ov_circuit, qk_circuit
from probes.circuits.full_ov import residuals
from probes.inputs import eligible_ids
from probes.weights import ModelWeights


@dataclass(frozen=True)
class Pole:
    """One end of a direction: tokens, strongest first."""

    first: list[str]
    """What the head reads, or what its query side reads."""

    second: list[str]
    """What it then raises, or the keys that it then attends to."""


@dataclass(frozen=True)
class NamedDirection:
    """A rank-one part of a circuit with the tokens at both ends."""

    size: float
    """Singular value."""

    share: float
    """Share in the squared norm of the circuit."""

    poles: tuple[Pole, Pole]


def named_directions(
    model: ProbedModel, layer: int, head: int, *, n_directions: int = 3, n_tokens: int = 6
) -> tuple[list[NamedDirection], list[NamedDirection]]:
    """The largest singular directions of one head in words.

    Args:
        model: The model.
        layer: Layer of the head.
        head: Number of the head.
        n_directions: How many of each circuit.
        n_tokens: Tokens to name at each end.

    Returns:
        Those of the OV circuit (first reads, second raises) and of the QK circuit (first is the query, second the key).
    """
    heads = model.weights.layer(layer)
    ov, qk = ov_directions(ov_circuit(heads), head), qk_directions(qk_circuit(heads), head)
    ids = eligible_ids(model.shape.d_vocab, model.tokenizer)
    read = _read(model, layer, ids, [ov.first[:n_directions], qk.first[:n_directions], qk.second[:n_directions]])
    raised = _raised(model.weights, ov.second[:n_directions], ids)
    name = _Names(model.tokenizer, ids, n_tokens)
    return _named(ov, read[0], raised, name), _named(qk, read[1], read[2], name)


@dataclass(frozen=True)
class _Names:
    """Names the tokens with the highest values."""

    tokenizer: Any
    ids: Int[Tensor, " token"]
    n_tokens: int

    def highest(self, values: Float[Tensor, " token"]) -> list[str]:
        best = self.ids[values.topk(min(self.n_tokens, len(values))).indices].tolist()
        return [str(id_) if self.tokenizer is None else self.tokenizer.decode([id_]) for id_ in best]


def _read(
    model: ProbedModel, layer: int, ids: Int[Tensor, " token"], sides: list[Tensor]
) -> list[Float[Tensor, "direction token"]]:
    """What each direction reads of each token, its norm's scale included."""
    norm, along = model.weights.layer(layer).input_norm, torch.cat(sides).mT
    parts = []
    for part in ids.split(TOKENS_AT_ONCE):
        rows = residuals(model, part)(layer).to(along)
        parts.append((rows if norm is None else rows * norm.scale(rows)) @ along)
    return list(torch.cat(parts).mT.cpu().split([len(side) for side in sides]))


def _raised(
    weights: ModelWeights, written: Float[Tensor, "direction d_model"], ids: Int[Tensor, " token"]
) -> Float[Tensor, "direction token"]:
    """Effect of each direction on the logits, up to a positive factor, against the mean of the vocabulary."""
    rows = written.to(weights.W_U.device)
    logits = weights.final_norm.linear(rows, rows.new_ones(1)) @ weights.W_U.float()
    return (logits - logits.mean(1, keepdim=True)).cpu()[:, ids]


def _named(found: Directions, first: Tensor, second: Tensor, names: _Names) -> list[NamedDirection]:
    """Directions in words; the pole that reads a token most strongly comes first."""
    named = []
    for number, ends in enumerate(zip(first, second, strict=True)):
        poles = [Pole(*(names.highest(sign * end) for end in ends)) for sign in (1, -1)]
        is_turned = float(ends[0].max()) < -float(ends[0].min())
        size, share = float(found.sizes[number]), float(found.shares[number])
        named.append(NamedDirection(size, share, (poles[is_turned], poles[not is_turned])))
    return named

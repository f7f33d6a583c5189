"""The full OV circuit on single tokens: whom a head would raise if it attended to one token alone.

A row goes through W_V, W_O, the final norm's linear part and the unembedding. Ranks of logits do not change if the
unembedding is centred over the vocabulary or if the final norm scales the row, so neither is done.

Source: elhage-2021-framework for the circuit.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.effective_embedding import effective_embedding
from probes.shapes import SampleScores

FIRST_BLOCK = 256
"""Columns of the unembedding that are looked at first; most rows are decided by then."""

LARGEST_BLOCK = 4096
"""Most columns that are looked at together."""


def over_layers(model: ProbedModel, measure: Callable[[int], Float[Tensor, "sample head"]]) -> SampleScores:
    """What is measured in every layer with softmax attention, side by side.

    Args:
        model: The model.
        measure: Gives a layer's scores.

    Returns:
        Shape (sample, layer, head), on the CPU; not a number in layers without softmax attention.
    """
    measured = {layer: measure(layer).cpu() for layer in model.shape.attention_layers}
    missing = torch.full_like(next(iter(measured.values())), torch.nan)
    return torch.stack([measured.get(layer, missing) for layer in range(model.shape.n_layers)], dim=1)


def residuals(model: ProbedModel, token_ids: Int[Tensor, " token"]) -> Callable[[int], Float[Tensor, "token d_model"]]:
    """What stands in front of a layer for tokens that stand alone.

    Args:
        model: The model.
        token_ids: Tokens.

    Returns:
        Gives the residual stream by layer: the bare embedding for the first, whose norm makes its scale of no account,
        and the effective embedding for all others.
    """
    bare = model.weights.W_E[token_ids.to(model.weights.W_E.device)].float()
    effective = effective_embedding(model, token_ids)
    return lambda layer: bare if layer == 0 else effective


def written(
    model: ProbedModel, layer: int, residual: Float[Tensor, "token d_model"]
) -> Float[Tensor, "head token d_model"]:
    """What the unembedding would read of each head that attends to one token alone.

    Args:
        model: The model.
        layer: Layer of the heads.
        residual: What stands in front of it, one row a token.

    Returns:
        Shape (head, token, d_model); its product with W_U is the effect on the logits up to a positive factor.
    """
    heads = model.weights.layer(layer)
    rows = heads.through_ov(residual.to(heads.W_V.device)).to(model.weights.W_U.device)
    return model.weights.final_norm.linear(rows, rows.new_ones(1))


def is_among_highest(
    rows: Float[Tensor, "row d_model"],
    W_U: Float[Tensor, "d_model d_vocab"],
    targets: Int[Tensor, "row target"],
    n_highest: int,
) -> Bool[Tensor, "row target"]:
    """Whether tokens are among those with the highest logits, over the whole vocabulary.

    The vocabulary is read in growing blocks, and a row is left as soon as enough others beat all its targets.

    Args:
        rows: What the unembedding reads.
        W_U: Unembedding.
        targets: Token ids asked for, several for each row.
        n_highest: How many count as highest.

    Returns:
        True where fewer than n_highest other tokens have a logit as high or higher; a tie counts against the target.
    """
    own = (rows[:, None] * W_U.T[targets].float()).sum(-1)
    n_ahead = torch.zeros_like(targets)
    undecided = torch.arange(len(rows), device=rows.device)
    start, size = 0, FIRST_BLOCK
    while start < W_U.shape[1] and len(undecided):
        logits = rows[undecided] @ W_U[:, start : start + size].float()
        n_ahead[undecided] += _count_ahead(logits, own[undecided], targets[undecided] - start)
        undecided = undecided[(n_ahead[undecided] < n_highest).any(1)]
        start, size = start + size, min(2 * size, LARGEST_BLOCK)
    return n_ahead < n_highest


def _count_ahead(logits: Tensor, own: Tensor, own_column: Tensor) -> Tensor:
    """Other columns as high as each target or higher, shape (row, target)."""
    counts = []
    for target in range(own.shape[1]):
        is_ahead = logits >= own[:, target, None]
        rows = ((own_column[:, target] >= 0) & (own_column[:, target] < logits.shape[1])).nonzero().squeeze(1)
        is_ahead[rows, own_column[rows, target]] = False
        counts.append(is_ahead.sum(1))
    return torch.stack(counts, dim=1)


def own_token_hits(
    model: ProbedModel, token_ids: Int[Tensor, " token"], *, n_extreme: int, is_lowest: bool
) -> tuple[SampleScores, SampleScores]:
    """Whether a token's own logit is among the highest or lowest when a head attends to that token alone.

    Args:
        model: The model.
        token_ids: Tokens in random order, at least two.
        n_extreme: How many logits count as highest or lowest.
        is_lowest: Count the lowest in place of the highest.

    Returns:
        Two arrays of shape (token, layer, head), 1 or 0: for the token itself, and for another token of the sample in
        its place, the null.
    """
    W_U = model.weights.W_U
    before = residuals(model, token_ids)
    targets = torch.stack([token_ids, token_ids.roll(1)], dim=1).to(W_U.device)

    def hits(layer: int) -> Tensor:
        rows = written(model, layer, before(layer))
        signed = (-rows if is_lowest else rows).flatten(0, 1)
        found = is_among_highest(signed, W_U, targets.repeat(len(rows), 1), n_extreme)
        return found.double().unflatten(0, rows.shape[:2]).permute(2, 1, 0).flatten(0, 1)

    own, other = over_layers(model, hits).unflatten(0, (2, -1))
    return own, other

"""Heads whose maps from tokens to logits resemble each other, without ever forming a map.

The cosine of two maps, taken over a sample of tokens and all logits, follows from products of the size of a head: the
maps' values meet in the Gram matrix of the source vectors, their outputs in that of the unembedding. Source vectors are
brought to length one, so that every token counts the same, and logits are centred, for a constant moves no rank.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from catalog.head_operations import NearHead
from catalog.ids import HeadName
from probes.adapters.base import ProbedModel
from probes.relations.source_vectors import MapOptions, outputs_of, source_vectors, values_of
from probes.shapes import LayerHead
from probes.single_tokens import random_tokens
from probes.standard import SEED

N_SAMPLED = 2048
"""Tokens that maps are compared on."""

TOKENS_AT_ONCE = 8192
"""Columns of the unembedding that are converted at a time."""

N_NEAREST = 5
"""Heads that are named."""


def nearest_heads(model: ProbedModel, name: HeadName, options: MapOptions, n_heads: int = N_NEAREST) -> list[NearHead]:
    """Heads with the most similar maps.

    Args:
        model: The model.
        name: The head that they are compared with.
        options: How maps are read.
        n_heads: How many.

    Returns:
        The heads, most similar first.
    """
    cosines = map_cosines(model, name, options)
    cosines[name.layer, name.head] = torch.nan
    order = cosines.nan_to_num(nan=-torch.inf).flatten().argsort(descending=True)
    names = [HeadName(*divmod(int(place), model.shape.n_heads)) for place in order[:n_heads]]
    return [
        NearHead(head=str(near), cosine=round(float(cosines[near.layer, near.head]), 4))
        for near in names
        if cosines[near.layer, near.head].isfinite()
    ]


def map_cosines(model: ProbedModel, name: HeadName, options: MapOptions, *, seed: int = SEED) -> LayerHead:
    """Cosine between the map of a head and those of all heads.

    Args:
        model: The model.
        name: The head.
        options: How maps are read.
        seed: Seed of the sample of tokens.

    Returns:
        From -1 to 1; not a number for layers without softmax attention and for heads that write nothing.
    """
    ids = random_tokens(model, N_SAMPLED, torch.Generator().manual_seed(seed))
    vectors = source_vectors(model, ids, options)
    logits = _centred_gram(model.weights.W_U)
    mine_V, mine_O = (part[name.head] for part in _factors(model, name.layer, vectors.before(name.layer), options))
    cosines = torch.full((model.shape.n_layers, model.shape.n_heads), torch.nan)
    length = _inner(mine_V[None], mine_O[None], mine_V[None], mine_O[None], logits).sqrt()
    for layer in model.shape.attention_layers:
        V, W_O = _factors(model, layer, vectors.before(layer), options)
        lengths = _inner(V, W_O, V, W_O, logits).sqrt()
        cosines[layer] = (_inner(mine_V[None], mine_O[None], V, W_O, logits) / (length * lengths)).cpu()
    return cosines


def _factors(model: ProbedModel, layer: int, vectors: Tensor, options: MapOptions) -> tuple[Tensor, Tensor]:
    """Values of the sample by head, and output projections."""
    weights = model.weights.layer(layer)
    unit = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=torch.finfo(vectors.dtype).tiny)
    values = values_of(weights, unit, options).repeat_interleave(weights.n_groups, 0)
    W_O = outputs_of(model, weights, options)
    return values.to(W_O.device), W_O


def _inner(V: Tensor, W_O: Tensor, V_other: Tensor, W_O_other: Tensor, logits: Tensor) -> Float[Tensor, " head"]:
    """Inner products of maps: of the values over the sample, and of the outputs over all logits."""
    of_values = V.transpose(1, 2) @ V_other
    of_outputs = W_O @ logits @ W_O_other.transpose(1, 2)
    return (of_values * of_outputs).sum((1, 2))


def _centred_gram(W_U: Float[Tensor, "d_model d_vocab"]) -> Float[Tensor, "d_model d_model"]:
    """Gram matrix of the unembedding, its mean over the vocabulary taken off."""
    gram, mean = W_U.new_zeros(len(W_U), len(W_U), dtype=torch.float32), W_U.float().mean(1)
    for part in W_U.split(TOKENS_AT_ONCE, dim=1):
        gram += part.float() @ part.float().T
    return gram - W_U.shape[1] * mean[:, None] * mean

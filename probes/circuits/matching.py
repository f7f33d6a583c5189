"""QK circuits on pairs of tokens: whether the key of one token matches the query of another best.

Only the content of the scores is read: positions play no part, nor do norms of queries and keys.

Source: elhage-2021-framework for the circuit; mcdougall-2023-copy-suppression asks for the best key.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.full_ov import over_layers, residuals
from probes.shapes import SampleScores
from probes.weights import ModelWeights


def pair_hits(model: ProbedModel, pairs: Int[Tensor, "pair two"]) -> tuple[SampleScores, SampleScores]:
    """Whether each head, from the first token of a pair, finds the second among the second tokens of all pairs.

    Args:
        model: The model.
        pairs: Token ids, what looks and what is looked for, such as a word and its opposite; at least two.

    Returns:
        Two arrays of shape (pair, layer, head), 1 or 0: for the pair itself, and for the key of the pair before it, the
        null. The share of hits is the matching score; chance is one by the number of different second tokens.
    """
    by_layer = pair_hits_by_layer(model, pairs)
    own, other = over_layers(model, lambda layer: by_layer(layer).flatten(0, 1)).unflatten(0, (2, -1))
    return own, other


def pair_hits_by_layer(
    model: ProbedModel, pairs: Int[Tensor, "pair two"]
) -> Callable[[int], Float[Tensor, "two pair head"]]:
    """The same, asked for one layer.

    Args:
        model: The model.
        pairs: Token ids, each read alone, as its effective embedding.

    Returns:
        Gives the hits of a layer's heads, then those of the null.
    """
    tokens, keys = pairs.unique(), pairs[:, 1].unique()
    before = residuals(model, tokens)
    query_places, key_places = torch.searchsorted(tokens, pairs[:, 0].contiguous()), torch.searchsorted(tokens, keys)
    wanted = torch.searchsorted(keys, pairs[:, 1].contiguous())

    def hits(layer: int) -> Tensor:
        heads = model.weights.layer(layer)
        rows = heads.normed(before(layer).to(heads.W_Q.device))
        return best_key_hits(heads.qk_scores(rows[query_places], rows[key_places]), wanted)

    return hits


def best_key_hits(
    scores: Float[Tensor, "head query key"], wanted: Int[Tensor, " query"]
) -> Float[Tensor, "two query head"]:
    """Whether the wanted key is the best one; then the same for the key that the query before it wants, the null.

    Args:
        scores: Attention scores.
        wanted: Number of the key that each query should find.

    Returns:
        1 or 0, shape (2, query, head); a tie for the best counts as no hit.
    """
    two_best = scores.topk(2, dim=2)
    is_sure = two_best.values[..., 0] > two_best.values[..., 1]
    best = two_best.indices[..., 0]
    keys = wanted.to(scores.device)
    return torch.stack([is_sure & (best == numbers) for numbers in (keys, keys.roll(1))]).transpose(1, 2).double()


def predicting_directions(weights: ModelWeights, token_ids: Int[Tensor, " token"]) -> Float[Tensor, "token d_model"]:
    """Directions of the residual stream that raise the logits of tokens against the mean of the vocabulary.

    Args:
        weights: The model's weights.
        token_ids: Tokens.

    Returns:
        Shape (token, d_model); how the norm's scale would change is left aside.
    """
    return (weights.direction(token_ids) - weights.W_U.mean(1).float()) * weights.final_norm.gain

"""Share of tokens that a head would look for if the model were about to predict them: half of copy suppression.

Score: share of a sample of tokens t for which t itself is the best of 2,000 keys. The query is the direction that
raises the logit of t: its unembedding, centred over the vocabulary, times the final norm's gain. The keys are
effective embeddings. Both pass the head's input norm. From 0 to 1; higher means that the head attends to what is being
predicted, as copy-suppressing heads do. What it writes there is asked by copy_suppression. Function words are left
out. Chance is one by the number of keys; the null asks for another token of the sample in place of t. Positions play
no part, nor do norms of queries and keys where a model has them (Qwen3, Gemma 3). A token alone is also its own
previous token, so induction heads that read a previous-token head of the first block are called too.

Source: mcdougall-2023-copy-suppression. Differs from the paper: keys from a sample of the vocabulary in place of all of
it, and all of the first block in place of its MLP. The paper sets no threshold.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.full_ov import over_layers, residuals
from probes.detectors.base import Samples, WeightDetector
from probes.single_tokens import random_tokens
from probes.weights import ModelWeights

N_KEYS = 2000
"""Tokens that compete for the attention."""

N_TOKENS = 400
"""Those of them that are asked for."""


class CopySuppressionQK(WeightDetector):
    """How often a predicted token is the best key."""

    name = "copy_suppression_qk"
    head_type = "copy_suppression"
    inputs = f"{N_TOKENS} random tokens as queries, {N_KEYS} as keys, without function words, each alone"
    threshold = 0.1
    threshold_source = "our choice, far above chance; the paper sets none, its own head reaches about 0.96"

    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """Whether each token is its own best key."""
        keys = random_tokens(model, N_KEYS, self.generator(seed), with_function_words=False)
        directions = predicting_directions(model.weights, keys[:N_TOKENS])
        before = residuals(model, keys)

        def hits(layer: int) -> Tensor:
            heads = model.weights.layer(layer)
            query, key = (heads.normed(rows.to(heads.W_Q.device)) for rows in (directions, before(layer)))
            return best_key_hits(heads.qk_scores(query, key)).flatten(0, 1)

        own, other = over_layers(model, hits).unflatten(0, (2, -1))
        return Samples(own, other, {"n_tokens": len(directions), "n_keys": len(keys), "chance": 1 / len(keys)})


def predicting_directions(weights: ModelWeights, token_ids: Int[Tensor, " token"]) -> Float[Tensor, "token d_model"]:
    """Directions of the residual stream that raise the logits of tokens against the mean of the vocabulary.

    Args:
        weights: The model's weights.
        token_ids: Tokens.

    Returns:
        Shape (token, d_model); how the norm's scale would change is left aside.
    """
    return (weights.direction(token_ids) - weights.W_U.mean(1).float()) * weights.final_norm.gain


def best_key_hits(scores: Float[Tensor, "head query key"]) -> Float[Tensor, "two query head"]:
    """Whether the key of the query's own number is the best one; then the same for the number before it, the null.

    Args:
        scores: Attention scores; there are at least as many keys as queries.

    Returns:
        1 or 0, shape (2, query, head); a tie for the best counts as no hit.
    """
    numbers = torch.arange(scores.shape[1], device=scores.device)
    two_best = scores.topk(2, dim=2)
    is_sure = two_best.values[..., 0] > two_best.values[..., 1]
    best = two_best.indices[..., 0]
    return torch.stack([is_sure & (best == wanted) for wanted in (numbers, numbers.roll(1))]).transpose(1, 2).double()


DETECTOR = CopySuppressionQK()

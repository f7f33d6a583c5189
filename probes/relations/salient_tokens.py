"""Tokens that a head passes on most strongly, and the tokens that it then pushes up and down.

Saliency is the length of what the head would write if it attended to the token alone, over the length of the token's
source vector. Lengths follow from a matrix of the size of a head, so the whole vocabulary costs little more than W_V.

Source: elhelo-2024-maps. Differs from the paper: heads of layer 0 read bare rows here too, as they do in the scores.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from catalog.head_operations import SalientToken
from catalog.ids import HeadName
from probes.adapters.base import ProbedModel
from probes.inputs import eligible_ids
from probes.relations.source_vectors import MapOptions, outputs_of, source_vectors, values_of

TOKENS_AT_ONCE = 4096
"""Tokens whose source vectors are held at a time."""

N_TOKENS = 15
"""Salient tokens, as published."""

N_TARGETS = 5
"""Targets of each, as published."""

DECIMALS = 4
"""Decimals of a recorded saliency."""


def salient_tokens(
    model: ProbedModel,
    name: HeadName,
    options: MapOptions,
    *,
    n_tokens: int = N_TOKENS,
    n_targets: int = N_TARGETS,
    advance: Callable[[int], None] = lambda _: None,
) -> list[SalientToken]:
    """The most salient tokens of a head, and their targets.

    Args:
        model: The model, with its tokenizer.
        name: The head.
        options: How its map is read.
        n_tokens: How many tokens.
        n_targets: How many targets with each sign.
        advance: Told how many more tokens were read.

    Returns:
        The tokens, most salient first.
    """
    ids = eligible_ids(model.shape.d_vocab, model.tokenizer)
    saliency, values = zip(
        *(_read(model, name, part, options, advance) for part in ids.split(TOKENS_AT_ONCE)), strict=True
    )
    best = torch.cat(saliency).topk(min(n_tokens, len(ids)))
    W_O = outputs_of(model, model.weights.layer(name.layer), options)[name.head]
    logits = (torch.cat(values)[best.indices].to(W_O.device) @ W_O) @ model.weights.W_U.float()
    logits = logits[:, ids.to(logits.device)]
    raised, lowered = (ids[(sign * logits).topk(min(n_targets, len(ids))).indices.cpu()] for sign in (1, -1))
    return [
        SalientToken(
            token=model.tokenizer.decode([int(ids[place])]),
            saliency=round(value, DECIMALS),
            raised=_texts(model.tokenizer, up),
            lowered=_texts(model.tokenizer, down),
        )
        for place, value, up, down in zip(best.indices, best.values.tolist(), raised, lowered, strict=True)
    ]


def _read(
    model: ProbedModel, name: HeadName, ids: Int[Tensor, " token"], options: MapOptions, advance: Callable[[int], None]
) -> tuple[Float[Tensor, " token"], Float[Tensor, "token d_value"]]:
    """Saliency and values of some tokens."""
    weights = model.weights.layer(name.layer)
    vectors = source_vectors(model, ids, options).before(name.layer)
    values = values_of(weights, vectors, options)[name.head // weights.n_groups]
    W_O = outputs_of(model, weights, options)[name.head].to(values.device)
    written = ((values @ (W_O @ W_O.T)) * values).sum(1).clamp(min=0).sqrt()
    advance(len(ids))
    return (written / vectors.norm(dim=1).to(values.device)).cpu(), values.cpu()


def _texts(tokenizer: Any, ids: Sequence[int] | Tensor) -> list[str]:
    return [tokenizer.decode([int(token)]) for token in ids]

"""What a language model chooses among candidates: the one it gives the highest log-probability after a prompt."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError


def candidate_log_probabilities(
    model: ProbedModel, text: str, candidates: Sequence[str]
) -> Float[Tensor, " candidate"]:
    """Log-probability of every candidate after a text.

    Text and candidate are tokenised as one; tokens that all candidates begin with belong to the text.

    Args:
        model: From load_model.
        text: What stands before.
        candidates: What may follow, spaces included; at least two.

    Returns:
        Sums over the tokens of each candidate, in nats; candidates of several tokens are not normalised by length.

    Raises:
        BadInputError: the model has no tokenizer or cannot continue a text, the tokens do not fit into its context, or
            two candidates are the same tokens.
    """
    rows = _tokenised(model, text, candidates)
    n_shared = _n_shared(rows)
    read = {row[:-1] for row in rows}
    with torch.no_grad():
        following = {row: _log_probabilities(model, row, n_shared) for row in read}
    return torch.stack([following[row[:-1]].gather(1, torch.tensor(row[n_shared:])[:, None]).sum() for row in rows])


def _tokenised(model: ProbedModel, text: str, candidates: Sequence[str]) -> list[tuple[int, ...]]:
    tokenizer: Any = model.tokenizer
    if tokenizer is None:
        raise BadInputError("this model has no tokenizer, so it cannot read prompts; load it with one")
    if not model.shape.is_causal:
        raise BadInputError(f"{model.record.name} is an encoder and cannot continue a text; choose a decoder")
    rows = [tuple(tokenizer(text + candidate)["input_ids"]) for candidate in candidates]
    if len(set(rows)) < max(2, len(rows)):
        raise BadInputError(f"candidates {', '.join(map(repr, candidates))} are not all different tokens; change them")
    n_ctx, longest = model.shape.n_ctx, max(map(len, rows))
    if n_ctx is not None and longest > n_ctx:
        raise BadInputError(f"a prompt has {longest} tokens, {model.record.name} is made for {n_ctx}; shorten it")
    return rows


def _n_shared(rows: Sequence[tuple[int, ...]]) -> int:
    """Tokens that all rows begin with, at least one token of each row being left over."""
    shortest = min(map(len, rows)) - 1
    return next((at for at in range(shortest) if len({row[at] for row in rows}) > 1), shortest)


def _log_probabilities(model: ProbedModel, tokens: tuple[int, ...], n_shared: int) -> Float[Tensor, "pos d_vocab"]:
    """Log-probabilities of the token after each position from the last shared one on."""
    logits = model.module(input_ids=torch.tensor([tokens], device=model.device), use_cache=False).logits
    return logits[0, n_shared - 1 :].float().log_softmax(-1).cpu()

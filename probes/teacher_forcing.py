"""Answers that are forced on a model: which queries emit them, and whether the model would have written them."""

import torch
from jaxtyping import Bool
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.inputs import TokenBatch
from probes.readouts.final_residual import FinalResidual
from probes.shapes import QueryPositions, Reading


def emitting_queries(answer: QueryPositions) -> QueryPositions:
    """Queries whose next token is a token of the answer.

    Args:
        answer: Positions of the answer's tokens, shape (sample, n_rows); -1 where there are fewer.

    Returns:
        Same shape; one place before each, -1 where there is none.
    """
    return torch.where(answer >= 0, answer - 1, -1)


def residual_at(answer: QueryPositions) -> FinalResidual:
    """Read-out that would_write needs.

    Args:
        answer: Positions of the answer's tokens, shape (sample, n_rows); -1 where there are fewer.

    Returns:
        The read-out.
    """
    return FinalResidual(emitting_queries(answer).clamp(min=0))


def would_write(
    model: ProbedModel, residual: Reading, batch: TokenBatch, answer: QueryPositions
) -> Bool[Tensor, "sample n_rows"]:
    """Whether the token that the answer has next is the one that the model finds likeliest.

    Args:
        model: The model.
        residual: As read by residual_at.
        batch: What the model read.
        answer: Positions of the answer's tokens.

    Returns:
        Shape (sample, n_rows); False where there is no token.
    """
    device = model.weights.W_U.device
    with torch.no_grad():
        likeliest = torch.stack([model.weights.logits(sample.to(device)).argmax(-1).cpu() for sample in residual])
    return (likeliest == batch.tokens.gather(1, answer.clamp(min=0))) & (answer >= 0)


def share_written(is_written: Bool[Tensor, "sample n_rows"], answer: QueryPositions) -> Tensor:
    """Share of each answer's tokens that the model would have written.

    Args:
        is_written: As would_write gives it.
        answer: Positions of the answer's tokens.

    Returns:
        Shape (sample,), from 0 to 1.
    """
    return is_written.sum(1) / (answer >= 0).sum(1)

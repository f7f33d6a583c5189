"""Effective embeddings: what the first block makes of a token that stands alone."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel

TOKENS_AT_ONCE = 1024
"""Tokens that are read at a time."""


class _FirstBlockDone(Exception):  # noqa: N818
    """Carries the output of the first block out of a forward pass that need not go on."""

    def __init__(self, output: Tensor) -> None:
        self.output = output


def effective_embedding(model: ProbedModel, token_ids: Int[Tensor, " token"]) -> Float[Tensor, "token d_model"]:
    """Residual stream behind the first block for tokens that stand alone at the first position.

    Weight detectors feed it to later heads in place of the bare embedding, which the first block is known to extend.

    Args:
        model: The model.
        token_ids: Tokens.

    Returns:
        Shape (token, d_model) in float32, on the model's device; the first block sees only the token itself.

    Raises:
        UnsupportedModelError: the blocks of this architecture cannot be told.

    Source:
        gould-2023-successor and wang-2022-ioi read heads so. Differs from the former: block 0 with its attention and
        norms, not the MLP alone.
    """
    return torch.cat([_read(model, part) for part in token_ids.split(TOKENS_AT_ONCE)])


def _read(model: ProbedModel, token_ids: Tensor) -> Tensor:
    def stop(_module: object, _args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        raise _FirstBlockDone(output[0] if isinstance(output, tuple) else output)

    hook = model.weights.first_block.register_forward_hook(stop)
    try:
        with torch.no_grad():
            model.read(token_ids[:, None])
    except _FirstBlockDone as done:
        return done.output[:, 0].float()
    finally:
        hook.remove()
    raise AssertionError("the first block never ran")

"""What an effect is: a metric of a model on an input, one number a sample."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.forward import TOKENS_AT_ONCE
from probes.inputs import TokenBatch
from probes.recipes.base import Recipe
from probes.shapes import Logits, Tokens


class Effect(ABC):
    """A metric that may change when heads are ablated."""

    name: ClassVar[str]
    """Name of the effect and of its file."""

    metric: ClassVar[str]
    """The metric in words, as a sentence would name it."""

    unit: ClassVar[str]
    """Unit of the metric."""

    recipe: ClassVar[Recipe]
    """What the model reads."""

    @abstractmethod
    def values(self, model: ProbedModel, batch: TokenBatch) -> Float[Tensor, " sample"]:
        """The metric as the model is now, with whatever is ablated.

        Args:
            model: The model.
            batch: What it reads, made by the recipe.

        Returns:
            One number a sample, in the effect's unit.
        """


def by_sample(
    model: ProbedModel, batch: TokenBatch, metric: Callable[[Logits, Tokens], Float[Tensor, " sample"]]
) -> Float[Tensor, " sample"]:
    """A metric of the logits, a few samples at a time.

    Args:
        model: The model.
        batch: What it reads.
        metric: Takes logits, shape (batch, pos, d_vocab), and tokens, and gives one number a sample.

    Returns:
        One number a sample.
    """
    with torch.no_grad():
        return torch.cat([metric(logits, tokens).cpu() for logits, tokens in _passes(model, batch.tokens)])


def losses(logits: Logits, tokens: Tokens) -> Float[Tensor, "batch pos_but_first"]:
    """Loss of every token but the first, in nats.

    Args:
        logits: Shape (batch, pos, d_vocab).
        tokens: Shape (batch, pos).

    Returns:
        Shape (batch, pos - 1); the first column is the loss of the second token.
    """
    rows, wanted = logits[:, :-1].flatten(0, 1).float(), tokens[:, 1:]
    return torch.nn.functional.cross_entropy(rows, wanted.flatten(), reduction="none").reshape(wanted.shape)


def _passes(model: ProbedModel, tokens: Tokens) -> Iterator[tuple[Logits, Tokens]]:
    n_at_once = max(1, TOKENS_AT_ONCE // tokens.shape[1])
    for part in tokens.split(n_at_once):
        placed = part.to(model.device)
        yield model.module(input_ids=placed, use_cache=False).logits, placed

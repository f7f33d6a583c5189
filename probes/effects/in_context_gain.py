"""What a model gains from a longer context: the fall in loss from about the 50th to about the 500th token of a text.

Source: olsson-2022-induction, who take the two tokens themselves over very many texts. Differs from the paper: a few
passages must do here, so each loss is the mean over a stretch of tokens around those places. In nats per token; higher
means that the context helps more.
"""

from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.effects.base import Effect, by_sample, losses
from probes.inputs import TokenBatch
from probes.recipes.natural_text import NaturalText
from probes.shapes import Logits, Tokens

EARLY = slice(30, 70)
LATE = slice(470, 510)
"""Tokens, counted from 0, that the two losses are means over."""


class InContextGain(Effect):
    """Early loss less late loss."""

    name = "in_context_gain"
    metric = "fall in loss from the 50th to the 500th token of a text"
    unit = "nats per token"
    recipe = NaturalText(length=LATE.stop)

    def values(self, model: ProbedModel, batch: TokenBatch) -> Float[Tensor, " sample"]:
        """Gain of every passage."""

        def gain(logits: Logits, tokens: Tokens) -> Float[Tensor, " sample"]:
            loss = losses(logits, tokens).double()
            early, late = (loss[:, part.start - 1 : part.stop - 1].mean(-1) for part in (EARLY, LATE))
            return early - late

        return by_sample(model, batch, gain)


EFFECT = InContextGain()

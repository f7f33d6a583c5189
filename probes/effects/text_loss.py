"""Loss on ordinary text, in nats per token: how badly the model predicts English prose."""

from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.effects.base import Effect, by_sample, losses
from probes.inputs import TokenBatch
from probes.recipes.natural_text import NaturalText
from probes.shapes import Logits, Tokens


class TextLoss(Effect):
    """Mean loss over a passage."""

    name = "text_loss"
    metric = "loss on ordinary text"
    unit = "nats per token"
    recipe = NaturalText()

    def values(self, model: ProbedModel, batch: TokenBatch) -> Float[Tensor, " sample"]:
        """Mean loss of every passage."""

        def mean_loss(logits: Logits, tokens: Tokens) -> Float[Tensor, " sample"]:
            return losses(logits, tokens).double().mean(-1)

        return by_sample(model, batch, mean_loss)


EFFECT = TextLoss()

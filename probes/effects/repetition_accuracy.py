"""Accuracy in continuing a repeated sequence: how often the next token of the second copy is the most likely one.

Random tokens are repeated once; only a look back at the first copy can tell what comes next. From 0 to 1.

Source: olsson-2022-induction for the input; xu-2026-spectral-probe-circuits ablates heads on such sequences.
"""

from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.effects.base import Effect, by_sample
from probes.inputs import TokenBatch
from probes.recipes.repeated_tokens import RepeatedTokens
from probes.shapes import Logits, Tokens


class RepetitionAccuracy(Effect):
    """Share of the second copy's tokens, but for its first, that the model puts first."""

    name = "repetition_accuracy"
    metric = "accuracy in continuing repeated random tokens"
    unit = "share"
    recipe = RepeatedTokens()

    def values(self, model: ProbedModel, batch: TokenBatch) -> Float[Tensor, " sample"]:
        """Accuracy on the second copy; its first token cannot be known and does not count."""
        n_known = int(batch.settings["half_length"] or 0) - 1

        def accuracy(logits: Logits, tokens: Tokens) -> Float[Tensor, " sample"]:
            said = logits[:, -n_known - 1 : -1].argmax(-1)
            return (said == tokens[:, -n_known:]).double().mean(-1)

        return by_sample(model, batch, accuracy)


EFFECT = RepetitionAccuracy()

"""Attention of a model's induction heads to what followed the token earlier, on repeated random tokens.

Induction heads need an earlier head to tell each token what stood before it; without it, they no longer know where to
look. The heads are the strongest ones under the detector `induction`, a probability from 0 to 1.

Source: elhage-2021-framework describes how the two heads work together.
"""

from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.detectors.induction import DETECTOR
from probes.effects.base import Effect
from probes.inputs import TokenBatch
from probes.measure import measure
from probes.recipes.repeated_tokens import RepeatedTokens

N_HEADS = 5


class InductionAttention(Effect):
    """Mean score of the five strongest induction heads of the untouched model."""

    name = "induction_attention"
    metric = "attention of induction heads to the token after the earlier copy"
    unit = "probability"
    recipe = RepeatedTokens()

    def values(self, model: ProbedModel, batch: TokenBatch) -> Float[Tensor, " sample"]:
        """Mean over the heads of every sample."""
        scores = measure(model, [DETECTOR], batch)[DETECTOR.name].scores.flatten(1)
        return scores.nan_to_num(0.0).topk(min(N_HEADS, scores.shape[1]), dim=1).values.mean(1)


EFFECT = InductionAttention()

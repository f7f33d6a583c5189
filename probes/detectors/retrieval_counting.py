"""Attention to the place in a long text from which the next word of an answer is copied, every step counted.

Score: hits divided by the number of tokens of the needle's answer. A hit is a step at which the head's largest
attention is on a position of the needle that holds the token emitted there. From 0 to 1 for forced answers; an answer
that the model writes itself may repeat the needle, and then the score exceeds 1. It is the variant that the paper's
code computes; the detector retrieval counts every different token once, as the paper's text says.

Inputs, null and notes are those of retrieval, and both share their forward passes.

Source: the code of wu-2024-retrieval. Differs from it: the answer is forced and all samples count; with decode=True in
the recipe decoding ends at a line break or the end of text, for any tokenizer.
"""

import math
from collections.abc import Mapping

from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.needle_hits import find_hits, hit_read_outs
from probes.readouts.base import FinalReadOut, LayerReadOut
from probes.recipes.needle import NeedleInHaystack
from probes.shapes import Reading, SampleScores


class RetrievalCounting(PassDetector):
    """Steps at which a head copies from a needle."""

    name = "retrieval_counting"
    head_type = "retrieval"
    unit = "hits per token"
    value_range = (0.0, math.inf)
    threshold = 0.1
    threshold_source = "wu-2024-retrieval"
    recipe = NeedleInHaystack()

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut | FinalReadOut]:
        """The key with the most attention at every step of the answer."""
        return hit_read_outs(batch)

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Hits per token of the needle."""
        hits = find_hits(readings, batch, model, self.generator(batch.seed))
        return Samples(_per_token(hits.is_hit, hits.needle), _per_token(hits.is_null_hit, hits.needle), hits.notes)


def _per_token(is_hit: Tensor, needle: Tensor) -> SampleScores:
    n_tokens = (needle >= 0).sum(1)[:, None, None]
    return is_hit.double().sum(-1) / n_tokens


DETECTOR = RetrievalCounting()

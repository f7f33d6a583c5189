"""How far back a head looks.

Score: mean over all queries but the first of the mean distance from the query to where it attends, Σ A (query_pos -
key_pos), in tokens. From 0 to half the length of the input, 50 tokens on the standard input of 101 positions; higher
means farther. The null is the distance of an even spread over the visible keys, half as far. Attention to the first
token is the farthest there is, so sinks score highest: read the score beside that of first_token. Scores of inputs of
different length cannot be compared.

Source: pande-2021-heads-hypothesis tells local heads by nearness; mean distance is the same question asked the other
way. It is a formula of ours, and no paper sets a threshold.
"""

import math
from collections.abc import Mapping

import torch

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import LayerReadOut
from probes.readouts.distance import Distance
from probes.readouts.even_attention import EvenAttention
from probes.shapes import Reading


class AttentionDistance(PassDetector):
    """Mean distance of attention in tokens."""

    name = "distance"
    head_type = "long_range"
    unit = "tokens"
    value_range = (0.0, math.inf)
    threshold = 37.5
    threshold_source = "our choice: halfway from an even spread to the first token on the standard input"

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Distances, and what an even spread would have."""
        queries = batch.is_real & (torch.arange(batch.tokens.shape[1]) > 0)
        return {"distance": Distance(queries), "even": EvenAttention(queries)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score."""
        return Samples(readings["distance"].double(), readings["even"][..., 1].double())


DETECTOR = AttentionDistance()

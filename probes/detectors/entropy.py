"""How evenly a head spreads its attention: broad heads.

Score: mean over all queries but the first of the entropy of the query's attention, -Σ A log2 A, in bits. From 0 to the
mean of log2 of the number of visible keys, 5.3 bits on the standard input of 101 positions; higher means broader.
Scores of inputs of different length cannot be compared.

The null is the entropy of an even spread over half of the visible keys, one bit below the highest possible one: a head
beats it if it is broader than that, whatever the length or window. It is a yardstick without chance in it, so a model
with random weights, whose heads attend almost evenly, rightly shows broad heads. Attention that goes to a learned sink
has no key and adds nothing.

Source: clark-2019-bert-attention reports entropy by head and calls the high ones broad. Differs from the paper: bits,
no smoothing, decoders too. The paper gives no threshold.
"""

import math
from collections.abc import Mapping

import torch

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import LayerReadOut
from probes.readouts.entropy import Entropy
from probes.readouts.even_attention import EvenAttention
from probes.shapes import Reading

NATS_PER_BIT = math.log(2)


class AttentionEntropy(PassDetector):
    """Entropy of attention in bits."""

    name = "entropy"
    head_type = "broad"
    unit = "bits"
    value_range = (0.0, math.inf)
    for_encoders = True
    threshold = 4.3
    threshold_source = "our choice: one bit below the highest possible score on the standard input"

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Entropies, and what an even spread would have."""
        queries = batch.is_real & (torch.arange(batch.tokens.shape[1]) > 0)
        return {"entropy": Entropy(queries), "even": EvenAttention(queries)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Entropies in bits."""
        entropy = readings["entropy"].double() / NATS_PER_BIT
        highest = readings["even"][..., 0].double() / NATS_PER_BIT
        return Samples(entropy, highest - 1)


DETECTOR = AttentionEntropy()

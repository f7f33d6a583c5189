"""Attention from each token to the very first position, whatever stands there.

Score: mean over all queries but the first of the attention to position 0. From 0 to 1; higher means more of a sink. The
sink is a position, not a token: models without a start token show it as much. The score depends on the length of the
input, so compare models at one length; for decoders the notes give the curve, `mean_at_32` and `sinks_at_32` being the
mean over all heads and the heads at or above the threshold if the input had ended after 32 positions.

Source: xiao-2024-duoattention keeps such sink positions for its streaming heads. The paper gives no threshold for a
single head.
"""

from collections.abc import Mapping

import torch

from probes.adapters.base import ProbedModel
from probes.detectors.base import KeyDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import LayerReadOut
from probes.readouts.key_mass import KeyMass
from probes.shapes import KeyPositions, Reading

SHORTEST_OF_CURVE = 8
"""First length of the curve; each further one is twice as long."""


class FirstToken(KeyDetector):
    """Attention to position 0."""

    name = "first_token"
    head_type = "first_token"
    for_encoders = True
    threshold = 0.5
    threshold_source = "our choice: more than half of the attention"

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """Position 0 for each query but the first, which sees nothing else."""
        n_samples, length = batch.tokens.shape
        keys = torch.zeros(length, dtype=torch.int64)
        keys[0] = -1
        return keys.expand(n_samples, length)[..., None]

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Besides score and null, the mass over the first queries alone: in a decoder, that of a shorter input."""
        keys = torch.where(batch.is_real[..., None], self.key_positions(batch), -1)
        query_pos = torch.arange(batch.tokens.shape[1])[:, None]
        curve = {str(length): KeyMass(torch.where(query_pos < length, keys, -1)) for length in _curve(batch)}
        return {**super().read_outs(batch), **curve}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score; the curve goes to the notes."""
        scores = super().samples(readings, batch, model)
        notes: dict[str, int | float] = {}
        for length in _curve(batch) if model.shape.is_causal else ():
            by_head = readings[str(length)].nanmean(0)
            notes[f"mean_at_{length}"] = round(float(by_head.nanmean()), 3)
            notes[f"sinks_at_{length}"] = int((by_head >= self.threshold).sum())
        return Samples(scores.scores, scores.null_scores, notes)


def _curve(batch: TokenBatch) -> list[int]:
    """Lengths of the curve, all shorter than the shortest sample."""
    shortest = int(batch.is_real.sum(1).min())
    doubled = (SHORTEST_OF_CURVE << number for number in range(shortest.bit_length()))
    return [length for length in doubled if length < shortest]


DETECTOR = FirstToken()

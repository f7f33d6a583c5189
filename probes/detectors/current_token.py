"""Attention from each token to itself.

Score: mean over all queries but the first of the attention to the query's own position. From 0 to 1; higher means more
like a current-token head, whose map is a diagonal line. The first query is left out: it sees nothing but itself.

Source: barbero-2024-rotary describes diagonal heads, clark-2019-bert-attention measures attention to the token itself.
Differs from the latter: random tokens and unnormalised mass. Neither sets a threshold.
"""

import torch

from probes.detectors.base import KeyDetector
from probes.inputs import TokenBatch
from probes.shapes import KeyPositions


class CurrentToken(KeyDetector):
    """Attention to the query's own position."""

    name = "current_token"
    head_type = "diagonal"
    for_encoders = True
    threshold = 0.4
    threshold_source = "our choice; no paper sets one, and previous tokens are called at the same"

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """Each query's own position; the first query does not count."""
        n_samples, length = batch.tokens.shape
        keys = torch.arange(length)
        keys[0] = -1
        return keys.expand(n_samples, length)[..., None]


DETECTOR = CurrentToken()

"""Attention from each token to the very first position, whatever stands there.

Score: mean over all queries but the first of the attention to position 0. From 0 to 1; higher means more of a sink. The
sink is a position, not a token: models without a start token show it as much. The score depends on the length of the
input, so compare models at one length.

Source: xiao-2024-duoattention keeps such sink positions for its streaming heads. The paper gives no threshold for a
single head.
"""

import torch

from probes.detectors.base import KeyDetector
from probes.inputs import TokenBatch
from probes.shapes import KeyPositions


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


DETECTOR = FirstToken()

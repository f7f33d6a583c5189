"""Attention from each token to the token one place before it.

Score: mean over all queries but the first of the attention to the position before the query. From 0 to 1; higher means
more like a previous-token head. On random tokens this finds heads that follow position alone; on text, heads that
follow the previous token only inside words score too. `PreviousToken(offset=3)` looks three places back instead.

Source: elhage-2021-framework describes the head type. The paper gives no threshold.
"""

import torch

from probes.detectors.base import KeyDetector
from probes.inputs import TokenBatch
from probes.shapes import KeyPositions


class PreviousToken(KeyDetector):
    """Attention to a fixed number of positions before the query."""

    name = "previous_token"
    head_type = "previous_token"
    for_encoders = True
    threshold = 0.4
    threshold_source = "our choice; no paper sets one, and 0.4 to 0.5 is usual"

    def __init__(self, offset: int = 1) -> None:
        """A detector of heads that look a fixed way back.

        Args:
            offset: Positions from the query back to its key, at least 1.
        """
        self.offset = offset
        self.shortest_input = offset + 1  # type: ignore[misc]

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """The position so far before each query; the first queries have none."""
        n_samples, length = batch.tokens.shape
        keys = (torch.arange(length) - self.offset).clamp(min=-1)
        return keys.expand(n_samples, length)[..., None]


DETECTOR = PreviousToken()

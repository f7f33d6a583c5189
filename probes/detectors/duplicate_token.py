"""Attention from a token to earlier occurrences of the same token.

Score: mean over queries whose token occurred before of the attention to all its earlier positions together. From 0 to
1; higher means more like a duplicate-token head. On text, frequent tokens such as commas weigh most; random and
natural text do not rank heads alike.

Source: wang-2022-ioi names the head type. The paper gives no threshold.
"""

from probes.detectors.base import KeyDetector
from probes.inputs import TokenBatch, earlier_occurrences
from probes.shapes import KeyPositions


class DuplicateToken(KeyDetector):
    """Attention to earlier occurrences of the query's token."""

    name = "duplicate_token"
    head_type = "duplicate_token"
    for_encoders = True
    threshold = 0.4
    threshold_source = "our choice; no paper sets one"

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """Earlier positions that hold the query's token."""
        return earlier_occurrences(batch.tokens)


DETECTOR = DuplicateToken()

"""Attention from a token's later occurrence to the token after its earlier one.

Score: mean over queries whose token occurred before of the attention to the positions right after those earlier
occurrences, summed over them. From 0 to 1; higher means more like an induction head. The score is a pattern: it says
where the head looks, not that it copies what it finds.

Source: elhage-2021-framework describes the head type, olsson-2022-induction scores it as prefix matching. Differs from
the latter: we repeat the random tokens once, not three times, and count only queries of the second copy. No paper sets
a threshold.
"""

from probes.detectors.base import KeyDetector
from probes.inputs import TokenBatch, positions_after_occurrences
from probes.shapes import KeyPositions


class Induction(KeyDetector):
    """Attention to what followed the query's token earlier."""

    name = "induction"
    head_type = "induction"
    threshold = 0.4
    threshold_source = "our choice; no paper sets one, and 0.3 to 0.5 by eye is usual"
    shortest_input = 3

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """Positions right after earlier occurrences of the query's token; the query itself never counts."""
        return positions_after_occurrences(batch.tokens)


DETECTOR = Induction()

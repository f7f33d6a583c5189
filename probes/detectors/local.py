"""Attention from each token to the last few tokens, itself among them.

Score: mean over queries of the attention to the five positions that end at the query. From 0 to 1; higher means more
like a local head. The first nine queries are left out, for most of what they see is near, and so is position 0 by that.
The null looks at five random earlier positions.

Source: pande-2021-heads-hypothesis calls heads local that attend to the tokens around the query. Differs from the
paper: decoders, so only tokens before it; the window is ours, and no share of heads or test over sentences decides.
"""

import torch

from probes.detectors.base import KeyDetector
from probes.inputs import TokenBatch
from probes.shapes import KeyPositions

N_RECENT = 5
"""Positions that count as near, the query's own among them."""


class Local(KeyDetector):
    """Attention to the last few positions."""

    name = "local"
    head_type = "local"
    threshold = 0.7
    threshold_source = "our choice: clearly more than half of the attention; no paper sets one for masses"
    shortest_input = 2 * N_RECENT

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """The last positions up to each query that has as many further ones for the null."""
        n_samples, length = batch.tokens.shape
        query_pos = torch.arange(length)[:, None]
        keys = torch.where(query_pos >= 2 * N_RECENT - 1, query_pos - torch.arange(N_RECENT), -1)
        return keys.expand(n_samples, length, N_RECENT)


DETECTOR = Local()

"""Attention to punctuation, line breaks and special tokens in natural text.

Score: mean over all queries but the first of the attention to delimiters at or before the query: tokens that are
nothing but punctuation, hold a line break, or are special tokens of the tokenizer. From 0 to 1; higher means more like
a delimiter head. Position 0 never counts, whatever stands there: it is the usual sink, and first_token measures it. The
null is the attention to as many random other keys.

Source: pande-2021-heads-hypothesis calls heads delimiter heads that attend to [CLS] and [SEP], and
clark-2019-bert-attention measures attention to [SEP] and to punctuation. Differs from both: decoders have no [SEP], so
punctuation and line breaks count. No paper sets a threshold for masses.
"""

import torch

from probes.detectors.base import KeySetDetector
from probes.errors import BadInputError
from probes.inputs import TokenBatch
from probes.recipes.natural_text import NaturalText
from probes.shapes import Queried


class Delimiter(KeySetDetector):
    """Attention to delimiters."""

    name = "delimiter"
    head_type = "delimiter"
    for_encoders = True
    recipe = NaturalText(length=256)
    threshold = 0.5
    threshold_source = "our choice: more than half of the attention; no paper sets one"

    def key_set(self, batch: TokenBatch) -> Queried:
        """Delimiters behind position 0."""
        if "is_delimiter" not in batch.marks:
            raise BadInputError("detector 'delimiter' needs the model's tokenizer to tell which tokens are delimiters")
        return batch.marks["is_delimiter"] & (torch.arange(batch.tokens.shape[1]) > 0)


DETECTOR = Delimiter()

"""Attention from a word of natural text to earlier occurrences of the same token.

Score: mean over queries whose token occurred before in the passage of the attention to all its earlier positions
together. From 0 to 1; higher means more like a duplicate-token head. The 100 commonest tokens of our essays do not
count as queries, else commas and articles would decide. The null looks at the same places in another passage, where the
distances are the same and the tokens are not.

Source: wang-2022-ioi names the head type. Differs from duplicate_token: natural repeats in place of random ones; the
two do not rank heads alike, for in text a repeated word is also a likely topic. The paper gives no threshold.
"""

from collections.abc import Mapping

import torch

from probes.detectors.base import KeyDetector
from probes.errors import BadInputError
from probes.inputs import TokenBatch, earlier_occurrences
from probes.readouts.base import LayerReadOut
from probes.readouts.key_mass import KeyMass
from probes.recipes.natural_text import NaturalText
from probes.shapes import KeyPositions


class DuplicateTokenText(KeyDetector):
    """Attention to earlier occurrences of an uncommon token in text."""

    name = "duplicate_token_text"
    head_type = "duplicate_token"
    for_encoders = True
    recipe = NaturalText(length=256)
    threshold = 0.4
    threshold_source = "our choice, as for random tokens; no paper sets one"

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """Earlier positions that hold the query's token, unless it is a common one."""
        nowhere_else = -1 - torch.arange(batch.tokens.shape[1])
        is_common = batch.marks.get("is_common", torch.zeros_like(batch.tokens, dtype=torch.bool))
        return earlier_occurrences(torch.where(is_common, nowhere_else, batch.tokens))

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Mass on the chosen keys, and on those of the passage before."""
        keys = self.key_positions(batch)
        null_keys = keys.roll(1, dims=0)
        is_real = batch.is_real[..., None]
        return {
            "scores": KeyMass(torch.where(is_real, keys, -1)),
            "null_scores": KeyMass(torch.where(is_real, null_keys, -1)),
        }

    def check(self, batch: TokenBatch) -> None:
        """Refuse inputs without repeats, or whose common tokens are unknown."""
        super().check(batch)
        if "is_common" not in batch.marks:
            raise BadInputError(f"detector '{self.name}' needs the model's tokenizer to tell which tokens are common")


DETECTOR = DuplicateTokenText()

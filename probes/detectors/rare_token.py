"""Whether a head's largest key is one of the rarest tokens of the text.

Score: share of queries whose largest attention falls on one of the rarest tenth of the sample's tokens, position 0 left
out of those. From 0 to 1; higher means more like a rare-token head. The null asks for random other positions, as many.

Warning: how rare a token is, is taken from the order of the ids, which in vocabularies made by merging pairs follows
frequency by and large. Whether it does is tested on our essays: unless ids and counts there have a rank correlation of
-0.3 or less the detector refuses, and the correlation stands in the notes as `id_order`. Pieces of words pass for rare
words. A head that follows rare content for another reason, such as names, scores as well.

Source: voita-2019-specialized-heads, who look at the two rarest tokens of a sentence by corpus frequency, in the
encoder of a translation model. Differs from the paper: decoders, passages of 256 tokens, ids in place of a corpus.
"""

from collections.abc import Mapping

import torch

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.errors import BadInputError
from probes.inputs import TokenBatch, random_other_set
from probes.readouts.base import LayerReadOut
from probes.readouts.largest_key import LargestIsInSet
from probes.recipes.natural_text import NaturalText
from probes.shapes import Queried, Reading

RARE_SHARE = 0.1
"""Share of a sample's tokens that count as rare."""

WEAKEST_ORDER = -0.3
"""Rank correlation between ids and frequency above which ids say too little."""


class RareToken(PassDetector):
    """Share of queries whose largest key is rare."""

    name = "rare_token"
    head_type = "rare_words"
    unit = "share"
    for_encoders = True
    recipe = NaturalText(length=256)
    threshold = 0.5
    threshold_source = "our choice: most of the queries; what the paper used, we could not read"
    shortest_input = 20

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """How often the largest key is rare, and how often it is one of as many random others."""
        behind_start = batch.is_real & (torch.arange(batch.tokens.shape[1]) > 0)
        rare = _rarest(batch)
        other = random_other_set(rare, behind_start, self.generator(batch.seed))
        return {"scores": LargestIsInSet(behind_start, rare), "null_scores": LargestIsInSet(behind_start, other)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score."""
        order = round(float(batch.marks["id_order"][0, 0]), 3)
        return Samples(readings["scores"].double(), readings["null_scores"].double(), {"id_order": order})

    def check(self, batch: TokenBatch) -> None:
        """Refuse inputs whose rare tokens cannot be told."""
        super().check(batch)
        if "id_order" not in batch.marks:
            raise BadInputError("detector 'rare_token' needs the model's tokenizer to tell which tokens are rare")
        order = float(batch.marks["id_order"][0, 0])
        if not order <= WEAKEST_ORDER:
            raise BadInputError(
                "detector 'rare_token' cannot tell rare tokens of this tokenizer by their ids; ids and frequency have "
                f"a rank correlation of {order:.2f}, {WEAKEST_ORDER} or less is needed"
            )


def _rarest(batch: TokenBatch) -> Queried:
    """The tenth with the highest ids among the real tokens behind position 0, shape (batch, key_pos)."""
    counts = batch.is_real & (torch.arange(batch.tokens.shape[1]) > 0)
    ids = torch.where(counts, batch.tokens, -1)
    rank = ids.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return counts & (rank < (counts.sum(1, keepdim=True) * RARE_SHARE).long())


DETECTOR = RareToken()

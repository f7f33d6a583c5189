"""Whether a head's largest key is the token after an earlier occurrence of the query's token.

Score: share of queries whose token occurred before and whose largest attention falls right behind such an occurrence.
From 0 to 1; higher means more like an induction head. The strict form of `induction`: a head that puts 0.3 on the
target and less on every other key scores 1 here and 0.3 there. The null asks for random other keys, as many.

Source: olsson-2022-induction describes the pattern as prefix matching. Differs from the paper, which averages
attention: we count where the largest entry lies. No paper sets a threshold.
"""

from collections.abc import Mapping

import torch

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch, positions_after_occurrences, random_other_keys
from probes.readouts.base import ReadOut
from probes.readouts.key_mass import KeyMass
from probes.readouts.top_keys import TopKeys
from probes.shapes import KeyPositions, Reading, SampleScores


class InductionArgmax(PassDetector):
    """Share of queries whose largest key is what followed their token earlier."""

    name = "induction_argmax"
    head_type = "induction"
    unit = "share"
    threshold = 0.5
    threshold_source = "our choice: most of the queries; no paper sets one"
    shortest_input = 3

    def read_outs(self, batch: TokenBatch) -> Mapping[str, ReadOut]:
        """The largest key of every query that counts; the mass tells layers whose window hides all targets."""
        keys = _targets(batch)
        query_pos = torch.arange(batch.tokens.shape[1])
        return {"largest": TopKeys(torch.where((keys >= 0).any(-1), query_pos, -1)), "mass": KeyMass(keys)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """How often the largest key is a target, and how often a random other one."""
        keys = _targets(batch)
        null_keys = random_other_keys(keys, self.generator(batch.seed))
        largest, is_hidden = readings["largest"], readings["mass"].isnan()
        scores, null = (_share_among(largest, chosen).masked_fill(is_hidden, torch.nan) for chosen in (keys, null_keys))
        return Samples(scores, null)

    def check(self, batch: TokenBatch) -> None:
        """Refuse an input without repeats."""
        super().check(batch)
        empty = (_targets(batch) < 0).flatten(1).all(1).nonzero()
        if len(empty):
            where = f"sample {int(empty[0]) + 1}"
            raise InputTooShortError(f"detector '{self.name}' has nothing to measure in {where}: no token repeats")


def _targets(batch: TokenBatch) -> KeyPositions:
    """Positions right after earlier occurrences, for real queries."""
    return torch.where(batch.is_real[..., None], positions_after_occurrences(batch.tokens), -1)


def _share_among(largest: Reading, keys: KeyPositions) -> SampleScores:
    """Share of queries with keys whose largest key (sample, layer, head, query, 1) is one of them."""
    is_hit = ((largest == keys[:, None, None]) & (largest >= 0)).any(-1)
    return is_hit.sum(-1).double() / (largest[..., 0] >= 0).sum(-1)


DETECTOR = InductionArgmax()

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
from probes.readouts.base import LayerReadOut
from probes.readouts.largest_key import LargestIsChosen
from probes.shapes import KeyPositions, Reading


class InductionArgmax(PassDetector):
    """Share of queries whose largest key is what followed their token earlier."""

    name = "induction_argmax"
    head_type = "induction"
    unit = "share"
    threshold = 0.5
    threshold_source = "our choice: most of the queries; no paper sets one"
    shortest_input = 3

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """How often the largest key is a target, and how often a random other one."""
        keys = _targets(batch)
        null_keys = random_other_keys(keys, self.generator(batch.seed))
        return {"scores": LargestIsChosen(keys), "null_scores": LargestIsChosen(null_keys)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score; layers whose window hides all targets have none."""
        scores = readings["scores"]
        return Samples(scores, readings["null_scores"].nan_to_num(0.0).masked_fill(scores.isnan(), torch.nan))

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


DETECTOR = InductionArgmax()

"""Attention to the place in a long text from which the next word of an answer is copied.

Score: share of the needle's different tokens that a head copies, |g ∩ k| / |k|: k are the tokens of the needle's
answer, and a token w is in g if, at a step that emits w, the head's largest attention is on a position of the needle
that holds w. From 0 to 1; higher means more of a retrieval head. Long texts with one fact hidden in each; the model
reads them with question and answer in one pass, and the queries that emit the answer are scored.

The null moves the answer's tokens against the steps: a head that looks at the needle without following it gets the same
under both. The notes hold the model's accuracy, the share of samples in which it would have written more than half of
the answer, and the share of heads above the threshold.

Source: wu-2024-retrieval. Differs from it: the answer is forced and all samples count, whether or not the model would
have given it; with decode=True in the recipe the model writes its own answers, and samples with a ROUGE-1 recall of at
most 0.5 are left out as in the paper. Lengths of 256 to 1024 tokens and needles of our own.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.needle_hits import find_hits, hit_read_outs
from probes.readouts.base import FinalReadOut, LayerReadOut
from probes.recipes.needle import NeedleInHaystack
from probes.shapes import Reading, SampleScores


class Retrieval(PassDetector):
    """Tokens of a needle that a head copies."""

    name = "retrieval"
    head_type = "retrieval"
    unit = "share"
    threshold = 0.1
    threshold_source = "wu-2024-retrieval"
    recipe = NeedleInHaystack()

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut | FinalReadOut]:
        """The key with the most attention at every step of the answer."""
        return hit_read_outs(batch)

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Share of different tokens."""
        hits = find_hits(readings, batch, model, self.generator(batch.seed))
        scores = _share_of_tokens(hits.is_hit, hits.emitted, hits.needle)
        above = scores.mean(0) > self.threshold
        return Samples(
            scores,
            _share_of_tokens(hits.is_null_hit, hits.null_emitted, hits.needle),
            {**hits.notes, "share_above_threshold": float(above[list(model.shape.attention_layers)].double().mean())},
        )


def _share_of_tokens(is_hit: Tensor, emitted: Tensor, needle: Tensor) -> SampleScores:
    """Share of the needle's different tokens that were hit at some step."""
    shares = []
    for hits, ids, wanted in zip(is_hit, emitted, needle, strict=True):
        tokens = wanted[wanted >= 0].unique()
        shares.append(torch.stack([hits[..., ids == token].any(-1) for token in tokens]).double().mean(0))
    return torch.stack(shares)


DETECTOR = Retrieval()

"""Attention to the given context against attention to what has been written since.

Score: the lookback ratio c / (c + g), averaged over the queries that emit an answer. c is the mean attention to a token
of the context, g the mean attention to a token since; what came since begins with the words "Answer:" and ends with the
query. Where both together get less than 0.1 of the attention, the ratio is scaled down in proportion. From 0 to 1; 0.5
means that a token of either gets as much. Position 0 is left out of the context: it takes what a head has no use for,
and would make every sink look back.

The null is 0.5, what a head scores that gives every token the same. A head that likes certain words departs from it by
where they happen to stand, so read the score as one for this kind of text. The prompts are those of the detector
retrieval, so both share their forward passes; a short answer that is copied gives higher ratios than a free one.

Source: chuang-2024-lookback (arXiv 2407.07071), who feed the ratios of all heads to a classifier that finds
hallucinations, and name no type of head; the prompts are those of wu-2024-retrieval. Differs from the former: position
0 left out, the floor, forced answers in place of written ones, and a score for the head alone.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import LayerReadOut
from probes.readouts.set_mass import SetMassAt
from probes.recipes.needle import NeedleInHaystack
from probes.shapes import Reading
from probes.spans import floored_share
from probes.teacher_forcing import emitting_queries


class Lookback(PassDetector):
    """Context against answer."""

    name = "lookback"
    head_type = "lookback"
    unit = "ratio"
    threshold = 0.8
    threshold_source = "our choice: four times as much for a token of the context as for one since; no paper sets one"
    recipe = NeedleInHaystack()

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Attention of the emitting queries to the context and to what came since."""
        position = torch.arange(batch.tokens.shape[1])
        is_context = (position > 0) & (position < _first_since(batch))
        sets = torch.stack([is_context, position >= _first_since(batch)], dim=1)
        return {"masses": SetMassAt(emitting_queries(batch.marks["answer"]), sets)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Ratios, averaged over queries."""
        queries, first = emitting_queries(batch.marks["answer"]), _first_since(batch)
        n_context = (first - 1)[:, None, None].double()
        n_since = (queries - first + 1)[:, None, None].double()
        context, since = readings["masses"].double().unbind(-1)
        ratios = floored_share(context / n_context, since / n_since, context + since)
        scores = _mean_over_rows(ratios, queries >= 0)
        return Samples(scores, torch.where(scores.isnan(), torch.nan, 0.5))


def _first_since(batch: TokenBatch) -> Tensor:
    """Position at which the cue for the answer begins, shape (sample, 1)."""
    return batch.marks["cue"][:, :1]


def _mean_over_rows(values: Tensor, is_row: Tensor) -> Tensor:
    kept = torch.where(is_row[:, None, None], values, 0.0)
    return kept.sum(-1) / is_row.sum(-1)[:, None, None]


DETECTOR = Lookback()

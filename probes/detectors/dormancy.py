"""Heads that rest on prose and work on code.

Score: the attention to position 0 on a passage of prose, minus that on a passage of code: mean over all queries but the
first, passages taken in pairs. From -1 to 1; higher means that the head is dormant on prose, with its attention parked
on the first token, and active on code; strongly negative means the other way round. The null is the difference between
two passages of prose. The notes give the mean over heads on either kind of text. A parked head need not be idle: how
much it writes and what its loss would cost are other measurements.

Source: guo-2024-active-dormant, whose head of Llama 2 7B is dormant on Wikipedia and active on GitHub. Differs from the
paper: a difference in place of two numbers, our own prose and code, and the norm of the first token's value is not
regarded. The paper gives no threshold.
"""

from collections.abc import Mapping

import torch

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import LayerReadOut
from probes.readouts.key_mass import KeyMass
from probes.recipes.prose_and_code import ProseAndCode
from probes.shapes import Reading


class Dormancy(PassDetector):
    """Difference in attention to position 0 between prose and code."""

    name = "dormancy"
    head_type = "dormant"
    value_range = (-1.0, 1.0)
    recipe = ProseAndCode()
    threshold = 0.2
    threshold_source = "our choice; the paper's head goes from nearly all attention to little"

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Mass on position 0 of all queries but the first."""
        query_pos = torch.arange(batch.tokens.shape[1])
        return {"sink": KeyMass(torch.where(batch.is_real & (query_pos > 0), 0, -1)[..., None])}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Prose minus code by pairs, and prose minus the next passage of prose."""
        is_code = batch.marks["is_code"][:, 0]
        prose, code = readings["sink"][~is_code], readings["sink"][is_code]
        notes = {"mean_on_prose": _mean(prose), "mean_on_code": _mean(code)}
        return Samples(prose - code, prose - prose.roll(1, dims=0), notes)


def _mean(masses: Reading) -> float:
    return round(float(masses.nanmean()), 3)


DETECTOR = Dormancy()

"""Attention from the last token of a prompt to its instruction, which an injected instruction draws away.

Score: mean over samples of share(plain) - share(attacked). The share of a prompt is the attention from its last token
to the instruction, divided by that to instruction and data together; where the two get less than 0.1, it is scaled down
in proportion, so that a head that attends elsewhere does not score by a remainder. From -1 to 1; higher means that the
head follows the instruction until it is attacked.

The null is the same with a harmless sentence in place of the attack: longer data alone draw attention away. The notes
count the heads that the paper's rule keeps: those whose difference exceeds k times the sum of both standard deviations,
for k from 0 to 5.

Source: hung-2024-attention-tracker, who call these heads important. Differs from it: instructions, data and attacks of
our own; both stand in the user's turn of the tokenizer's chat template, or in plain text without one; the floor under
the share and the null are ours, and so is a threshold, which the paper does not set.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import LayerReadOut
from probes.readouts.set_mass import SetMassAt
from probes.recipes.injection import VERSIONS, Injection
from probes.shapes import Reading
from probes.spans import floored_share, key_set


class InstructionTracker(PassDetector):
    """Loss of attention to the instruction under attack."""

    name = "instruction_tracker"
    head_type = "important"
    unit = "difference of shares"
    value_range = (-1.0, 1.0)
    threshold = 0.1
    threshold_source = "our choice: a tenth of the attention to instruction and data moves; the paper sets none"
    recipe = Injection()

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Attention of the last token to instruction and data."""
        length = batch.tokens.shape[1]
        sets = torch.stack([key_set(batch.marks[name], length) for name in ("instruction", "data")], dim=1)
        return {"masses": SetMassAt(batch.last[:, None], sets)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Differences between the prompts of each sample."""
        instruction, data = readings["masses"].double()[..., 0, :].unbind(-1)
        share = floored_share(instruction, data, instruction + data)
        plain, attacked, harmless = (share[number :: len(VERSIONS)] for number in range(len(VERSIONS)))
        return Samples(plain - attacked, plain - harmless, _kept(plain, attacked))


def _kept(plain: Tensor, attacked: Tensor) -> dict[str, int]:
    """Heads that the paper's rule keeps, for k from 0 to 5."""
    difference, spread = plain.mean(0) - attacked.mean(0), plain.std(0) + attacked.std(0)
    return {f"n_kept_k{k}": int((difference > k * spread).sum()) for k in range(6)}


DETECTOR = InstructionTracker()

"""z: what each head hands to the output projection."""

from dataclasses import dataclass

import torch

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut
from probes.readouts.division import OfFewQueries
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class HeadOutput(OfFewQueries, ReadOut):
    """z of every head at chosen positions; with W_O it gives the direct effect on the logits."""

    def read(self, call: AttentionCall) -> PerHead:
        """Z of one layer, as the attention function returns it.

        Returns:
            Shape (batch, head, n_rows, d_value) in float32; 0 for missing rows.
        """
        positions = self.query_positions.to(call.device)[:, None, :, None]
        every = call.head_outputs()
        shape = (-1, every.shape[1], -1, every.shape[3])
        z = every.gather(2, positions.clamp(min=0).expand(shape)).float()
        return torch.where(positions >= 0, z, 0.0)

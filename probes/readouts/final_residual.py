"""The residual stream as it enters the final norm: what the logits are made of."""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.readouts.base import FinalReadOut
from probes.readouts.division import OfFewQueries
from probes.shapes import Reading


@dataclass(frozen=True, eq=False)
class FinalResidual(OfFewQueries, FinalReadOut):
    """The residual stream at chosen positions, for logits and for the scale that the final norm applies there."""

    def read_residual(self, residual: Tensor) -> Reading:
        """The chosen positions, shape (batch, n_rows, d_model) in float32; 0 where there is none."""
        positions = self.query_positions.to(residual.device)[..., None]
        chosen = residual.gather(1, positions.clamp(min=0).expand(-1, -1, residual.shape[-1])).float()
        return torch.where(positions >= 0, chosen, 0.0)

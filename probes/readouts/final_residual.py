"""The residual stream as it enters the final norm: what the logits are made of."""

from dataclasses import dataclass

from torch import Tensor

from probes.readouts.base import FinalReadOut
from probes.shapes import QueryPositions, Reading


@dataclass(frozen=True, eq=False)
class FinalResidual(FinalReadOut):
    """The residual stream at chosen positions, for logits and for the scale that the final norm applies there."""

    query_positions: QueryPositions
    """Shape (sample, n_rows); negative positions are not allowed."""

    def read_residual(self, residual: Tensor) -> Reading:
        """The chosen positions, shape (batch, n_rows, d_model) in float32."""
        positions = self.query_positions.to(residual.device)[..., None]
        return residual.gather(1, positions.expand(-1, -1, residual.shape[-1])).float()

"""The mean of z over positions: what replaces a head that is ablated by its mean."""

from dataclasses import dataclass

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut, mean_over
from probes.readouts.division import MeanOverQueries
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class MeanOutput(MeanOverQueries, ReadOut):
    """z of every head before W_O, averaged over the positions that count."""

    def read(self, call: AttentionCall) -> PerHead:
        """Means of one layer, shape (batch, head, d_value)."""
        return mean_over(self.queries, call.head_outputs().float())

"""Whole rows of the map for a few queries: the last token, the tokens of an answer."""

from dataclasses import dataclass

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut
from probes.readouts.division import OfFewQueries
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class Rows(OfFewQueries, ReadOut):
    """Attention of a few queries to every key; O(length) a row, so ask for few."""

    def read(self, call: AttentionCall) -> PerHead:
        """Rows of one layer.

        Returns:
            Shape (batch, head, n_rows, key_pos), from 0 to 1; 0 for missing rows.
        """
        return call.rows(self.query_positions.to(call.device))

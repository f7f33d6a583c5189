"""How widely each head spreads its attention."""

from dataclasses import dataclass

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut, mean_over
from probes.shapes import PerHead, Queried


@dataclass(frozen=True, eq=False)
class Entropy(ReadOut):
    """Entropy of the attention of a query, averaged over the queries that count."""

    queries: Queried
    """Shape (sample, query_pos)."""

    def read(self, call: AttentionCall) -> PerHead:
        """Entropies of one layer.

        Returns:
            Shape (batch, head), in nats; not a number for a sample in which no query counts.
        """
        return mean_over(self.queries, call.entropies())

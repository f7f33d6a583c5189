"""How widely each head spreads its attention."""

from dataclasses import dataclass

from probes.blocks import Block
from probes.readouts.base import RowReadOut
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class Entropy(RowReadOut):
    """Entropy of the attention of a query in nats, averaged over the queries that count: (batch, head)."""

    def of_rows(self, block: Block) -> PerHead:
        """Entropies of the rows, shape (batch, head, rows)."""
        return block.rows.entropies

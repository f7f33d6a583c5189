"""Pairs of heads and how far they compose, as people look at them: ranking, table, percentile, picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from catalog.ids import HeadName
from catalog.pictures.picture import Picture

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Pair:
    """Two heads and how far the later one reads what the earlier one writes."""

    writer: HeadName
    reader: HeadName
    score: float
    excess: float
    """Score less the baseline."""

    def __str__(self) -> str:
        return f"{self.writer} → {self.reader} {self.score:.3f}"


class Pairs(list[Pair]):
    """Pairs in order, one a line when printed."""

    def __repr__(self) -> str:
        return "\n".join(map(str, self))


@dataclass(frozen=True)
class Composition:
    """Composition of one kind between all pairs of heads of a model."""

    model: str
    """Name of the model."""

    kind: str
    """"Q", "K" or "V": the side through which the later head reads."""

    scores: Float[Tensor, "writer_layer writer_head reader_layer reader_head"]
    """From 0 to 1; not a number where there is none."""

    baseline: float
    """Mean for random circuits of the same shapes."""

    has_folded_norms: bool

    @cached_property
    def _order(self) -> list[tuple[HeadName, HeadName]]:
        """All pairs that have a score, highest first."""
        places = self.scores.isfinite().nonzero()
        best_first = self.scores[tuple(places.T)].argsort(descending=True, stable=True)
        return [(HeadName(a, b), HeadName(c, d)) for a, b, c, d in places[best_first].tolist()]

    def score(self, writer: HeadName, reader: HeadName) -> float:
        """Score of one pair.

        Args:
            writer: The earlier head.
            reader: The later head.

        Returns:
            From 0 to 1; not a number where there is none.
        """
        return float(self.scores[*writer, *reader])

    def top(self, n: int = 20) -> Pairs:
        """Pairs that compose most.

        Args:
            n: How many.

        Returns:
            The n best, highest first.
        """
        return Pairs(self._pair(*names) for names in self._order[:n])

    def writers_into(self, reader: HeadName, n: int = 5) -> Pairs:
        """Earlier heads that one head reads most.

        Args:
            reader: The later head.
            n: How many.

        Returns:
            The n best pairs, highest first.
        """
        return Pairs(self._pair(*names) for names in [names for names in self._order if names[1] == reader][:n])

    def readers_of(self, writer: HeadName, n: int = 5) -> Pairs:
        """Later heads that read one head most.

        Args:
            writer: The earlier head.
            n: How many.

        Returns:
            The n best pairs, highest first.
        """
        return Pairs(self._pair(*names) for names in [names for names in self._order if names[0] == writer][:n])

    def percentile(self, writer: HeadName, reader: HeadName) -> float:
        """Share of all pairs that score no higher than this one.

        Args:
            writer: The earlier head.
            reader: The later head.

        Returns:
            From 0 to 100; 50 is the median pair. Not a number where the pair has no score.
        """
        score = self.scores[*writer, *reader]
        known = self.scores[self.scores.isfinite()]
        return float((known <= score).double().mean() * 100) if score.isfinite() else torch.nan

    def to_frame(self) -> pd.DataFrame:
        """All pairs as a table.

        Returns:
            One row a pair, highest first; columns model, kind, writer_layer, writer_head, reader_layer, reader_head,
            score, baseline, excess, rank (1 for the highest) and percentile.
        """
        import pandas as pd

        names = [(*writer, *reader) for writer, reader in self._order]
        frame = pd.DataFrame(names, columns=["writer_layer", "writer_head", "reader_layer", "reader_head"])
        frame.insert(0, "model", self.model)
        frame.insert(1, "kind", self.kind)
        frame["score"] = [float(self.scores[name]) for name in names]
        frame["baseline"] = self.baseline
        frame["excess"] = frame["score"] - self.baseline
        frame["rank"] = frame["score"].rank(method="min", ascending=False).astype(int)
        frame["percentile"] = 100 * frame["score"].rank(method="max", pct=True)
        return frame

    def plot(self) -> Picture:
        """Layer × layer picture; a notebook shows it, `.save("map.svg")` or `.save("map.png")` writes it.

        Returns:
            The picture.
        """
        from probes.circuits.composition_map import draw_composition

        return draw_composition(self)

    def _pair(self, writer: HeadName, reader: HeadName) -> Pair:
        score = self.score(writer, reader)
        return Pair(writer, reader, score, score - self.baseline)

    def __iter__(self) -> Iterator[Pair]:
        return (self._pair(*names) for names in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __repr__(self) -> str:
        best = self.top(1)
        return f"Composition({self.kind} on {self.model}: {len(self)} pairs, baseline {self.baseline:.3f}; {best!r})"

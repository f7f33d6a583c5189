"""Two models, or two revisions of one, under the same detectors: scores side by side, head by head or rank by rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.ids import HeadName
from catalog.pictures.head_map import number
from catalog.pictures.picture import Picture, side_by_side
from catalog.pictures.scatter import Dot, draw_scatter
from catalog.rankings import rank_correlation
from catalog.runs import ProbeRun, at
from probes.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Pairing:
    """One detector on both sides, and which head stands beside which."""

    left: ProbeRun
    right: ProbeRun

    @property
    def is_by_head(self) -> bool:
        """Whether heads of one place stand side by side; models of different shapes are compared rank by rank."""
        return (self.left.model.n_layers, self.left.model.n_heads) == (
            self.right.model.n_layers,
            self.right.model.n_heads,
        )

    def pairs(self) -> list[tuple[HeadName, HeadName]]:
        """Heads side by side: those with a score on both sides, or the best with the best, the second with the second.

        Returns:
            Head of the left, head of the right; highest score of the left first.
        """
        if not self.is_by_head:
            return list(zip(self.left.ranked(), self.right.ranked(), strict=False))
        there = set(self.right.heads())
        return [(head, head) for head in self.left.ranked() if head in there]

    def rank_correlation(self) -> float | None:
        """Spearman's correlation of the scores, from -1 to 1; None for models of different shapes or equal scores."""
        if not self.is_by_head:
            return None
        pairs = self.pairs()
        return rank_correlation([self.left.score(a) for a, _ in pairs], [self.right.score(b) for _, b in pairs])

    def same_question(self) -> bool:
        """Whether both sides were asked in the same way: the same inputs in words, and the same seed."""
        return (self.left.inputs, self.left.seed, self.left.n_samples) == (
            self.right.inputs,
            self.right.seed,
            self.right.n_samples,
        )

    def dots(self) -> list[Dot]:
        """The pairs, as a picture needs them."""
        return [
            Dot(
                f"{left if left == right else f'{left}, {right}'}: {number(x)} and {number(y)}",
                x,
                y,
                self.left.is_called(left),
                self.right.is_called(right),
            )
            for left, right in self.pairs()
            for x, y in [(self.left.score(left), self.right.score(right))]
        ]


class Comparison(Mapping[str, Pairing]):
    """The detectors that were run on both sides."""

    def __init__(self, left: Mapping[str, ProbeRun], right: Mapping[str, ProbeRun]) -> None:
        """Pair up.

        Args:
            left: Runs on one model, by name of the detector.
            right: Runs on the other.

        Raises:
            BadInputError: no detector was run on both sides.
        """
        shared = [name for name in left if name in right]
        if not shared:
            raise BadInputError(
                f"nothing to compare: one side has {', '.join(left) or 'no detector'}, "
                f"the other {', '.join(right) or 'none'}; run the same detectors on both"
            )
        self._pairings = {name: Pairing(left[name], right[name]) for name in shared}

    def __getitem__(self, detector: str) -> Pairing:
        return self._pairings[detector]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairings)

    def __len__(self) -> int:
        return len(self._pairings)

    def to_frame(self) -> pd.DataFrame:
        """Every pair of heads under every detector.

        Returns:
            One row a pair; columns detector, layer, head, other_layer, other_head (the same unless the models have
            different shapes), score, other_score, difference (other less this), error (standard error of the
            difference, as of independent samples), called, other_called and unit.
        """
        import pandas as pd

        columns = ["detector", "layer", "head", "other_layer", "other_head", "score", "other_score", "difference"]
        rows = [_row(name, pairing, *pair) for name, pairing in self.items() for pair in pairing.pairs()]
        return pd.DataFrame(rows, columns=[*columns, "error", "called", "other_called", "unit"])

    def summary(self) -> pd.DataFrame:
        """What changed under each detector.

        Returns:
            One row a detector; columns detector, rank_correlation (not a number for models of different shapes),
            largest_difference, n_called, other_n_called, n_called_on_both and same_question.
        """
        import pandas as pd

        return pd.DataFrame([_summary_row(name, pairing) for name, pairing in self.items()])

    def plot(self, detector: str | None = None) -> Picture:
        """Scores of one side against scores of the other, one dot a head.

        Args:
            detector: The detector to draw; left out, all of them side by side.

        Returns:
            The picture.

        Raises:
            KeyError: this detector was not run on both sides.
        """
        names = [detector] if detector else list(self)
        pictures = [_draw(name, self[name]) for name in names]
        return pictures[0] if len(pictures) == 1 else side_by_side(pictures, self._sentence())

    def _sentence(self) -> str:
        some = next(iter(self.values()))
        return f"{len(self)} detectors on {some.left.model.name} and {some.right.model.name}"

    def __repr__(self) -> str:
        lines = [
            f"  {row['detector']}: rank correlation {row['rank_correlation']:.2f}, "
            f"largest difference {row['largest_difference']:.2f}, "
            f"{row['n_called']} and {row['other_n_called']} heads called"
            + ("" if row["same_question"] else "; asked with other inputs")
            for row in (_summary_row(name, pairing) for name, pairing in self.items())
        ]
        return "\n".join([f"{self._sentence()}:", *lines])


def _row(name: str, pairing: Pairing, left: HeadName, right: HeadName) -> tuple[object, ...]:
    one, other = pairing.left, pairing.right
    x, y = one.score(left), other.score(right)
    error = (at(one.standard_errors, left) ** 2 + at(other.standard_errors, right) ** 2) ** 0.5
    return name, *left, *right, x, y, y - x, error, one.is_called(left), other.is_called(right), one.unit


def _summary_row(name: str, pairing: Pairing) -> dict[str, object]:
    left, right = set(pairing.left.called()), set(pairing.right.called())
    differences = [pairing.right.score(b) - pairing.left.score(a) for a, b in pairing.pairs()]
    correlation = pairing.rank_correlation()
    return {
        "detector": name,
        "rank_correlation": float("nan") if correlation is None else correlation,
        "largest_difference": max(differences, key=abs, default=float("nan")),
        "n_called": len(left),
        "other_n_called": len(right),
        "n_called_on_both": len(left & right) if pairing.is_by_head else float("nan"),
        "same_question": pairing.same_question(),
    }


def _draw(name: str, pairing: Pairing) -> Picture:
    left, right = pairing.left.model.name, pairing.right.model.name
    way = "head by head" if pairing.is_by_head else "rank by rank"
    caption = f"Scores of detector {name} on {left} (from left to right) and on {right} (upwards), {way}"
    return draw_scatter(pairing.dots(), title=f"{name}, {way}", x_name=left, y_name=right, caption=caption)

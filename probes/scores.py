"""The scores of one probe on one model, as people look at them: ranking, table, picture, papers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.files import runs_folder
from catalog.ids import HeadName
from catalog.models import Paper
from catalog.pictures.head_map import draw_head_map
from catalog.pictures.picture import Picture, side_by_side
from catalog.registry import Registry
from catalog.runs import ProbeRun, at, read_run, write_run
from probes.comparison import Comparison
from probes.errors import RunNotSavedError
from probes.roles import Roles

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class HeadScore:
    """Score of one head under one probe, in the unit of its run, with what it must be compared with."""

    head: HeadName
    score: float
    standard_error: float
    null_score: float
    q_value: float
    is_called: bool

    def __str__(self) -> str:
        return f"{self.head} {self.score:.2f} ± {self.standard_error:.2f}"


class Ranking(list[HeadScore]):
    """Head scores in order, one a line when printed."""

    def __repr__(self) -> str:
        return "\n".join(map(str, self))


@dataclass(frozen=True)
class HeadScores:
    """What one probe found out about every head of one model."""

    run: ProbeRun
    """The record that is written to disk; everything here is read from it."""

    @classmethod
    def load(cls, path: Path) -> HeadScores:
        """Scores that were saved earlier.

        Args:
            path: The JSON file of a run.

        Returns:
            The scores.

        Raises:
            InvalidDataError: the file is not a valid run.
        """
        return cls(read_run(path))

    def __getitem__(self, head: str | HeadName) -> HeadScore:
        name = HeadName.parse(head) if isinstance(head, str) else head
        layer, number = name
        if layer >= self.run.model.n_layers or number >= self.run.model.n_heads:
            raise KeyError(
                f"{name}: {self.run.model.name} has {self.run.model.n_layers} layers of "
                f"{self.run.model.n_heads} heads, counted from 0"
            )
        return HeadScore(
            name,
            self.run.score(name),
            at(self.run.standard_errors, name),
            at(self.run.null_scores, name),
            at(self.run.q_values, name),
            self.run.is_called(name),
        )

    def top(self, n: int = 10) -> Ranking:
        """Heads with the highest scores.

        Args:
            n: How many.

        Returns:
            The n best, highest first.
        """
        return Ranking(self[name] for name in self.run.ranked()[:n])

    def called(self) -> Ranking:
        """Heads that count as members of the type: above the threshold and beyond the null.

        Returns:
            The heads, highest first; may be empty.
        """
        return Ranking(self[name] for name in self.run.called())

    def to_frame(self) -> pd.DataFrame:
        """All heads as a table.

        Returns:
            One row a head that has a score, highest first; columns model, layer, head, detector, score, error
            (standard error), null, q_value, called, family, unit, rank (1 for the highest) and percentile (share of
            heads that score no higher, times 100).
        """
        import pandas as pd

        names = self.run.ranked()
        scores = [self[name] for name in names]
        frame = pd.DataFrame(
            {
                "model": self.run.model.name,
                "layer": [name.layer for name in names],
                "head": [name.head for name in names],
                "detector": self.run.probe,
                "score": [score.score for score in scores],
                "error": [score.standard_error for score in scores],
                "null": [score.null_score for score in scores],
                "q_value": [score.q_value for score in scores],
                "called": [score.is_called for score in scores],
                "family": self.run.family,
                "unit": self.run.unit,
            }
        )
        frame["rank"] = frame["score"].rank(method="min", ascending=False).astype(int)
        frame["percentile"] = 100 * frame["score"].rank(method="max", pct=True)
        return frame

    def plot(self) -> Picture:
        """Layer × head picture; a notebook shows it, `.save("map.svg")` or `.save("map.png")` writes it.

        Returns:
            The picture.
        """
        return draw_head_map(self.run)

    def papers(self) -> list[Paper]:
        """Papers of the catalogue on this head type, the one to read first in front.

        Returns:
            The papers.
        """
        return Registry.load().papers_on(self.run.head_type)

    def save(self, folder: Path | None = None) -> tuple[Path, bool]:
        """Write the run to <folder>/<model>/<probe>.json, unless that file already records the same outcome.

        Args:
            folder: Folder of all runs; left out, data/runs.

        Returns:
            The file, and whether it was written.

        Raises:
            RunNotSavedError: the folder cannot be written; a file that was there is untouched.
        """
        folder = folder or runs_folder()
        try:
            return write_run(folder, self.run)
        except OSError as error:
            raise RunNotSavedError(folder, error.strerror or str(error)) from error

    def __repr__(self) -> str:
        model = self.run.model
        return (
            f"HeadScores({self.run.probe} on {model.name}: {model.n_layers} layers × {model.n_heads} heads, "
            f"{len(self.run.called())} called; best {self.top(1)!r})"
        )


class Results(Mapping[str, HeadScores]):
    """Scores by name of the detector."""

    def __init__(self, scores: Mapping[str, HeadScores], left_out: Mapping[str, str] | None = None) -> None:
        """Put together.

        Args:
            scores: Scores by name of the detector.
            left_out: Why other detectors that were asked for could not be run, by name.
        """
        self._scores = dict(scores)
        self.left_out = dict(left_out or {})

    def __getitem__(self, detector: str) -> HeadScores:
        return self._scores[detector]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scores)

    def __len__(self) -> int:
        return len(self._scores)

    def __repr__(self) -> str:
        reasons = [f"{name} left out: {reason}" for name, reason in self.left_out.items()]
        return "\n".join([*map(repr, self._scores.values()), *reasons])

    def to_frame(self) -> pd.DataFrame:
        """All heads under all detectors as one tidy table.

        Returns:
            The rows of HeadScores.to_frame, detector by detector.
        """
        import pandas as pd

        return pd.concat([scores.to_frame() for scores in self.values()], ignore_index=True)

    def plot(self, detector: str | None = None) -> Picture:
        """Layer × head picture; a notebook shows it, `.save("map.svg")` or `.save("map.png")` writes it.

        Args:
            detector: The detector to draw; left out, all of them side by side.

        Returns:
            The picture.

        Raises:
            KeyError: this detector was not run.
            PictureError: no detector was run.
        """
        if detector is not None:
            return self[detector].plot()
        pictures = [draw_head_map(scores.run, title=name) for name, scores in self.items()]
        return side_by_side(pictures, f"{len(pictures)} detectors: " + " ".join(one.caption for one in pictures))

    def compare(self, other: Results) -> Comparison:
        """Scores beside those of another model, or of another revision of the same.

        Args:
            other: Its results.

        Returns:
            A comparison under each detector that both have: `to_frame()`, `summary()`, `plot()`.

        Raises:
            BadInputError: they share no detector.
        """
        return Comparison(self._runs(), other._runs())

    def roles(self) -> Roles:
        """What each head is called, strongest type first, with ties and contradictions.

        Returns:
            The heads that any detector calls.
        """
        return Roles(self._runs())

    def _runs(self) -> dict[str, ProbeRun]:
        return {name: scores.run for name, scores in self.items()}

    def save(self, folder: Path | None = None) -> list[tuple[Path, bool]]:
        """Write every run; see HeadScores.save.

        Args:
            folder: Folder of all runs; left out, data/runs.

        Returns:
            The files, and whether each was written.

        Raises:
            RunNotSavedError: the folder cannot be written.
        """
        return [scores.save(folder) for scores in self.values()]

"""What each head is called: its head types, strongest first, with ties and contradictions said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from catalog.ids import HeadName
from catalog.runs import ProbeRun

if TYPE_CHECKING:
    import pandas as pd

OPPOSITES = (frozenset({"copy", "copy_suppression"}), frozenset({"name_mover", "negative_name_mover"}))
"""Head types of which one raises what the other lowers."""


@dataclass(frozen=True)
class Role:
    """One head type that a head is called, under the detector that ranks it highest."""

    head_type: str
    detector: str
    rank: int
    """Place of the head among all heads under that detector, from 1; heads with equal scores share a place."""

    score: float
    unit: str

    def __str__(self) -> str:
        return f"{self.head_type} (#{self.rank}, {self.score:.2f})"


@dataclass(frozen=True)
class HeadRoles:
    """All that one head is called."""

    head: HeadName

    roles: tuple[Role, ...]
    """Strongest first: by rank among the model's heads, since scores of different detectors have different units."""

    contradictions: tuple[str, ...]
    """Sentences: what does not go together."""

    @property
    def ties(self) -> tuple[str, ...]:
        """Head types that share the first place, if more than one does."""
        first = tuple(role.head_type for role in self.roles if role.rank == self.roles[0].rank)
        return first if len(first) > 1 else ()

    def __str__(self) -> str:
        parts = [", ".join(map(str, self.roles))]
        parts += [f"tie of {' and '.join(self.ties)}"] if self.ties else []
        return f"{self.head}  {'; '.join([*parts, *self.contradictions])}"


class Roles(Mapping[HeadName, HeadRoles]):
    """The heads that any detector calls; best placed first, one a line when printed."""

    def __init__(self, runs: Mapping[str, ProbeRun]) -> None:
        """Collect.

        Args:
            runs: Runs on one model, by name of the detector.
        """
        heads = dict.fromkeys(head for run in runs.values() for head in run.called())
        found = sorted((_roles_of(head, runs) for head in heads), key=lambda one: (one.roles[0].rank, one.head))
        self._heads = {one.head: one for one in found}

    def __getitem__(self, head: str | HeadName) -> HeadRoles:
        return self._heads[HeadName.parse(head) if isinstance(head, str) else head]

    def __iter__(self) -> Iterator[HeadName]:
        return iter(self._heads)

    def __len__(self) -> int:
        return len(self._heads)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.values())) or "no head is called"

    def to_frame(self) -> pd.DataFrame:
        """The roles as a table.

        Returns:
            One row a head and role; columns layer, head, place (1 for the strongest role of the head), head_type,
            detector, rank, score, unit, is_tied and contradictions.
        """
        import pandas as pd

        columns = ["layer", "head", "place", "head_type", "detector", "rank", "score", "unit", "is_tied"]
        rows = [
            (*one.head, place, *_cells(role), role.head_type in one.ties, "; ".join(one.contradictions))
            for one in self.values()
            for place, role in enumerate(one.roles, 1)
        ]
        return pd.DataFrame(rows, columns=[*columns, "contradictions"])


def _roles_of(head: HeadName, runs: Mapping[str, ProbeRun]) -> HeadRoles:
    calling = {name: run for name, run in runs.items() if head in run.called()}
    best: dict[str, Role] = {}
    for role in sorted((_role(head, run) for run in calling.values()), key=lambda role: (role.rank, -role.score)):
        best.setdefault(role.head_type, role)
    contradictions = (*_opposites(best), *_two_patterns(head, calling), *_detectors_that_disagree(head, runs))
    return HeadRoles(head, tuple(best.values()), contradictions)


def _cells(role: Role) -> tuple[object, ...]:
    return role.head_type, role.detector, role.rank, role.score, role.unit


def _role(head: HeadName, run: ProbeRun) -> Role:
    score = run.score(head)
    rank = 1 + sum(run.score(other) > score for other in run.heads())
    return Role(run.head_type, run.probe, rank, score, run.unit)


def _opposites(best: Mapping[str, Role]) -> Iterator[str]:
    for pair in OPPOSITES:
        if pair <= best.keys():
            yield f"{' and '.join(sorted(pair))} are opposites"


def _two_patterns(head: HeadName, calling: Mapping[str, ProbeRun]) -> Iterator[str]:
    """Attention of one head that goes to two places on the same input; queries that count may differ."""
    patterns = [run for run in calling.values() if run.family == "pattern" and run.unit == "probability"]
    for one, other in combinations(patterns, 2):
        if one.head_type != other.head_type and _same_input(one, other):
            shares = " and ".join(f"{run.score(head):.2f} to {run.head_type}" for run in (one, other))
            yield f"two patterns on one input, each over its own queries: attention of {shares}"


def _same_input(one: ProbeRun, other: ProbeRun) -> bool:
    return (one.inputs, one.settings, one.seed) == (other.inputs, other.settings, other.seed)


def _detectors_that_disagree(head: HeadName, runs: Mapping[str, ProbeRun]) -> Iterator[str]:
    """Detectors of one head type of which some call the head and some do not."""
    for head_type in sorted({run.head_type for run in runs.values()}):
        scored = [run for run in runs.values() if run.head_type == head_type and head in set(run.heads())]
        calls = {run.probe: run.is_called(head) for run in scored}
        if len(set(calls.values())) == 2:
            yes, no = (
                ", ".join(name for name, called in calls.items() if called is wanted) for wanted in (True, False)
            )
            yield f"{head_type} by {yes}, but not by {no}"

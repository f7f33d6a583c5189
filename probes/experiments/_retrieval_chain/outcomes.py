"""The facts of all seeds of one problem, and what should appear in the course of a training."""

from collections.abc import Sequence
from dataclasses import dataclass

from probes.experiments._emergence import first_above
from probes.experiments.base import Facts
from probes.tiny.tasks.retrieval_chain import RetrievalChains

THRESHOLDS = (0.3, 0.5)
"""Scores from which a kind of head counts as there; the first one ranks the events."""

ACCURACY_THRESHOLDS = {"acc_1": 0.5}
LATER_ACCURACY = 0.9
"""Accuracies from which the first link, and every later one, counts as there."""


@dataclass(frozen=True)
class Outcomes:
    """The facts of all seeds, and what they are about."""

    task: RetrievalChains
    n_layers: int
    has_norms: bool
    n_steps: int
    facts: Sequence[Facts]

    @property
    def shown(self) -> Facts:
        """The first seed that was solved, or else the first one: it stands in the pictures of one model."""
        return next((one for one in self.facts if one["is_solved"]), self.facts[0])

    @property
    def accuracies(self) -> list[str]:
        """Names of the accuracies."""
        return [name for name in self.facts[0]["curves"] if name.startswith("acc_")]

    @property
    def is_of_the_circuit(self) -> bool:
        """Whether these are the models whose four heads the bars speak of."""
        return (self.task.depth, self.n_layers, self.task.targets) == (3, 3, "every link")


def events_of(depth: int) -> list[str]:
    """What should appear, in the order that is expected.

    Args:
        depth: D.

    Returns:
        Names of scores and accuracies.
    """
    events = ["prev", "q1", "acc_1", "jump", "acc_2", "q2", "acc_3"]
    return events[: {1: 3, 2: 5}.get(depth, 7)]


def step_of(one: Facts, event: str, threshold: float) -> int | None:
    """When something first appeared.

    Args:
        one: Facts of a seed.
        event: Name of a score or an accuracy.
        threshold: Score from which a kind of head counts as there; accuracies have levels of their own.

    Returns:
        The step; None for never.
    """
    is_accuracy = event.startswith("acc_")
    wanted = ACCURACY_THRESHOLDS.get(event, LATER_ACCURACY) if is_accuracy else threshold
    return first_above(one["steps"], one["curves"][event], wanted)

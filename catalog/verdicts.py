"""What a measurement can say about a claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from statistics import NormalDist

STANDARD_ERRORS = NormalDist().inv_cdf(0.975)
"""Half the width of a 95 % interval in standard errors."""


class Verdict(StrEnum):
    """What the runs say about a claim."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    NOT_REPRODUCED = "not reproduced"
    UNTESTED = "untested"
    UNTESTABLE = "untestable"


@dataclass(frozen=True)
class Outcome:
    """What one record says about a claim."""

    verdict: Verdict
    reason: str
    """Why, in one sentence with the numbers."""
    numbers: dict[str, float] = field(default_factory=dict)


def interval_verdict(measured: tuple[float, float], claimed: tuple[float, float]) -> Verdict:
    """Verdict on a range, measured within its error.

    Args:
        measured: Lowest and highest number that the measurement leaves open.
        claimed: Lowest and highest number that bears the claim out.

    Returns:
        Reproduced or not where all of the measured range agrees, else partly.
    """
    if claimed[0] <= measured[0] and measured[1] <= claimed[1]:
        return Verdict.REPRODUCED
    is_apart = measured[1] < claimed[0] or claimed[1] < measured[0]
    return Verdict.NOT_REPRODUCED if is_apart else Verdict.PARTLY

"""Days: the one that counts as today, and which of two dates lies later."""

from __future__ import annotations

from datetime import UTC, date, datetime


def today() -> date:
    """Today in UTC, so that every machine names the same day."""
    return datetime.now(UTC).date()


def is_later(first: str, second: str) -> bool:
    """Whether a date lies after another; where one has no day or no month, both are compared as far as it goes.

    Args:
        first: YYYY-MM-DD, YYYY-MM or YYYY.
        second: The same.

    Returns:
        False as long as the first may be the same day as the second, or an earlier one.
    """
    known = min(len(first), len(second))
    return first[:known] > second[:known]

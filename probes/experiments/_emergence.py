"""When something appeared while a model was trained, and whether it all came in the order that was expected."""

from collections.abc import Mapping, Sequence


def first_above(steps: Sequence[int], curve: Sequence[float], threshold: float) -> int | None:
    """First evaluation at which a curve lay above a threshold.

    Args:
        steps: Step of every evaluation.
        curve: A number for each.
        threshold: What it has to exceed.

    Returns:
        The step; None if it never did.
    """
    return next((step for step, value in zip(steps, curve, strict=True) if value > threshold), None)


def slip(order: Sequence[str], steps: Mapping[str, int | None], never: int) -> int:
    """By how much events came too early for an order.

    Args:
        order: Names of the events as they are expected.
        steps: When each came; None for never.
        never: What counts as the step of an event that never came.

    Returns:
        Steps by which any event came before one that should have come earlier; 0 if all came in order.
    """
    came = [never if (step := steps[name]) is None else step for name in order]
    return max([0, *(earlier - later for at, earlier in enumerate(came) for later in came[at + 1 :])])


def first_below(steps: Sequence[int], curve: Sequence[float], threshold: float) -> int | None:
    """First evaluation at which a curve lay at or below a threshold.

    Args:
        steps: Step of every evaluation.
        curve: A number for each.
        threshold: What it has to reach.

    Returns:
        The step; None if it never did.
    """
    return next((step for step, value in zip(steps, curve, strict=True) if value <= threshold), None)

"""Where to compute."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from probes.errors import BadInputError


def choose_device(wanted: str, by_itself: Sequence[str] = ("cuda",)) -> torch.device:
    """The device that somebody names, or the best one there is.

    Args:
        wanted: "auto", or a torch device such as "cuda:1".
        by_itself: Kinds that "auto" takes if there are any, best first; the CPU otherwise.

    Returns:
        The device.

    Raises:
        BadInputError: it cannot be used on this machine.
    """
    if wanted == "auto":
        present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        return torch.device(next((kind for kind in by_itself if present[kind]), "cpu"))
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        way_out = "use auto, cpu, cuda, or cuda:1"
        raise BadInputError(f"device '{wanted}' cannot be used here ({reason}); {way_out}") from error
    return torch.device(wanted)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread of the CPU for the length of a with block.

    For tensors so small that threads wait for each other longer than they compute; sums are then taken in one order on
    every machine.

    Yields:
        Nothing.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

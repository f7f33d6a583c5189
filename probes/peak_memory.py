"""The most memory that a command has needed."""

import sys

import psutil
import torch

MIB = 2**20


def peak_memory(device: torch.device) -> str:
    """The most memory that this process has had at once since it began.

    Args:
        device: Where the model lies.

    Returns:
        Such as "1,330 MiB"; for a model on a GPU what it holds there stands behind it.
    """
    in_all = f"{_of_process() / MIB:,.0f} MiB"
    if device.type != "cuda":
        return in_all
    return f"{in_all}, and {torch.cuda.max_memory_allocated(device) / MIB:,.0f} MiB on {device}"


def _of_process() -> int:
    """Bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""Memory that is used again and again."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class Scratch:
    """Memory that the blocks of a layer use one after the other.

    To ask the system for it each time costs more than attention itself.
    """

    def __init__(self, largest: int) -> None:
        """No room is taken yet.

        Args:
            largest: Numbers of the largest tensor to come; room that grew from block to block would leave holes.
        """
        self._largest = largest
        self._rooms: dict[str, Tensor] = {}

    def __call__(self, use: str, shape: Sequence[int], like: Tensor) -> Tensor | None:
        """Room for a tensor in float32; what was there for the same use is overwritten.

        Args:
            use: What it is for.
            shape: Its shape.
            like: A tensor on the same device.

        Returns:
            The room; None where gradients are kept, for which every tensor must last.
        """
        if torch.is_grad_enabled():
            return None
        if use not in self._rooms:
            self._rooms[use] = torch.empty(self._largest, dtype=torch.float32, device=like.device)
        return self._rooms[use][: math.prod(shape)].view(*shape)

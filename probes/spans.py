"""Marked spans as sets of keys, and how attention is divided between two of them."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from probes.shapes import QueryPositions

FLOOR = 0.1
"""Attention on two sets together below which their shares count for less, in probability."""


def key_set(positions: QueryPositions, length: int) -> Bool[Tensor, "batch key_pos"]:
    """The keys at these positions.

    Args:
        positions: Shape (batch, n_positions); -1 where there are fewer.
        length: Positions of the batch.

    Returns:
        Shape (batch, length).
    """
    keys = torch.zeros(len(positions), length + 1, dtype=torch.bool)
    return keys.scatter(1, torch.where(positions >= 0, positions, length), True)[:, :length]


def floored_share(
    wanted: Float[Tensor, "*shape"], other: Float[Tensor, "*shape"], mass: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Share of one amount in two, scaled down where the attention behind them is too little to mean much.

    Args:
        wanted: Attention to the set that counts, or its mean over the set's keys.
        other: The same of the other set.
        mass: Attention to both sets together.

    Returns:
        wanted / (wanted + other), times mass / FLOOR where the mass is below the floor; from 0 to 1.
    """
    share = wanted / (wanted + other).clamp(min=torch.finfo(wanted.dtype).tiny)
    return share * (mass / FLOOR).clamp(max=1.0)

"""Singular directions of OV and QK circuits: the few directions in which a head reads and writes most.

A circuit is a sum of rank-one parts: read along one direction, write along another, each with a size. The decomposition
is that of a small matrix between the QR factors of both thin sides. A pair of directions has no sign of its own: what
is read against the first is written against the second.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probes.circuits.factors import OVCircuit, QKCircuit


@dataclass(frozen=True)
class Directions:
    """Rank-one parts of one head's circuit, largest first: circuit = Σ size · first ⊗ second."""

    sizes: Float[Tensor, " rank"]
    """Singular values."""

    first: Float[Tensor, "rank d_model"]
    """Read by an OV circuit, or by the query side of a QK circuit; length 1."""

    second: Float[Tensor, "rank d_model"]
    """Written by an OV circuit, or read by the key side of a QK circuit; length 1."""

    @property
    def shares(self) -> Float[Tensor, " rank"]:
        """Share of each part in the squared norm of the circuit; not a number for a circuit of zeros."""
        return self.sizes.square() / self.sizes.square().sum()


def ov_directions(circuit: OVCircuit, head: int) -> Directions:
    """Singular directions of one head's OV circuit.

    Args:
        circuit: The circuits of a layer.
        head: Number of the query head.

    Returns:
        As many as the head has dimensions.
    """
    return singular_directions(circuit.reading_of(head), circuit.writing[head])


def qk_directions(circuit: QKCircuit, head: int) -> Directions:
    """Singular directions of one head's QK circuit.

    Args:
        circuit: The circuits of a layer.
        head: Number of the query head.

    Returns:
        As many as the head has dimensions; first is the query side.
    """
    return singular_directions(circuit.query[head], circuit.key_of(head).mT)


def singular_directions(left: Float[Tensor, "d_model rank"], right: Float[Tensor, "rank d_model"]) -> Directions:
    """Singular value decomposition of left @ right, which is never formed.

    Args:
        left: Thin.
        right: Thin, lying down.

    Returns:
        The rank-one parts.
    """
    left_basis, left_triangle = torch.linalg.qr(left)
    right_basis, right_triangle = torch.linalg.qr(right.mT)
    U, sizes, V = torch.linalg.svd(left_triangle @ right_triangle.mT, full_matrices=False)
    return Directions(sizes, (left_basis @ U).mT, V @ right_basis.mT)

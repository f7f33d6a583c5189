"""Dot products of queries with a few keys each."""

import torch
from jaxtyping import Float
from torch import Tensor

from probes import cpu_kernels
from probes.shapes import KeyPositions, Keys, Queries

PAIRS_AT_ONCE = 2048
"""Pairs whose key vectors torch copies at a time; few enough for a processor's caches."""


def pair_products(
    query: Queries, key: Keys, key_positions: KeyPositions
) -> Float[Tensor, "batch head query_pos n_keys"]:
    """Dot products of every query with the keys chosen for it, in float32.

    Args:
        query: Shape (batch, head, query_pos, d_head).
        key: Shape (batch, kv_head, key_pos, d_head), not repeated.
        key_positions: Counted from 0; -1 where there is none.

    Returns:
        The products; any number for missing keys.
    """
    if cpu_kernels.fits(query, key, key_positions):
        return cpu_kernels.pair_products(query, key, key_positions)
    n_queries = max(1, PAIRS_AT_ONCE // (len(key_positions) * key_positions.shape[2]))
    parts = zip(query.split(n_queries, dim=2), key_positions.clamp(min=0).split(n_queries, dim=1), strict=True)
    vectors = key.reshape(-1, key.shape[3])
    first_rows = torch.arange(0, len(vectors), key.shape[2], device=key.device).view(*key.shape[:2], 1, 1)
    return torch.cat([_products(own, vectors, first_rows + keys[:, None]) for own, keys in parts], dim=2)


def _products(query: Queries, vectors: Tensor, rows: Tensor) -> Float[Tensor, "batch head query_pos n_keys"]:
    """Products of some queries with key vectors; whole rows are copied, which is much faster than a gather.

    Args:
        query: The queries.
        vectors: Key vectors of all samples and heads, one after the other.
        rows: Which of them, shape (batch, kv_head, query_pos, n_keys).
    """
    chosen = vectors.index_select(0, rows.flatten()).view(*rows.shape, -1).float()
    grouped = query.float().unflatten(1, (rows.shape[1], -1))
    return torch.einsum("bghqd,bgqkd->bghqk", grouped, chosen).flatten(1, 2)

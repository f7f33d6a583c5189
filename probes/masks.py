"""Masks as rules: which keys a query may see, without a (length × length) tensor."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary
from transformers.masking_utils import causal_mask_function, prepare_padding_mask, sdpa_mask

from probes.errors import UnsupportedModelError

UNSEEN = -1e30
"""Score of a key that a query may not see: its probability is 0, and 0 times it is 0."""

FORBIDS = -1e4
"""What is added to a score from here on leaves no attention in any number format."""


@dataclass(frozen=True)
class Mask:
    """Which keys each query may see, as a rule in place of a (length × length) tensor."""

    rule: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    """From broadcastable batch, head, query and key positions to whether the query may see the key."""

    query_offset: int
    """Absolute position of the first query."""

    key_offset: int
    """Absolute position of the first key."""

    window: int | None
    """No query sees a key this many positions back or further; None if there is no such limit."""

    padding: Bool[Tensor, "batch pos"] | None
    """True where an absolute position holds a real token; None if all do."""

    def visible(self, batch: Tensor, query_pos: Tensor, key_pos: Tensor) -> Tensor:
        """Whether queries may see keys, for positions that broadcast against each other.

        Args:
            batch: Sample numbers.
            query_pos: Query positions, counted from the first query of this call.
            key_pos: Key positions, counted from the first key of this call.

        Returns:
            Truth values of the broadcast shape.
        """
        seen = self.rule(batch, torch.zeros_like(batch), query_pos + self.query_offset, key_pos + self.key_offset)
        if self.padding is None:
            return seen
        padding = self.padding.to(batch.device)  # layers of a sharded model share the mask of the first
        return seen & padding[batch, key_pos + self.key_offset]

    def first_key(self, first_query: int) -> int:
        """First key that any query from this one on may see, counted from the first key of this call."""
        if self.window is None:
            return 0
        # One key more than a causal window holds: windows that look both ways include their edge.
        return max(0, first_query + self.query_offset - self.window - self.key_offset)


def describe_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: Callable[..., Tensor] | None = None,
    attention_mask: Tensor | None = None,
    local_size: int | None = None,
    allow_is_causal_skip: bool = True,
    allow_is_bidirectional_skip: bool = False,
    use_vmap: bool = False,
    **others: Any,
) -> Mask | Tensor | None:
    """Our mask function for transformers: the rule of the mask, or None where plain attention will do.

    The arguments are those that transformers hands to every mask function.

    Returns:
        None for plain full attention, and for plain causal attention, behind a cached prefix or none; a Mask otherwise;
        a boolean tensor of shape (batch, 1, query_pos, key_pos) for rules that only work under vmap.
    """
    padding = prepare_padding_mask(attention_mask, kv_length, kv_offset)
    if padding is not None and bool(padding.all()):
        padding = None
    within_window = local_size is None or kv_length <= local_size
    ends_together = int(q_offset) + q_length == kv_offset + kv_length
    if padding is None and within_window and ((allow_is_causal_skip and ends_together) or allow_is_bidirectional_skip):
        return None
    rule = mask_function or causal_mask_function
    if use_vmap:
        return sdpa_mask(
            batch_size,
            q_length,
            kv_length,
            q_offset,
            kv_offset,
            rule,
            attention_mask,
            allow_is_causal_skip=False,
            use_vmap=True,
            **others,
        )
    return Mask(rule, int(q_offset), kv_offset, local_size, padding)


def visible_pairs(
    mask: Mask | Tensor | None, is_causal: bool, batch: Tensor, query_pos: Tensor, key_pos: Tensor
) -> Tensor:
    """Whether queries may see keys, for any kind of mask and positions that broadcast against each other.

    Args:
        mask: A rule, a boolean tensor of shape (batch or 1, 1, query_pos or 1, key_pos), or None for plain attention.
        is_causal: Whether plain attention is causal.
        batch: Sample numbers.
        query_pos: Query positions, counted from the first query of this call.
        key_pos: Key positions, counted from the first key of this call.

    Returns:
        Truth values of the broadcast shape.
    """
    if isinstance(mask, Mask):
        return mask.visible(batch, query_pos, key_pos)
    if mask is not None:
        allowed: Tensor = mask[batch % mask.shape[0], 0, query_pos % mask.shape[2], key_pos]
        return allowed
    return key_pos <= query_pos if is_causal else torch.ones_like(key_pos, dtype=torch.bool)


def split_mask(mask: Tensor) -> tuple[Tensor, Tensor | None]:
    """A mask that was prepared outside the engine, as truth values and what it adds to the scores besides.

    Args:
        mask: Shape (batch or 1, head or 1, query_pos, key_pos); boolean, or added to the scores, where FORBIDS or less
            forbids. All layers that get the same mask get the same parts.

    Returns:
        True where any head's query may see the key, shape (batch or 1, 1, query_pos, key_pos), and the bias, of the
        mask's shape in float32; None where the mask only allows and forbids, the same in all heads.

    Raises:
        UnsupportedModelError: the mask has another shape.
    """
    if mask.ndim != 4:
        raise UnsupportedModelError(f"an attention mask of shape {tuple(mask.shape)} is not supported")
    if mask.dtype == torch.bool and mask.shape[1] == 1:
        return mask, None
    if mask not in _parts_of_masks:
        _parts_of_masks[mask] = _parts(mask)
    return _parts_of_masks[mask]


_parts_of_masks: MutableMapping[Tensor, tuple[Tensor, Tensor | None]] = WeakIdKeyDictionary()


def _parts(mask: Tensor) -> tuple[Tensor, Tensor | None]:
    is_added = mask.dtype != torch.bool
    allowed = mask > FORBIDS if is_added else mask
    seen = allowed.any(1, keepdim=True)
    shifts = is_added and bool(((mask != 0) & allowed).any())
    if not shifts and bool((allowed == seen).all()):
        return seen, None
    bias = mask.float() if is_added else torch.zeros_like(mask, dtype=torch.float32)
    return seen, bias.masked_fill(~allowed, UNSEEN)

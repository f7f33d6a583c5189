"""Long inputs, read piece by piece: each piece attends to the cached keys and values of all positions so far.

What lies in memory beside that cache is then the work of one piece, and not of the whole input. Whether a model can be
read in this way is decided here, by trying it on a short input: one whose cache does not give the same outputs, such as
some with recurrent layers, reads inputs of any length in one pass.
"""

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from probes.adapters.base import ProbedModel
from probes.attention import is_edited
from probes.calls import AttentionCall
from probes.errors import UnsupportedModelError

PIECE = 2048
"""Positions of a piece."""

TRIAL = (6, 5, 1)
"""Positions of the pieces on which a model is tried."""

TOLERANCES = {torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""Largest relative difference of an output by number format; 1e-4 otherwise. A lost prefix changes outputs by half."""

FAILURES = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError, UnsupportedModelError)
"""What a model raises that does not know what to do with the cache."""


def cut(model: ProbedModel, length: int) -> list[slice]:
    """Pieces in which an input is read.

    Args:
        model: The model.
        length: Positions of the input.

    Returns:
        Positions of each piece; one piece for short inputs, and for models that must read in one pass.
    """
    at_once = PIECE if length > PIECE and why_one_pass(model) is None else length
    return [slice(start, min(start + at_once, length)) for start in range(0, length, at_once)]


def why_one_pass(model: ProbedModel) -> str | None:
    """Why a model must read inputs of any length in one pass.

    Args:
        model: The model.

    Returns:
        The reason; None if it reads piece by piece.
    """
    if model.map_sources is not None:
        return "its maps are handed out by modules, for one pass each"
    if not model.shape.is_causal:
        return "its queries see later keys"
    if is_edited():
        return "its heads are being changed, which may differ by position"
    return _failure(model)


def whole_cache(model: ProbedModel) -> DynamicCache:
    """An empty cache that keeps every key, so that keys stay where they are; windows are the masks' business.

    Args:
        model: The model.

    Returns:
        The cache, for one input.

    Raises:
        UnsupportedModelError: the model keeps keys in a way of its own.
    """
    cache = DynamicCache(config=model.module.config)
    for layer in cache.layers:
        if type(layer).__module__ != DynamicLayer.__module__:
            raise UnsupportedModelError(f"it keeps keys in a way of its own ({type(layer).__name__})")
    cache.layers = [DynamicLayer() if getattr(layer, "is_sliding", False) else layer for layer in cache.layers]
    return cache


def _failure(model: ProbedModel) -> str | None:
    """What goes wrong on a short input; None if nothing does."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(model.shape.d_vocab, (1, sum(TRIAL)), generator=generator)
    with model.reading(_Unread()):
        whole = model.read(tokens).float()
        try:
            cache = whole_cache(model)
            outputs = [model.read(part, cache=cache).float() for part in tokens.split(TRIAL, dim=1)]
        except FAILURES as error:
            return f"it does not run on a cache: {error}"
    difference = float(((torch.cat(outputs, dim=1) - whole).norm(dim=-1) / whole.norm(dim=-1)).max())
    if not difference <= TOLERANCES.get(model.dtype, 1e-4):
        return f"its cache changes what it computes by {difference:.2g}"
    return None


class _Unread:
    """A reader that wants nothing."""

    def read(self, call: AttentionCall) -> None:
        """Take nothing."""

"""The streaming engine: exact attention entries out of a fused forward pass, without attention maps.

transformers lets a model run on an attention function of our own. Ours computes the model's output with a fused
kernel that also returns the logarithm of every softmax denominator, and shows the call to whoever reads. The attention
that a query gives to one key is then exp(scaled score - that logarithm): one dot product, so a detector that asks for a
few keys per query costs O(length). Where whole rows are wanted, the output is made from blocks of rows, which readers
look at while they exist; no (length × length) map ever does. What can be read is in calls.py and blocks.Block. The
function's own return value is z, the output of every head before W_O: an editor may change it.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from probes.calls import StreamedCall
from probes.errors import UnsupportedModelError
from probes.kernels import Visit, attend, attend_visited
from probes.masks import Mask, describe_mask, split_mask
from probes.scoring import Scoring
from probes.shapes import HeadOutputs, Keys, Queries, Values

IMPLEMENTATION = "headatlas_streaming"
"""Name under which transformers knows our functions; it must not contain "flash"."""


@runtime_checkable
class Reader(Protocol):
    """Something that wants to see every attention call of a forward pass."""

    def read(self, call: StreamedCall) -> None:
        """Take what is wanted from one call; the tensors must not be kept."""


@runtime_checkable
class BlockReader(Reader, Protocol):
    """A reader that may want to look at the blocks of every map while they are made, before it reads the call."""

    @property
    def visit(self) -> Visit | None:
        """Looks at a block; None if this reader does without."""


@runtime_checkable
class Editor(Protocol):
    """Something that changes z, the head outputs before W_O, while a model runs."""

    def edit(self, call: StreamedCall) -> HeadOutputs:
        """New z of one call, shape (batch, head, query_pos, d_value); the call's own tensor must not be changed."""


_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)
_editor: ContextVar[Editor | None] = ContextVar("editor", default=None)


def streaming_attention(
    module: nn.Module,
    query: Queries,
    key: Keys,
    value: Values,
    attention_mask: Mask | Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    sinks: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Our attention function for transformers: the layer's output, and the call shown to editor and reader.

    Other arguments that layers give do not change the result.

    Args:
        module: The attention module that calls.
        query: Shape (batch, head, query_pos, d_head), after rotation and norms.
        key: Shape (batch, kv_head, key_pos, d_head), not repeated.
        value: Shape (batch, kv_head, key_pos, d_value).
        attention_mask: What describe_mask returned, or a boolean or additive tensor (batch, 1 or head, query_pos,
            key_pos).
        scaling: Factor on the scores; 1 / sqrt(d_head) if left out.
        dropout: Not supported; must be 0.
        softcap: Scores become softcap * tanh(score / softcap).
        s_aux: One learned sink logit a head, which takes part in the softmax and has no value.
        is_causal: Whether plain attention without a mask is causal; the module's own setting if left out.
        position_bias: Added to the scores, of a shape that broadcasts to (batch, head, query_pos, key_pos).
        sinks: One such logit a head and query, shape (batch, head, query_pos, 1).

    Returns:
        Output of shape (batch, query_pos, head, d_value), and None in place of a map.

    Raises:
        UnsupportedModelError: the layer asks for something that would change the map and that we do not compute.
    """
    if dropout:
        raise UnsupportedModelError("attention dropout is on; call model.eval() before probing")
    mask, shift = split_mask(attention_mask) if isinstance(attention_mask, Tensor) else (attention_mask, None)
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    scale = scaling if scaling is not None else 1 / math.sqrt(query.shape[-1])
    causal = bool(causal) and query.shape[2] > 1
    n_before = key.shape[2] - query.shape[2] if mask is None and causal else 0
    bias = _sum_of_biases([position_bias, shift], (query.shape[2], key.shape[2]))
    scoring = Scoring(mask, causal, scale, softcap, _sink(s_aux, sinks, query.shape[2]), n_before, bias)
    reader = _reader.get()
    visit = reader.visit if isinstance(reader, BlockReader) else None
    parts = (query, key, value, scoring)
    output, log_sum_exp = attend(*parts) if visit is None else (attend_visited(*parts, visit), None)
    layer = getattr(module, "layer_idx", None)
    call = _edited(StreamedCall(-1 if layer is None else layer, *parts, log_sum_exp, output))
    if reader is not None:
        reader.read(call)
    return call.output.transpose(1, 2).contiguous(), None


def _sink(s_aux: Tensor | None, sinks: Tensor | None, n_queries: int) -> Tensor | None:
    """Learned sink logits of every head and query, in whichever way a layer gives them; None if it has none."""
    if s_aux is None:
        return None if sinks is None else sinks[..., 0]
    if sinks is not None:
        raise UnsupportedModelError("a layer with sink logits of two kinds is not supported")
    return s_aux[None, :, None].expand(-1, -1, n_queries)


def _sum_of_biases(biases: Sequence[Tensor | None], sizes: tuple[int, int]) -> Tensor | None:
    """What is added to the scores in all, with as many queries and keys as the map; None if nothing is."""
    present = [bias for bias in biases if bias is not None]
    of_keys = [bias[..., : sizes[1]] for bias in present]  # a cache may have room for more keys than there are
    return functools.reduce(torch.add, of_keys).expand(-1, -1, *sizes) if present else None


def _edited(call: StreamedCall) -> StreamedCall:
    editor = _editor.get()
    return call if editor is None else replace(call, output=editor.edit(call))


@contextmanager
def attention_implementation(model: PreTrainedModel, name: str) -> Iterator[None]:
    """Let a model run on another attention implementation for the length of a with block; one thread at a time.

    Args:
        model: A transformers model.
        name: Such as "eager" or our own IMPLEMENTATION.

    Yields:
        Nothing.
    """
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextmanager
def reading(model: PreTrainedModel, reader: Reader) -> Iterator[None]:
    """Show every attention call of a model to a reader for the length of a with block.

    Args:
        model: A transformers model.
        reader: Sees one StreamedCall a layer and forward pass.

    Yields:
        Nothing; run the model inside.
    """
    with _set(model, _reader, reader), torch.no_grad():
        yield


@contextmanager
def editing(model: PreTrainedModel, editor: Editor) -> Iterator[None]:
    """Let an editor change the head outputs of a model for the length of a with block; gradients flow.

    Args:
        model: A transformers model.
        editor: Is asked once a layer and forward pass.

    Yields:
        Nothing; run the model inside.
    """
    with _set(model, _editor, editor):
        yield


def is_edited() -> bool:
    """Whether an editor changes the head outputs of models that are run now."""
    return _editor.get() is not None


@contextmanager
def _set(model: PreTrainedModel, variable: ContextVar[Any], value: Any) -> Iterator[None]:
    register()
    number_layers(model)
    token = variable.set(value)
    try:
        with attention_implementation(model, IMPLEMENTATION):
            yield
    finally:
        variable.reset(token)


def number_layers(model: nn.Module) -> None:
    """Tell attention modules without a layer_idx the number of their layer, where their name holds exactly one.

    Args:
        model: A transformers model; modules that know their layer, or that several layers share, stay as they are.
    """
    for name, module in model.named_modules():
        numbers = [part for part in name.split(".") if part.isdecimal()]
        if "Attention" in type(module).__name__ and len(numbers) == 1 and getattr(module, "layer_idx", None) is None:
            module.layer_idx = int(numbers[0])


def register() -> None:
    """Make our attention and mask functions known to transformers; calling it again changes nothing."""
    AttentionInterface.register(IMPLEMENTATION, streaming_attention)
    AttentionMaskInterface.register(IMPLEMENTATION, describe_mask)

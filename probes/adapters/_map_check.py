"""A model outside the attention interface proves on load that it computes with the maps that its modules hand out."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from probes.adapters._self_check import (
    compare_outputs,
    context_length,
    refuse_no_numbers,
    short_inputs,
    softmax_layers,
)
from probes.adapters.base import backbone
from probes.adapters.shape import ModelShape
from probes.calls import check_layer
from probes.errors import OutsideInterfaceError, SelfCheckError, UnsupportedModelError
from probes.mapped_calls import MappedCall
from probes.module_hooks import ROUNDING, MapSource, find_map_sources, reading_maps
from probes.shapes import AttentionPattern

KV_HEADS = ("num_kv_heads", "num_key_value_heads")
D_HEAD = ("head_dim", "attention_head_size")
"""What attention modules call their own sizes."""


class MapKeeper:
    """The maps of a short input by layer."""

    def __init__(self) -> None:
        self.maps: dict[int, AttentionPattern] = {}

    def read(self, call: MappedCall) -> None:
        """Keep one layer's map."""
        check_layer(call, seen=self.maps)
        self.maps[call.layer] = call.pattern.cpu()


def check(model: PreTrainedModel, reason: OutsideInterfaceError) -> tuple[ModelShape, tuple[MapSource, ...]]:
    """Sizes of a model and where its maps come out.

    Args:
        model: A transformers decoder or encoder in evaluation mode.
        reason: Why it is not streamed.

    Returns:
        The sizes, and one source a layer with softmax attention.

    Raises:
        UnsupportedModelError: no module hands out maps, or layers differ in their heads.
        SelfCheckError: eager attention, whose maps are read, is not what the model computes, or a map is none.
    """
    whole, padded = short_inputs(model)
    try:
        sources = find_map_sources(model, backbone(model), whole, softmax_layers(model))
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{reason}; {error}") from error
    for inputs in (whole, padded):
        maps = _check_on(model, inputs, sources)
    sizes = {pattern.shape[1] for pattern in maps.values()}
    if len(sizes) > 1:
        raise UnsupportedModelError(
            f"{type(model).__name__}: layers differ in their number of heads; not supported yet"
        )
    return _shape(model, sources, maps, n_heads=sizes.pop()), sources


def _check_on(
    model: PreTrainedModel, inputs: dict[str, Tensor], sources: tuple[MapSource, ...]
) -> dict[int, AttentionPattern]:
    """Check the maps of one input, and that reading them changes no output; rows of padding are handed back as 0."""
    keeper = MapKeeper()
    layers = backbone(model)
    with torch.no_grad():
        theirs: Tensor = layers(**inputs).last_hidden_state
    with reading_maps(model, layers, sources, keeper):
        ours: Tensor = layers(**inputs).last_hidden_state
    refuse_no_numbers(model, theirs[inputs["attention_mask"].bool()])
    is_real, tolerance = inputs["attention_mask"].bool().cpu(), ROUNDING.get(theirs.dtype, 1e-4)
    for layer, pattern in keeper.maps.items():
        _check_map(f"{type(model).__name__} layer {layer}", pattern, is_real, tolerance)
    compare_outputs(ours.float().cpu(), theirs.float().cpu(), is_real, tolerance)
    return {layer: pattern * is_real[:, None, :, None] for layer, pattern in keeper.maps.items()}


def _check_map(where: str, pattern: AttentionPattern, is_real: Tensor, tolerance: float) -> None:
    """Rows of real tokens sum to one, and none of it goes to padding."""
    rows, padding = is_real[:, None, :], ~is_real[:, None, None, :]
    off_one = float(((pattern.sum(-1) - 1) * rows).abs().max())
    to_padding = float((pattern * padding).sum(-1).mul(rows).abs().max())
    if not max(off_one, to_padding) <= tolerance:
        raise SelfCheckError(
            f"{where}: rows of attention sum to one only within {off_one:.2g}, and {to_padding:.2g} goes to padding"
        )


def _shape(
    model: PreTrainedModel, sources: tuple[MapSource, ...], maps: dict[int, AttentionPattern], n_heads: int
) -> ModelShape:
    config = model.config.get_text_config()
    module = sources[0].module
    return ModelShape(
        n_layers=config.num_hidden_layers,
        n_heads=n_heads,
        n_key_value_heads=_own_size(module, KV_HEADS, n_heads),
        d_model=config.hidden_size,
        d_head=_own_size(module, D_HEAD, config.hidden_size // n_heads),
        d_vocab=config.vocab_size,
        n_ctx=context_length(model),
        is_causal=all(float(pattern.triu(1).max()) == 0 for pattern in maps.values()),
        attention_layers=tuple(source.layer for source in sources),
    )


def _own_size(module: torch.nn.Module, names: tuple[str, ...], otherwise: int) -> int:
    """A size that an attention module knows of itself."""
    return next((int(getattr(module, name)) for name in names if getattr(module, name, None)), otherwise)

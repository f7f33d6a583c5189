"""A model proves on load that the streaming engine reads its attention rightly."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedModel

from probes.adapters._failures import first_line
from probes.adapters.base import backbone
from probes.adapters.shape import ModelShape
from probes.attention import attention_implementation, reading
from probes.blocks import Block
from probes.calls import StreamedCall, check_layer
from probes.errors import OutsideInterfaceError, ProbeError, SelfCheckError, UnsupportedModelError
from probes.shapes import AttentionPattern

LENGTH = 12
"""Positions of the inputs that the check reads."""

SOFTMAX_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""What configurations call layers with softmax attention; layers of other kinds have no such heads."""

TOLERANCES = {torch.bfloat16: 2e-2, torch.float16: 5e-3}
"""Largest difference from eager attention by number format, where scores are small; 1e-4 otherwise."""


class PatternReader:
    """Whole attention patterns of a short input, put together from the blocks that read-outs look at."""

    def __init__(self) -> None:
        self.patterns: dict[int, AttentionPattern] = {}
        self.calls: list[StreamedCall] = []
        self.largest_log_sum = 0.0
        """Largest logarithm of a softmax denominator in nats, as an absolute value."""

        self._rows: list[AttentionPattern] = []

    @property
    def is_causal(self) -> bool:
        """Whether no query attends to a later key."""
        return all(float(pattern.triu(1).max()) == 0 for pattern in self.patterns.values())

    def visit(self, block: Block) -> None:
        """Keep the rows of a block, which is small.

        Args:
            block: Some rows of a layer's map.
        """
        self._rows.append(pad(block.pattern, (block.first_key, 0)).cpu())
        log_sum_exp = block.rows.log_sum_exp
        finite = log_sum_exp[log_sum_exp.isfinite()]
        self.largest_log_sum = max(self.largest_log_sum, float(finite.abs().max()) if len(finite) else 0.0)

    def read(self, call: StreamedCall) -> None:
        """Put the rows of a layer together.

        Args:
            call: Its attention call.

        Raises:
            UnsupportedModelError: the layer has no number, or calls attention twice.
        """
        check_layer(call, seen=self.patterns)
        n_keys = call.key.shape[2]
        rows = [pad(part, (0, n_keys - part.shape[-1])) for part in self._rows]
        self.patterns[call.layer] = torch.cat(rows, dim=2)
        self._rows = []
        self.calls.append(call)


def check(model: PreTrainedModel) -> ModelShape:
    """Sizes of a model whose streamed attention equals its eager attention maps, with and without padding.

    Args:
        model: A transformers decoder or encoder in evaluation mode.

    Returns:
        The sizes, read off its attention calls.

    Raises:
        OutsideInterfaceError: a layer does not call the attention interface, or in a way that we do not compute.
        UnsupportedModelError: layers differ in their heads, or the model computes no numbers.
        SelfCheckError: streamed and eager attention disagree, or rows do not sum to one.
    """
    config = model.config.get_text_config()
    _refuse_no_interface(model, config.num_hidden_layers)
    for inputs in short_inputs(model):
        reader = _check_on(model, inputs, config.num_hidden_layers)
    call = reader.calls[0]
    return ModelShape(
        n_layers=config.num_hidden_layers,
        n_heads=call.query.shape[1],
        n_key_value_heads=call.key.shape[1],
        d_model=config.hidden_size,
        d_head=call.query.shape[3],
        d_vocab=config.vocab_size,
        n_ctx=context_length(model),
        is_causal=reader.is_causal,
        attention_layers=tuple(sorted(reader.patterns)),
    )


def context_length(model: PreTrainedModel) -> int | None:
    """Most positions that a model is made for; None where its configuration does not say."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


def short_inputs(model: PreTrainedModel) -> list[dict[str, Tensor]]:
    """What the check reads: random tokens, then the same with one position of padding.

    Args:
        model: The model.

    Returns:
        Arguments of the model, on its device.
    """
    generator = torch.Generator().manual_seed(0)
    length = min(LENGTH, context_length(model) or LENGTH)
    tokens = torch.randint(model.config.get_text_config().vocab_size, (2, length), generator=generator)
    whole = torch.ones_like(tokens)
    padded = whole.clone()
    padded[1, 0] = 0
    device = model.get_input_embeddings().weight.device
    return [{"input_ids": tokens.to(device), "attention_mask": mask.to(device)} for mask in (whole, padded)]


def _check_on(model: PreTrainedModel, inputs: dict[str, Tensor], n_layers: int) -> PatternReader:
    """Compare both ways on one input; what was streamed is handed back for its sizes."""
    reader = PatternReader()
    with reading(model, reader):
        streamed = _streamed(model, inputs)
    _refuse_missing_layers(model, reader, n_layers)
    with attention_implementation(model, "eager"), torch.no_grad():
        output = backbone(model)(**inputs, output_attentions=True)
    is_real = inputs["attention_mask"].bool()
    refuse_no_numbers(model, output.last_hidden_state[is_real])
    is_real = is_real.cpu()
    for call, pattern in zip(reader.calls, _maps_of_calls(output.attentions, reader.calls), strict=True):
        _compare(model, call, reader, pattern.float().cpu(), is_real)
    compare_outputs(streamed, output.last_hidden_state.float().cpu(), is_real, _tolerance(reader))
    return reader


def refuse_no_numbers(model: PreTrainedModel, residual: Tensor) -> None:
    """Refuse a model whose output or logits are not finite.

    Args:
        model: The model.
        residual: What its layers gave at real tokens, shape (row, d_model).

    Raises:
        UnsupportedModelError: some values are not numbers.
    """
    head = model.get_output_embeddings()
    with torch.no_grad():
        fits = head is not None and head.weight.shape[-1] == residual.shape[-1]  # some have a layer in between
        logits = head(residual[-1:]) if fits else residual
    for name, values in (("output", residual), ("logits", logits)):
        if not values.isfinite().all():
            raise UnsupportedModelError(
                f"{type(model).__name__}: {name} with values that are not numbers; the weights are damaged, or "
                f"{str(residual.dtype).removeprefix('torch.')} is too narrow for them: try float32 or bfloat16"
            )


def _streamed(model: PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
    """What the layers give on our attention function, shape (batch, pos, d_model)."""
    try:
        states: Tensor = backbone(model)(**inputs).last_hidden_state
    except UnsupportedModelError as error:
        raise OutsideInterfaceError(str(error)) from error
    except (ProbeError, torch.OutOfMemoryError):
        raise
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        kind = type(model).__name__
        raise OutsideInterfaceError(f"{kind} does not run on our attention function: {first_line(error)}") from error
    return states.float().cpu()


def _maps_of_calls(maps: Sequence[Tensor | None], calls: Sequence[StreamedCall]) -> list[Tensor]:
    """The map of every call; layers of another kind may hand out something too, where a map would stand."""
    present = [pattern for pattern in maps if pattern is not None]
    return [present[call.layer] for call in calls] if len(present) > len(calls) else present


def _refuse_missing_layers(model: PreTrainedModel, reader: PatternReader, n_layers: int) -> None:
    sizes = {(call.query.shape[1], call.key.shape[1]) for call in reader.calls}
    if len(sizes) > 1:
        raise UnsupportedModelError(
            f"{type(model).__name__}: layers differ in their number of heads; not supported yet"
        )
    missing = sorted(set(softmax_layers(model)) - reader.patterns.keys()) or ([] if reader.patterns else [0])
    if missing:
        raise _outside(model, missing, n_layers)


def softmax_layers(model: PreTrainedModel) -> tuple[int, ...]:
    """Layers that have softmax attention, as far as the configuration says; all where it says nothing.

    Args:
        model: The model.

    Returns:
        Their numbers.
    """
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    return tuple(layer for layer, kind in enumerate(kinds) if kind in SOFTMAX_LAYERS)


def _refuse_no_interface(model: PreTrainedModel, n_layers: int) -> None:
    """Refuse a model of which transformers itself says so; asking it to switch would only print a warning."""
    if not model._can_set_attn_implementation():
        raise _outside(model, list(range(n_layers)), n_layers)


def _outside(model: PreTrainedModel, missing: Sequence[int], n_layers: int) -> OutsideInterfaceError:
    return OutsideInterfaceError(
        f"{type(model).__name__}: {_layer_name(model, missing[0])} does not call the attention interface of "
        f"transformers ({len(missing)} of {n_layers} layers do not), so its heads cannot be read"
    )


def _layer_name(model: PreTrainedModel, layer: int) -> str:
    modules = [(name, module) for name, module in model.named_modules() if name]
    numbered = [(name, module) for name, module in modules if getattr(module, "layer_idx", None) == layer]
    inside = [(name, module) for name, module in modules if re.search(rf"\.{layer}\.[^.]*att[^.]*$", name)]
    for name, module in numbered + inside:
        return f"layer {layer} ({name}, {type(module).__name__})"
    return f"layer {layer}"


def _tolerance(reader: PatternReader) -> float:
    """What rounding may do: scores of a hundred nats are rounded a hundred times as coarsely as those of one."""
    dtype = reader.calls[0].query.dtype
    return TOLERANCES.get(dtype, 1e-4) + 4 * torch.finfo(dtype).eps * reader.largest_log_sum


def _compare(
    model: PreTrainedModel, call: StreamedCall, reader: PatternReader, eager: AttentionPattern, is_real: Tensor
) -> None:
    where = f"{type(model).__name__} layer {call.layer}"
    rows, streamed = is_real[:, None, :, None], reader.patterns[call.layer]
    if streamed.shape != eager.shape:
        raise UnsupportedModelError(f"{where} has {eager.shape[1]} heads in its map, but {streamed.shape[1]} queries")
    tolerance = _tolerance(reader)
    difference = float(((streamed - eager) * rows).abs().max())
    if not difference <= tolerance:
        raise SelfCheckError(f"{where}: streamed attention differs from eager maps by {difference:.2g}")
    off_one = float(((streamed.sum(-1, keepdim=True) - 1) * rows).abs().max())
    if call.scoring.sink is None and not off_one <= 4 * tolerance:
        raise SelfCheckError(f"{where}: rows of attention sum to one only within {off_one:.2g}")


def compare_outputs(ours: Tensor, theirs: Tensor, is_real: Tensor, tolerance: float) -> None:
    """Refuse to read a model in a way that changes what it computes.

    Args:
        ours: What its layers gave while they were read, shape (batch, pos, d_model).
        theirs: What they give otherwise.
        is_real: False at padding, shape (batch, pos).
        tolerance: What rounding may do to attention; outputs may differ by 100 times as much of their largest value.

    Raises:
        SelfCheckError: they differ.
    """
    scale = float(theirs.abs().max().clamp(min=1))
    difference = float(((ours - theirs) * is_real[:, :, None]).abs().max())
    if not difference <= 100 * tolerance * scale:
        raise SelfCheckError(f"reading the model's attention changes its output by {difference:.2g}")

"""Where each architecture keeps its query, key, value and output projections; told by the names of the modules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, nn

from probes.adapters.shape import ModelShape
from probes.errors import UnsupportedModelError

Linear: TypeAlias = tuple[Tensor, Tensor | None]
"""Matrix of row vectors, (d_in, d_out), and bias."""

OUTPUT_NAMES = ("o_proj", "out_proj", "dense")

A_GATE = "a gate as well, which acts on what the heads give before the output projection; no matrix stands for that"

NO_MATRIX = {
    "gate_proj": f"holds {A_GATE}",
    "attn_sub_norm": "norms what the heads give before the output projection; no matrix stands for that",
    "v_norm": "norms its values; no matrix stands for that",
    "kv_a_layernorm": "reads keys and values through a narrow latent with a norm in it; no matrix stands for that",
    "experts": "chooses experts for its queries and outputs by token; no matrix stands for that",
}
"""Modules that make an attention more than matrices, and what they do."""


@dataclass(frozen=True)
class Projections:
    """Projections of one attention module as matrices of row vectors, (d_in, d_out), with their biases."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear


def projections(attention: nn.Module, shape: ModelShape) -> Projections:
    """Projections of an attention module.

    Args:
        attention: The module.
        shape: Sizes of the model.

    Returns:
        The projections, all heads side by side.

    Raises:
        UnsupportedModelError: the module names its projections in a way we do not know, or holds more than matrices.
    """
    for name, reason in NO_MATRIX.items():
        if getattr(attention, name, None) is not None:
            raise UnsupportedModelError(f"{type(attention).__name__} {reason}")
    for names, layout in LAYOUTS.items():
        if all(hasattr(attention, name) for name in names):
            return layout(attention, shape)
    raise UnsupportedModelError(
        f"{type(attention).__name__}: its projections have names that are not known yet, so its weights cannot be told "
        "apart by head; detectors that read attention alone still work"
    )


def has_projections(module: nn.Module) -> bool:
    """Whether a module names its parts as one of the attention modules that we know."""
    return any(all(hasattr(module, name) for name in names) for names in LAYOUTS)


def _linear(module: Any) -> Linear:
    """Matrix and bias of a linear layer as torch keeps it."""
    return module.weight.detach().T, None if module.bias is None else module.bias.detach()


def _conv1d(module: Any) -> Linear:
    """Matrix and bias of a linear layer as GPT-2 keeps it."""
    return module.weight.detach(), None if module.bias is None else module.bias.detach()


def _output(attention: Any) -> Linear:
    """The output projection, by whatever name."""
    name = next((name for name in OUTPUT_NAMES if hasattr(attention, name)), None)
    if name is None:
        raise UnsupportedModelError(f"{type(attention).__name__} has no output projection with a known name")
    return _linear(getattr(attention, name))


def _separate(attention: Any, shape: ModelShape) -> Projections:
    """Llama, Mistral, Qwen, Gemma, Phi, OPT and most others: one module each."""
    query, key, value = map(_linear, (attention.q_proj, attention.k_proj, attention.v_proj))
    if query[0].shape[1] != shape.n_heads * shape.d_head:
        raise UnsupportedModelError(f"{type(attention).__name__}: its query projection holds {A_GATE}")
    return Projections(query, _times(key, getattr(attention, "key_multiplier", 1.0)), value, _output(attention))


def _ctrl(attention: Any, _: ModelShape) -> Projections:
    """CTRL: one module each, under names of its own."""
    return Projections(_linear(attention.Wq), _linear(attention.Wk), _linear(attention.Wv), _output(attention))


def _gpt2(attention: Any, shape: ModelShape) -> Projections:
    """GPT-2 and GPTBigCode: query, key and value in one module; in Conv1D side by side, else as multi_query says."""
    if not isinstance(attention.c_attn, nn.Linear):
        width = shape.n_heads * shape.d_head
        return Projections(*_side_by_side(_conv1d(attention.c_attn), [width] * 3), _conv1d(attention.c_proj))
    output = _linear(attention.c_proj)
    if attention.multi_query:
        return Projections(*_side_by_side(_linear(attention.c_attn), _widths(shape)), output)
    return Projections(*_in_turn(_linear(attention.c_attn), shape), output)


def _gpt_neox(attention: Any, shape: ModelShape) -> Projections:
    """GPT-NeoX and Pythia: query, key and value of each head in turn."""
    return Projections(*_in_turn(_linear(attention.query_key_value), shape), _output(attention))


def _phi3(attention: Any, shape: ModelShape) -> Projections:
    """Phi-3 and GLM: queries of all heads, then keys, then values, in one module."""
    return Projections(*_side_by_side(_linear(attention.qkv_proj), _widths(shape)), _output(attention))


def _widths(shape: ModelShape) -> list[int]:
    """Columns of queries, keys and values."""
    return [n * shape.d_head for n in (shape.n_heads, shape.n_key_value_heads, shape.n_key_value_heads)]


def _side_by_side(fused: Linear, widths: list[int]) -> tuple[Linear, Linear, Linear]:
    """Queries of all heads, then keys, then values."""
    weight, bias = fused
    biases: Any = (None,) * 3 if bias is None else bias.split(widths)
    query, key, value = zip(weight.split(widths, dim=1), biases, strict=True)
    return query, key, value


def _in_turn(fused: Linear, shape: ModelShape) -> tuple[Linear, Linear, Linear]:
    """Query, key and value of the first head, then of the next."""
    weight, bias = fused
    weights = weight.unflatten(1, (shape.n_heads, 3, -1)).unbind(2)
    biases: Any = (None,) * 3 if bias is None else bias.unflatten(0, (shape.n_heads, 3, -1)).unbind(1)
    parts = ((w.flatten(1), None if b is None else b.flatten()) for w, b in zip(weights, biases, strict=True))
    query, key, value = parts
    return query, key, value


def _times(linear: Linear, factor: float) -> Linear:
    """A linear layer whose output the model multiplies."""
    weight, bias = linear
    return linear if factor == 1.0 else (weight * factor, None if bias is None else bias * factor)


LAYOUTS: dict[tuple[str, ...], Callable[[Any, ModelShape], Projections]] = {
    ("q_proj", "k_proj", "v_proj"): _separate,
    ("Wq", "Wk", "Wv"): _ctrl,
    ("c_attn", "c_proj"): _gpt2,
    ("query_key_value", "dense"): _gpt_neox,
    ("qkv_proj", "o_proj"): _phi3,
}
"""By the names that an attention module must have; what they give is checked against the module's own output."""

"""Where each architecture keeps its query, key, value and output projections; told by the names of the modules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from probes.adapters.shape import ModelShape
from probes.errors import UnsupportedModelError

OUTPUT_NAMES = ("o_proj", "out_proj", "dense")


@dataclass(frozen=True)
class Projections:
    """Projections of one attention module as matrices of row vectors, (d_in, d_out), with their biases."""

    query: tuple[Tensor, Tensor | None]
    key: tuple[Tensor, Tensor | None]
    value: tuple[Tensor, Tensor | None]
    output: tuple[Tensor, Tensor | None]


def projections(attention: nn.Module, shape: ModelShape) -> Projections:
    """Projections of an attention module.

    Args:
        attention: The module.
        shape: Sizes of the model.

    Returns:
        The projections, all heads side by side.

    Raises:
        UnsupportedModelError: the module names its projections in a way we do not know.
    """
    for names, layout in LAYOUTS.items():
        if all(hasattr(attention, name) for name in names):
            return layout(attention, shape)
    raise UnsupportedModelError(
        f"{type(attention).__name__}: its projections have names that are not known yet, so its weights cannot be told "
        "apart by head; detectors that read attention alone still work"
    )


def _linear(module: Any) -> tuple[Tensor, Tensor | None]:
    """Matrix and bias of a linear layer as torch keeps it."""
    return module.weight.detach().T, None if module.bias is None else module.bias.detach()


def _conv1d(module: Any) -> tuple[Tensor, Tensor | None]:
    """Matrix and bias of a linear layer as GPT-2 keeps it."""
    return module.weight.detach(), module.bias.detach()


def _separate(attention: Any, _: ModelShape) -> Projections:
    """Llama, Mistral, Qwen, Gemma, Phi, OPT and most others: one module each."""
    output = next((name for name in OUTPUT_NAMES if hasattr(attention, name)), None)
    if output is None:
        raise UnsupportedModelError(f"{type(attention).__name__} has no output projection with a known name")
    parts = (attention.q_proj, attention.k_proj, attention.v_proj, getattr(attention, output))
    return Projections(*map(_linear, parts))


def _gpt2(attention: Any, _: ModelShape) -> Projections:
    """GPT-2: query, key and value side by side in one Conv1D."""
    weight, bias = _conv1d(attention.c_attn)
    width = weight.shape[1] // 3
    biases: Any = (None,) * 3 if bias is None else bias.split(width)
    query, key, value = zip(weight.split(width, dim=1), biases, strict=True)
    return Projections(query, key, value, _conv1d(attention.c_proj))


def _gpt_neox(attention: Any, shape: ModelShape) -> Projections:
    """GPT-NeoX and Pythia: query, key and value of each head in turn."""
    weight, bias = _linear(attention.query_key_value)
    weights = weight.unflatten(1, (shape.n_heads, 3, -1)).unbind(2)
    biases: Any = (None,) * 3 if bias is None else bias.unflatten(0, (shape.n_heads, 3, -1)).unbind(1)
    query, key, value = (
        (w.flatten(1), None if b is None else b.flatten()) for w, b in zip(weights, biases, strict=True)
    )
    return Projections(query, key, value, _linear(attention.dense))


def _phi3(attention: Any, shape: ModelShape) -> Projections:
    """Phi-3 and GLM: queries of all heads, then keys, then values, in one module."""
    weight, bias = _linear(attention.qkv_proj)
    widths = [n * shape.d_head for n in (shape.n_heads, shape.n_key_value_heads, shape.n_key_value_heads)]
    biases: Any = (None,) * 3 if bias is None else bias.split(widths)
    query, key, value = zip(weight.split(widths, dim=1), biases, strict=True)
    return Projections(query, key, value, _linear(attention.o_proj))


LAYOUTS: dict[tuple[str, ...], Callable[[Any, ModelShape], Projections]] = {
    ("q_proj", "k_proj", "v_proj"): _separate,
    ("c_attn", "c_proj"): _gpt2,
    ("query_key_value", "dense"): _gpt_neox,
    ("qkv_proj", "o_proj"): _phi3,
}
"""By the names that an attention module must have; what they give is checked against the module's own output."""

"""Source vectors: what stands for a token in front of a head, without running the model on text.

The first layer gets the bare embedding row, every later one what the first block's MLP makes of that row. Norms in
front of heads and of the unembedding may be folded in; their scale never is, for it moves no rank.

Source: elhelo-2024-maps.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.effective_embedding import TOKENS_AT_ONCE, effective_embedding
from probes.errors import BadInputError, UnsupportedModelError
from probes.weights import HeadWeights

Rows = Literal["first_mlp", "raw"]
"""What stands in front of layers from the second one on: output of the first MLP, or the bare embedding row."""


@dataclass(frozen=True)
class MapOptions:
    """How the map of a head is read; the defaults are the published ones."""

    rows: Rows = "first_mlp"
    is_residual_added: bool = False
    """Add the bare row to the output of the first MLP."""

    are_norms_folded: bool = False
    """Fold in gain and centring of the norms in front of the attention, behind it, and before the unembedding."""

    def __post_init__(self) -> None:
        if self.rows == "raw" and self.is_residual_added:
            raise BadInputError("raw rows are the residual stream already; leave the residual out, or take first_mlp")


@dataclass(frozen=True)
class SourceVectors:
    """Vectors of some tokens in front of the heads."""

    first: Float[Tensor, "token d_model"]
    """In front of the first layer."""

    later: Float[Tensor, "token d_model"]
    """In front of all others."""

    def before(self, layer: int) -> Float[Tensor, "token d_model"]:
        """Vectors in front of a layer."""
        return self.first if layer == 0 else self.later


def source_vectors(model: ProbedModel, token_ids: Int[Tensor, " token"], options: MapOptions) -> SourceVectors:
    """Vectors that stand for tokens.

    Args:
        model: The model.
        token_ids: Tokens.
        options: How the map is read.

    Returns:
        In float32, without norms: those belong to the layer that reads them.

    Raises:
        UnsupportedModelError: the first block has no MLP that can be told, or the weights are not in memory.
    """
    refuse_missing_weights(model)
    with torch.no_grad():
        raw = model.module.get_input_embeddings()(token_ids.to(model.device)).float()
    if options.rows == "raw":
        return SourceVectors(raw, raw)
    written = _first_mlp(model, token_ids, raw)
    return SourceVectors(raw, raw + written if options.is_residual_added else written)


def refuse_missing_weights(model: ProbedModel) -> None:
    """Refuse a model with weights that are not in memory.

    Args:
        model: The model.

    Raises:
        UnsupportedModelError: some weights are on the meta device.
    """
    missing = [name for name, parameter in model.module.named_parameters() if parameter.is_meta]
    if missing:
        raise UnsupportedModelError(
            f"{model.record.name}: {len(missing)} weights, such as {missing[0]}, are on the meta device, not in memory "
            "(offloaded to the CPU or the disk?); load the model onto devices that hold it whole"
        )


def _first_mlp(model: ProbedModel, token_ids: Tensor, raw: Tensor) -> Tensor:
    """What the first block adds to bare rows if its attention adds nothing: the output of its MLP."""
    chunks = [part[:, None] for part in raw.split(TOKENS_AT_ONCE)]
    with _fed_with(model, iter(chunks)), _without_attention(model):
        written = effective_embedding(model, token_ids) - raw
    if not written.any():
        raise UnsupportedModelError(
            f"{model.record.architecture}: the MLP of the first block cannot be told from its attention; read raw rows"
        )
    return written


@contextmanager
def _fed_with(model: ProbedModel, rows: Iterator[Tensor]) -> Iterator[None]:
    """Let the first block read these rows, pass by pass, in place of embeddings with positions."""

    def feed(_module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (next(rows).to(args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": next(rows).to(kwargs["hidden_states"])}

    hook = model.weights.first_block.register_forward_pre_hook(feed, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _without_attention(model: ProbedModel) -> Iterator[None]:
    """Let the attention of the first block add nothing, not even its bias."""

    def silence(_module: object, _args: object, output: Any) -> Any:
        if isinstance(output, tuple):
            return torch.zeros_like(output[0]), *output[1:]
        return torch.zeros_like(output)

    block = model.weights.first_block
    numbered = [part for part in block.modules() if part is not block and getattr(part, "layer_idx", None) is not None]
    with ExitStack() as stack:
        for part in numbered:
            stack.callback(part.register_forward_hook(silence).remove)
        yield


def values_of(
    heads: HeadWeights, vectors: Float[Tensor, "token d_model"], options: MapOptions
) -> Float[Tensor, "kv_head token d_value"]:
    """What the value projections of a layer make of source vectors; biases are left out, as in the paper.

    Args:
        heads: Weights of the layer.
        vectors: What stands in front of it.
        options: How the map is read.

    Returns:
        Shape (kv_head, token, d_value).
    """
    vectors = vectors.to(heads.W_V.device)
    if options.are_norms_folded and heads.input_norm is not None:
        vectors = heads.input_norm.linear(vectors, vectors.new_ones(1))
    return vectors @ heads.W_V


def outputs_of(model: ProbedModel, heads: HeadWeights, options: MapOptions) -> Float[Tensor, "head d_value d_model"]:
    """Output projections of a layer as the unembedding reads them.

    Args:
        model: The model.
        heads: Weights of the layer.
        options: How the map is read.

    Returns:
        Shape (head, d_value, d_model), where the unembedding lies.
    """
    W_O = heads.W_O
    if options.are_norms_folded and heads.output_norm is not None:
        W_O = heads.output_norm.linear(W_O, W_O.new_ones(1))
    return as_read(model, W_O, options)


def as_read(
    model: ProbedModel, rows: Float[Tensor, "*rest d_model"], options: MapOptions
) -> Float[Tensor, "*rest d_model"]:
    """Rows of the residual stream as the unembedding reads them, up to a positive factor.

    Args:
        model: The model.
        rows: Any rows.
        options: How the map is read.

    Returns:
        The same shape; the final norm's gain and centring are applied if norms are folded.
    """
    rows = rows.to(model.weights.W_U.device)
    return model.weights.final_norm.linear(rows, rows.new_ones(1)) if options.are_norms_folded else rows

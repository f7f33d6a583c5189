"""Interventions on heads: their outputs z are scaled or replaced while a model runs, in any architecture we read.

with scaled_heads(model, {"L18H6": 0.0}):
    logits = model.module(tokens).logits
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from catalog.ids import HeadName
from probes.adapters.base import ProbedModel
from probes.attention import editing
from probes.calls import StreamedCall
from probes.errors import BadInputError, UnsupportedModelError
from probes.shapes import HeadOutputs

NewOutput = float | Float[Tensor, "*batch d_value"]


class HeadEditor:
    """Applies a change to the outputs of chosen heads."""

    def __init__(self, changes: Mapping[HeadName, NewOutput], *, is_factor: bool) -> None:
        """Prepare.

        Args:
            changes: What each head's output is multiplied with or replaced by.
            is_factor: Multiply rather than replace.
        """
        self._changes = changes
        self._is_factor = is_factor
        self.seen: set[int] = set()

    def edit(self, call: StreamedCall) -> HeadOutputs:
        """Outputs of one layer after the change; other heads stay as they are."""
        self.seen.add(call.layer)
        mine = {name.head: change for name, change in self._changes.items() if name.layer == call.layer}
        output = call.output.clone() if mine else call.output
        for head, change in mine.items():
            value = torch.as_tensor(change, dtype=output.dtype, device=output.device)
            output[:, head] = output[:, head] * value if self._is_factor else value
        return output


@contextmanager
def scaled_heads(model: ProbedModel, factors: Mapping[HeadName | str, float]) -> Iterator[None]:
    """Multiply the outputs of heads for the length of a with block; 0 ablates, 1 changes nothing.

    Args:
        model: The model.
        factors: Factor of each head, by its name, such as "L18H6".

    Yields:
        Nothing; run the model inside.

    Raises:
        BadInputError: the model has no such head.
        UnsupportedModelError: the model is outside the attention interface, or it ran and the layer of a head never
            called our attention function.
    """
    with _edited(model, factors, is_factor=True):
        yield


@contextmanager
def replaced_heads(
    model: ProbedModel, outputs: Mapping[HeadName | str, Float[Tensor, "*batch d_value"]]
) -> Iterator[None]:
    """Replace the outputs of heads for the length of a with block, such as by their mean over other inputs.

    Args:
        model: The model.
        outputs: New z of each head, shape (d_value,), (query_pos, d_value) or (batch, query_pos, d_value).

    Yields:
        Nothing; run the model inside.

    Raises:
        BadInputError: the model has no such head.
        UnsupportedModelError: the model is outside the attention interface, or it ran and the layer of a head never
            called our attention function.
    """
    with _edited(model, outputs, is_factor=False):
        yield


@contextmanager
def _edited(model: ProbedModel, changes: Mapping[HeadName | str, NewOutput], *, is_factor: bool) -> Iterator[None]:
    if model.map_sources is not None:
        raise UnsupportedModelError(
            f"{model.record.name} does not use the attention interface of transformers: its heads can be read, but not "
            "changed"
        )
    named = {HeadName.parse(name) if isinstance(name, str) else name: change for name, change in changes.items()}
    for name in named:
        if name.layer not in model.shape.attention_layers or name.head >= model.shape.n_heads:
            raise BadInputError(f"{name}: {model.record.name} has no attention head of this name")
    editor = HeadEditor(named, is_factor=is_factor)
    with editing(model.module, editor):
        yield
    unseen = {name.layer for name in named} - editor.seen
    if unseen:
        raise UnsupportedModelError(f"layer {min(unseen)} never called our attention function: nothing was changed")

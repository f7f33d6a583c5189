"""Long inputs, read piece by piece: in every layer each piece attends to the cached keys and values of those before.

The pass still goes through the model once, layer by layer. A layer with softmax attention takes its positions piece by
piece, so that what lies in memory is the residual stream, the keys and values of one layer, and the work of one piece;
a cache of all layers would often take more than that work. Whether a model can be read in this way is decided here, by
trying it on a short input; one that cannot reads inputs of any length at once.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from probes.adapters.base import ProbedModel, backbone
from probes.attention import is_edited
from probes.calls import AttentionCall
from probes.errors import UnsupportedModelError
from probes.masks import Mask

PIECE = 2048
"""Positions of a piece: enough for the kernels; fewer would save little beside the residual stream of a long input."""

TRIAL = (slice(0, 6), slice(6, 12), slice(12, 13))
"""Pieces in which a model is tried; their length is hardly one of its sizes."""

TOLERANCES = {torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""Largest relative difference of an output by number format; 1e-4 otherwise. A lost prefix changes outputs by half."""

FAILURES = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError, UnsupportedModelError)
"""What a layer raises that cannot be called with a piece and a cache."""

CACHES = ("past_key_values", "layer_past")
"""What layers call the cache that they are given."""


def cut(model: ProbedModel, length: int) -> list[slice]:
    """Pieces in which an input is read.

    Args:
        model: The model.
        length: Positions of the input.

    Returns:
        Positions of each piece; a single one for short inputs, and for models that cannot be read in pieces.
    """
    at_once = PIECE if length > PIECE and why_whole(model) is None else length
    return [slice(start, min(start + at_once, length)) for start in range(0, length, at_once)]


def why_whole(model: ProbedModel) -> str | None:
    """Why a model must read inputs of any length at once.

    Args:
        model: The model.

    Returns:
        The reason; None if it can be read in pieces.
    """
    if model.map_sources is not None:
        return "its maps are handed out whole"
    if not model.shape.is_causal:
        return "its queries see later keys"
    if is_edited():
        return "its heads are being changed, which may differ by position"
    return _failure(model)


@contextmanager
def in_pieces(model: ProbedModel, pieces: Sequence[slice], begin: Callable[[int], None]) -> Iterator[None]:
    """Let the layers of a model take their positions piece by piece for the length of a with block.

    Args:
        model: The model.
        pieces: Positions of each piece, as cut gives them.
        begin: Is told the number of a piece before a layer takes it.

    Yields:
        Nothing; run the model inside.
    """
    with ExitStack() as stack:
        for layer in _layers(model) if len(pieces) > 1 else []:
            stack.enter_context(_replaced_forward(layer, _InPieces(layer.forward, pieces, begin)))
        yield


@dataclass(frozen=True)
class _InPieces:
    """What a layer gives for the whole input, computed piece by piece."""

    forward: Callable[..., Any]
    pieces: Sequence[slice]
    begin: Callable[[int], None]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        names = inspect.signature(self.forward).parameters
        given = dict(zip(names, args, strict=False)) | kwargs
        cache = {next((name for name in CACHES if name in names), CACHES[0]): DynamicCache()}
        outputs = []
        for number, piece in enumerate(self.pieces):
            self.begin(number)
            own = {name: _within(piece, value, self.pieces[-1].stop) for name, value in given.items()}
            outputs.append(self.forward(**own | cache))
        if isinstance(outputs[0], Tensor):
            return torch.cat(outputs, dim=1)
        return torch.cat([states for states, *_ in outputs], dim=1), *outputs[-1][1:]


def _within(piece: slice, value: Any, length: int) -> Any:
    """What of an argument belongs to the queries of a piece: states, positions, or a mask."""
    if isinstance(value, Mask):
        return replace(value, query_offset=value.query_offset + piece.start)
    if isinstance(value, tuple):
        return tuple(_within(piece, part, length) for part in value)
    if not isinstance(value, Tensor):
        return value
    if value.shape[2:] == (length, length):
        return value[:, :, piece, : piece.stop]
    axis = next((axis for axis in (1, 0) if value.ndim > axis and value.shape[axis] == length), None)
    return value if axis is None else value.narrow(axis, piece.start, piece.stop - piece.start)


@contextmanager
def _replaced_forward(layer: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    own = vars(layer)
    before = own.get("forward")  # a sharded layer has one of its own
    own["forward"] = forward
    try:
        yield
    finally:
        del own["forward"]
        if before is not None:
            own["forward"] = before


def _layers(model: ProbedModel) -> list[nn.Module]:
    """The layers with softmax attention."""
    lists = [module for module in backbone(model.module).modules() if isinstance(module, nn.ModuleList)]
    layers = next((one for one in lists if len(one) == model.shape.n_layers), None)
    if layers is None:
        raise UnsupportedModelError("its layers are in no list")
    return [layers[number] for number in model.shape.attention_layers]


def _failure(model: ProbedModel) -> str | None:
    """What goes wrong on a short input; None if nothing does."""
    generator, reader = torch.Generator().manual_seed(0), _Unread()
    tokens = torch.randint(model.shape.d_vocab, (1, TRIAL[-1].stop), generator=generator)
    try:
        with model.reading(reader):
            whole = model.read(tokens).float()
            with in_pieces(model, TRIAL, reader.begin):
                joined = model.read(tokens).float()
    except FAILURES as error:
        return f"its layers do not take pieces: {error}"
    difference = float(((joined - whole).norm(dim=-1) / whole.norm(dim=-1)).max())
    if not difference <= TOLERANCES.get(model.dtype, 1e-4):
        return f"pieces change what it computes by {difference:.2g}"
    return None


class _Unread:
    """A reader that wants nothing."""

    def begin(self, number: int) -> None:
        """Pass over a piece."""

    def read(self, call: AttentionCall) -> None:
        """Pass over a call."""

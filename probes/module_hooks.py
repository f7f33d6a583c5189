"""The fallback for models outside the attention interface: hooks on the modules that hand out attention maps.

The model runs eager attention and is asked for its maps. A hook shows each map to the reader as soon as its module
returns it and puts a placeholder in its place, so that the map of one layer is all that ever exists.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from probes.errors import UnsupportedModelError
from probes.kernels import Visit
from probes.mapped_calls import MappedCall

FALLBACK = "fallback: module hooks"
"""What a record says where a model was read this way."""

ROUNDING = {torch.bfloat16: 2e-2, torch.float16: 5e-3}
"""How far from one the rows of a map may sum, by number format; 1e-4 otherwise."""


@dataclass(frozen=True)
class MapSource:
    """Where the map of one layer comes out."""

    layer: int
    module: nn.Module
    place: int
    """Place of the map in what the module returns."""


@runtime_checkable
class MapReader(Protocol):
    """Something that wants to see every map of a forward pass."""

    def read(self, call: MappedCall) -> None:
        """Take what is wanted from one call; the tensors must not be kept."""


class MapFinder:
    """Notes which modules return attention maps, in the order in which they run."""

    def __init__(self) -> None:
        self.found: list[tuple[nn.Module, int]] = []
        self._maps: list[Tensor] = []

    def look(self, module: nn.Module, args: Any, output: Any) -> None:
        """Hook of every module: a tensor seen before was only handed on by the module around."""
        for place, value in enumerate(output) if isinstance(output, tuple | list) else ():
            if _is_map(value) and not any(value is known for known in self._maps):
                self._maps.append(value)
                self.found.append((module, place))


def _is_map(value: Any) -> bool:
    """Whether a tensor looks like attention: (batch, head, pos, pos), rows of positive numbers that sum to one."""
    if not isinstance(value, Tensor) or value.ndim != 4 or value.shape[2] != value.shape[3]:
        return False
    off_one = (value.float().sum(-1) - 1).abs().max()
    return bool((value >= 0).all()) and float(off_one) <= ROUNDING.get(value.dtype, 1e-4)


def find_map_sources(
    model: PreTrainedModel, layers: nn.Module, inputs: Mapping[str, Tensor], attention_layers: tuple[int, ...]
) -> tuple[MapSource, ...]:
    """Which module returns the map of each layer.

    Args:
        model: A transformers model in evaluation mode.
        layers: Its layers, without the language head.
        inputs: A short input without padding.
        attention_layers: Layers that have softmax attention.

    Returns:
        One source a layer, in the order in which they run; a module that several layers share stands there as often.

    Raises:
        UnsupportedModelError: the modules hand out another number of maps.
    """
    finder = MapFinder()
    with ExitStack() as stack:
        stack.enter_context(eager_attention(model))
        for module in layers.modules():
            stack.callback(module.register_forward_hook(finder.look, prepend=True).remove)
        stack.callback(layers.register_forward_pre_hook(_ask_for_maps, with_kwargs=True).remove)
        stack.enter_context(torch.no_grad())
        layers(**inputs)
    n_found, n_wanted = len(finder.found), len(attention_layers)
    if not n_found:
        raise UnsupportedModelError("no module hands out attention maps either")
    if n_found != n_wanted:
        raise UnsupportedModelError(f"its modules hand out {n_found} attention maps for {n_wanted} layers")
    return tuple(MapSource(layer, *at) for layer, at in zip(attention_layers, finder.found, strict=True))


def _ask_for_maps(_: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, kwargs | {"output_attentions": True}


@contextmanager
def eager_attention(model: PreTrainedModel) -> Iterator[None]:
    """Let a model compute attention eagerly, masks and all, even one that cannot be asked to, for a with block.

    Args:
        model: A transformers model outside the attention interface.

    Yields:
        Nothing; run the model inside.
    """
    before = model.config._attn_implementation
    model.config._attn_implementation = "eager"
    try:
        yield
    finally:
        model.config._attn_implementation = before


class _Pass:
    """Hands the maps of one forward pass after the other to a reader, and counts them."""

    def __init__(self, sources: tuple[MapSource, ...], reader: MapReader) -> None:
        self._sources = sources
        self._reader = reader
        self._n_seen = 0
        self._seen: list[Tensor] = []

    def begin(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Count anew, and ask for maps."""
        self._n_seen = 0
        self._seen = []
        return _ask_for_maps(module, args, kwargs)

    def take(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Show a map to the reader; the module then returns a placeholder instead."""
        source = self._sources[self._n_seen] if self._n_seen < len(self._sources) else None
        if source is None or source.module is not module:
            raise UnsupportedModelError(f"{type(module).__name__} ran out of turn, so its layer cannot be told")
        pattern = output[source.place]
        if not isinstance(pattern, Tensor):
            raise UnsupportedModelError(f"layer {source.layer}: {type(module).__name__} handed out no attention map")
        self._show(MappedCall.of(source.layer, pattern, self._seen_in(pattern)))
        self._n_seen += 1
        parts = list(output)
        parts[source.place] = pattern.new_zeros(())
        return type(output)(parts)

    def _seen_in(self, pattern: Tensor) -> Tensor:
        """Which keys queries attend to; one tensor for all layers of a kind."""
        seen = (pattern > 0).any(1, keepdim=True)
        known = next((one for one in self._seen if one.shape == seen.shape and torch.equal(one, seen)), None)
        if known is None:
            self._seen.append(seen)
        return seen if known is None else known

    def _show(self, call: MappedCall) -> None:
        visit: Visit | None = getattr(self._reader, "visit", None)
        if visit is not None:
            for block in call.blocks():
                visit(block)
        self._reader.read(call)

    def end(self, module: nn.Module, args: Any, output: Any) -> None:
        """Refuse a pass in which a hook was never called."""
        if self._n_seen < len(self._sources):
            layer = self._sources[self._n_seen].layer
            raise UnsupportedModelError(f"layer {layer} never handed out its attention map, so nothing was read of it")


@contextmanager
def reading_maps(
    model: PreTrainedModel, layers: nn.Module, sources: tuple[MapSource, ...], reader: MapReader
) -> Iterator[None]:
    """Show the attention map of every layer to a reader for the length of a with block.

    Args:
        model: A transformers model outside the attention interface.
        layers: Its layers, without the language head.
        sources: As find_map_sources gives them.
        reader: Sees one MappedCall a layer and forward pass.

    Yields:
        Nothing; run the model inside.

    Raises:
        UnsupportedModelError: a module handed out no map, or was never called.
    """
    each_pass = _Pass(sources, reader)
    with ExitStack() as stack:
        stack.enter_context(eager_attention(model))
        stack.callback(layers.register_forward_pre_hook(each_pass.begin, with_kwargs=True).remove)
        for module in {source.module: None for source in sources}:
            stack.callback(module.register_forward_hook(each_pass.take, prepend=True).remove)
        stack.callback(layers.register_forward_hook(each_pass.end).remove)
        stack.enter_context(torch.no_grad())
        yield

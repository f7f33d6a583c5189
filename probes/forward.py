"""Forward passes that are read: several read-outs of all layers, for all samples of a batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.blocks import Block
from probes.calls import AttentionCall, check_layer
from probes.errors import NotEnoughMemoryError, UnsupportedModelError
from probes.inputs import TokenBatch
from probes.kernels import Visit
from probes.pieces import cut, in_pieces
from probes.readouts.base import BlockReadOut, Collector, FinalReadOut, LayerReadOut, ReadOut
from probes.readouts.division import of_one_length
from probes.readouts.key_mass import KeyMass
from probes.shapes import Reading

TOKENS_AT_ONCE = 1024
"""Positions in one forward pass; more would only take more memory."""

FEW_KEYS = 32
"""Keys of a query up to which one dot product each is cheaper than blocks of the map."""

OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")
"""What torch says when memory runs out without an error of its own for it."""


class PassReader:
    """What several read-outs take from the layers of one forward pass, or of one piece of a long input.

    From the first layer on there is room for all: small tensors that each layer left behind would come to lie among the
    large ones of the pass, and what is freed between them is too small for the next layer.
    """

    def __init__(self, read_outs: Sequence[LayerReadOut], n_layers: int) -> None:
        """Prepare for one forward pass.

        Args:
            read_outs: What to read.
            n_layers: Layers of the model.
        """
        numbered = dict(enumerate(read_outs))
        self._of_calls = {number: one for number, one in numbered.items() if isinstance(one, ReadOut)}
        of_maps = {number: one for number, one in numbered.items() if isinstance(one, BlockReadOut)}
        self._of_keys = _single_keys(of_maps)
        self._of_blocks = [] if self._of_keys else _collectors(of_maps)
        self._n_layers = n_layers
        self._seen: set[int] = set()
        self._readings: dict[int, Reading] = {}

    @property
    def visit(self) -> Visit | None:
        """Looks at the blocks of a map, if any read-out wants to."""
        return self._visit if self._of_blocks else None

    def _visit(self, block: Block) -> None:
        for _, collector in self._of_blocks:
            collector.take(block)

    def read(self, call: AttentionCall) -> None:
        """Add one layer.

        Args:
            call: Its attention call; its blocks were visited.

        Raises:
            UnsupportedModelError: the layer has no number, calls attention twice, or its attention is not a number.
        """
        check_layer(call, seen=self._seen)
        if not call.is_finite:
            raise UnsupportedModelError(f"layer {call.layer}: attention is not a number; try a wider number format")
        taken = {number: read_out.read(call).cpu() for number, read_out in self._of_calls.items()}
        if self._of_keys:
            masses = KeyMass.read_all(list(self._of_keys.values()), call)
            taken |= {number: mass.cpu() for number, mass in zip(self._of_keys, masses, strict=True)}
        for numbers, collector in self._of_blocks:
            taken |= {number: value.cpu() for number, value in zip(numbers, collector.finish(), strict=True)}
        self._readings = self._readings or {number: self._room(value) for number, value in taken.items()}
        for number, value in taken.items():
            place = self._readings[number][:, call.layer]
            if value.shape != place.shape:
                heads = f"layer {call.layer} has {value.shape[1]} heads, others have {place.shape[1]}"
                raise UnsupportedModelError(f"{heads}; models whose layers differ in that cannot be read")
            place.copy_(value)
        self._seen.add(call.layer)

    def _room(self, value: Tensor) -> Reading:
        """Room for what one read-out takes of all layers, filled with what stands for a layer that never calls."""
        missing = torch.nan if value.is_floating_point() else -1
        return value.new_full((len(value), self._n_layers, *value.shape[1:]), missing)

    def all_layers(self, number: int) -> Reading:
        """What one read-out took.

        Args:
            number: Number of the read-out.

        Returns:
            Shape (batch, layer, head, ...); layers that never called hold nan, or -1 where integers are read.

        Raises:
            UnsupportedModelError: no layer called at all.
        """
        if not self._seen:
            raise UnsupportedModelError("no layer called our attention function, so nothing was read")
        return self._readings[number]


class PieceReader:
    """What several read-outs take from an input that every layer takes piece by piece; one piece is the usual case."""

    def __init__(
        self,
        read_outs: Sequence[LayerReadOut],
        pieces: Sequence[slice],
        n_layers: int,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare for one forward pass.

        Args:
            read_outs: What to read.
            pieces: Positions of each piece.
            n_layers: Layers of the model.
            tell: Is called whenever a layer has shown a piece.
        """
        self._tell = tell
        self._read_outs = read_outs
        self._pieces = pieces
        self._of_pieces = [PassReader([one.within(piece) for one in read_outs], n_layers) for piece in pieces]
        self._now = self._of_pieces[0]

    def begin(self, number: int) -> None:
        """A layer takes the piece of this number."""
        self._now = self._of_pieces[number]

    @property
    def visit(self) -> Visit | None:
        """Looks at the blocks of a map, if any read-out wants to."""
        return self._now.visit

    def read(self, call: AttentionCall) -> None:
        """Add what one layer shows of a piece; its blocks were visited."""
        self._now.read(call)
        self._tell()

    def all_layers(self, number: int) -> Reading:
        """What one read-out took of all pieces; see PassReader.all_layers."""
        readings = [reader.all_layers(number) for reader in self._of_pieces]
        return readings[0] if len(readings) == 1 else self._read_outs[number].joined(readings, self._pieces)


def _single_keys(read_outs: Mapping[int, BlockReadOut]) -> dict[int, KeyMass]:
    """The read-outs, if single keys are all that they want, and so few that no blocks need be made for them."""
    of_keys = {number: one for number, one in read_outs.items() if isinstance(one, KeyMass)}
    n_keys = sum(one.key_positions.shape[-1] for one in of_keys.values())
    return of_keys if len(of_keys) == len(read_outs) and n_keys <= FEW_KEYS else {}


def _collectors(read_outs: Mapping[int, BlockReadOut]) -> list[tuple[list[int], Collector]]:
    """Numbers of the read-outs that share a collector, and the collector."""
    groups: dict[Any, dict[int, BlockReadOut]] = {}
    for number, one in read_outs.items():
        groups.setdefault(type(one).collector, {})[number] = one
    return [(list(group), collector(list(group.values()))) for collector, group in groups.items()]


def read(
    model: ProbedModel,
    batch: TokenBatch,
    read_outs: Sequence[LayerReadOut | FinalReadOut],
    *,
    progress: Progress | bool = False,
) -> list[Reading]:
    """Run a model over all samples and read.

    Args:
        model: The model.
        batch: What it reads.
        read_outs: What is read.
        progress: Show a progress bar on standard error, among those of a display or on its own.

    Returns:
        For each read-out, shape (sample, layer, head, ...), or (sample, ...) for those of the final residual.

    Raises:
        UnsupportedModelError: the attention of a layer, or the final norm, cannot be read.
        NotEnoughMemoryError: not even one sample fits into memory.
    """
    with _display(progress) as bars:
        bar = bars.add_task("Measuring heads", total=len(batch.tokens))
        parts = list(_read_chunks(model, batch, read_outs, lambda n_read: bars.update(bar, completed=n_read)))
        bars.remove_task(bar)
    return [_joined(column) for column in zip(*parts, strict=True)]


def _joined(parts: Sequence[Tensor]) -> Reading:
    """Readings of all chunks; where whole rows were read, keys behind the end of a chunk's longest sample are 0."""
    return torch.cat(of_one_length(parts) if parts[0].ndim > 1 else list(parts))


@contextmanager
def _display(progress: Progress | bool) -> Iterator[Progress]:
    """The display that a bar is added to; a new one, shown or not, unless there is one already."""
    if isinstance(progress, Progress):
        yield progress
        return
    with Progress(console=Console(stderr=True), transient=True, disable=not progress) as own:
        yield own


def _read_chunks(
    model: ProbedModel,
    batch: TokenBatch,
    read_outs: Sequence[LayerReadOut | FinalReadOut],
    tell: Callable[[float], None],
) -> Iterator[list[Reading]]:
    """What was read off the samples, as many at once as fit into memory."""
    start, n_at_most = 0, len(batch.tokens)
    while start < len(batch.tokens):
        chunk = _chunk(batch, start, n_at_most)
        try:
            part = _read_chunk(model, batch, read_outs, chunk, tell)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if chunk.stop - start == 1:
                raise NotEnoughMemoryError(str(model.device), int(batch.last[start]) + 1) from error
            n_at_most = (chunk.stop - start) // 2
            continue
        yield part
        start = chunk.stop


def _chunk(batch: TokenBatch, start: int, n_at_most: int) -> slice:
    """Samples that are read together: with the longest of them, no more than TOKENS_AT_ONCE positions."""
    longest = (batch.last[start : start + n_at_most] + 1).cummax(0).values
    positions = longest * torch.arange(1, len(longest) + 1)
    return slice(start, start + max(1, int((positions <= TOKENS_AT_ONCE).sum())))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory ran out, on a GPU or for torch's allocator on the CPU.

    Args:
        error: What torch raised.

    Returns:
        True if a smaller batch may help.
    """
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)


def _read_chunk(
    model: ProbedModel,
    batch: TokenBatch,
    read_outs: Sequence[LayerReadOut | FinalReadOut],
    chunk: slice,
    tell: Callable[[float], None],
) -> list[Reading]:
    """What is read off some samples; each layer that has shown a piece tells of its share of them."""
    of_layers = [read_out.part(chunk) for read_out in read_outs if isinstance(read_out, LayerReadOut)]
    of_residual = [read_out.part(chunk) for read_out in read_outs if isinstance(read_out, FinalReadOut)]
    length = int(batch.last[chunk].max()) + 1
    pieces = cut(model, length)
    n_calls, n_read = len(model.shape.attention_layers) * len(pieces), count(1)
    n_samples = chunk.stop - chunk.start
    n_layers = model.shape.n_layers
    reader = PieceReader(of_layers, pieces, n_layers, lambda: tell(chunk.start + n_samples * next(n_read) / n_calls))
    with (
        model.reading(reader),
        in_pieces(model, pieces, reader.begin),
        _final_residual(model, is_wanted=bool(of_residual)) as residual,
    ):
        model.read(batch.tokens[chunk, :length], None if batch.lengths is None else batch.is_real[chunk, :length])
    if residual and not residual[0].isfinite().all():
        raise UnsupportedModelError("the final residual is not a number; try a wider number format")
    from_layers = iter([reader.all_layers(number) for number in range(len(of_layers))])
    from_residual = iter([read_out.read_residual(residual[0]).cpu() for read_out in of_residual])
    return [next(from_layers if isinstance(read_out, LayerReadOut) else from_residual) for read_out in read_outs]


@contextmanager
def _final_residual(model: ProbedModel, *, is_wanted: bool) -> Iterator[list[Tensor]]:
    """A list that holds the residual stream before the final norm once the model has run, if that is wanted."""
    taken: list[Tensor] = []
    if not is_wanted:
        yield taken
        return
    hook = model.weights.final_norm_module.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
    try:
        yield taken
    finally:
        hook.remove()

"""Forward passes that are read: several read-outs of all layers, for all samples of a batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.calls import AttentionCall, check_layer
from probes.errors import NotEnoughMemoryError, UnsupportedModelError
from probes.inputs import TokenBatch
from probes.readouts.base import FinalReadOut, ReadOut
from probes.shapes import Reading

TOKENS_AT_ONCE = 1024
"""Positions in one forward pass; more would only take more memory."""


OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")
"""What torch says when memory runs out without an error of its own for it."""


class PassReader:
    """What several read-outs take from the layers of one forward pass."""

    def __init__(self, read_outs: Sequence[ReadOut]) -> None:
        """Prepare for one forward pass.

        Args:
            read_outs: What to read.
        """
        self._read_outs = read_outs
        self.by_layer: dict[int, dict[int, Tensor]] = {}
        """By layer, then by number of the read-out: shape (batch, head, ...)."""

    def read(self, call: AttentionCall) -> None:
        """Add one layer.

        Args:
            call: Its attention call.

        Raises:
            UnsupportedModelError: the layer has no number, calls attention twice, or its attention is not a number.
        """
        check_layer(call, seen=self.by_layer)
        if not call.is_finite:
            raise UnsupportedModelError(f"layer {call.layer}: attention is not a number; try a wider number format")
        taken: dict[int, Tensor] = {}
        for numbers in _that_share_work(self._read_outs):
            together = [self._read_outs[number] for number in numbers]
            values = type(together[0]).read_together(together, call)
            taken |= {number: value.cpu() for number, value in zip(numbers, values, strict=True)}
        self.by_layer[call.layer] = taken

    def all_layers(self, number: int, n_layers: int) -> Reading:
        """What one read-out took.

        Args:
            number: Number of the read-out.
            n_layers: Layers of the model.

        Returns:
            Shape (batch, layer, head, ...); layers that never called hold nan, or -1 where integers are read.

        Raises:
            UnsupportedModelError: no layer called at all.
        """
        if not self.by_layer:
            raise UnsupportedModelError("no layer called our attention function, so nothing was read")
        some = next(iter(self.by_layer.values()))[number]
        missing = torch.full_like(some, torch.nan if some.is_floating_point() else -1)
        layers = [self.by_layer[layer][number] if layer in self.by_layer else missing for layer in range(n_layers)]
        return torch.stack(layers, dim=1)


def _that_share_work(read_outs: Sequence[ReadOut]) -> list[list[int]]:
    """Numbers of the read-outs in groups that are read together: those with the same read_together."""
    groups: dict[object, list[int]] = {}
    for number, read_out in enumerate(read_outs):
        groups.setdefault(type(read_out).read_together, []).append(number)
    return list(groups.values())


def read(
    model: ProbedModel,
    batch: TokenBatch,
    read_outs: Sequence[ReadOut | FinalReadOut],
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
        parts = []
        for chunk, part in _read_chunks(model, batch, read_outs):
            parts.append(part)
            bars.update(bar, completed=chunk.stop)
        bars.remove_task(bar)
    return [torch.cat(column) for column in zip(*parts, strict=True)]


@contextmanager
def _display(progress: Progress | bool) -> Iterator[Progress]:
    """The display that a bar is added to; a new one, shown or not, unless there is one already."""
    if isinstance(progress, Progress):
        yield progress
        return
    with Progress(console=Console(stderr=True), transient=True, disable=not progress) as own:
        yield own


def _read_chunks(
    model: ProbedModel, batch: TokenBatch, read_outs: Sequence[ReadOut | FinalReadOut]
) -> Iterator[tuple[slice, list[Reading]]]:
    """Samples and what was read off them, as many at once as fit into memory."""
    start, n_samples = 0, len(batch.tokens)
    n_at_once = max(1, TOKENS_AT_ONCE // batch.tokens.shape[1])
    while start < n_samples:
        chunk = slice(start, min(start + n_at_once, n_samples))
        try:
            part = _read_chunk(model, batch, read_outs, chunk)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if chunk.stop - start == 1:
                raise NotEnoughMemoryError(str(model.device), batch.tokens.shape[1]) from error
            n_at_once = (chunk.stop - start) // 2
            continue
        yield chunk, part
        start = chunk.stop


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory ran out, on a GPU or for torch's allocator on the CPU.

    Args:
        error: What torch raised.

    Returns:
        True if a smaller batch may help.
    """
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)


def _read_chunk(
    model: ProbedModel, batch: TokenBatch, read_outs: Sequence[ReadOut | FinalReadOut], chunk: slice
) -> list[Reading]:
    of_layers = [read_out.part(chunk) for read_out in read_outs if isinstance(read_out, ReadOut)]
    of_residual = [read_out.part(chunk) for read_out in read_outs if isinstance(read_out, FinalReadOut)]
    reader = PassReader(of_layers)
    with model.reading(reader), _final_residual(model, is_wanted=bool(of_residual)) as residual:
        model.read(batch.tokens[chunk], None if batch.lengths is None else batch.is_real[chunk])
    if residual and not residual[0].isfinite().all():
        raise UnsupportedModelError("the final residual is not a number; try a wider number format")
    from_layers = iter([reader.all_layers(number, model.shape.n_layers) for number in range(len(of_layers))])
    from_residual = iter([read_out.read_residual(residual[0]).cpu() for read_out in of_residual])
    return [next(from_layers if isinstance(read_out, ReadOut) else from_residual) for read_out in read_outs]


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

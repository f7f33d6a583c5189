"""Hits on a needle: what the two retrieval scores have in common.

A hit is a step at which a head's largest attention is on a token of the needle that is the very token emitted there.

Source: wu-2024-retrieval.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.inputs import TokenBatch
from probes.readouts.base import FinalReadOut, LayerReadOut
from probes.readouts.top_keys import TopKeys
from probes.shapes import Reading
from probes.teacher_forcing import emitting_queries, residual_at, share_written, would_write

PASSES_ABOVE = 0.5
"""A model solves a sample if it gives more than this share of the answer, as in the paper."""


@dataclass(frozen=True)
class Hits:
    """Hits on the needle in the samples that count."""

    is_hit: Bool[Tensor, "sample layer head n_rows"]
    is_null_hit: Bool[Tensor, "sample layer head n_rows"]
    """The same with the tokens of the answer moved on by a random number of places, each sample by its own."""

    emitted: Int[Tensor, "sample n_rows"]
    """Id of the token of every step; -1 where there is none."""

    null_emitted: Int[Tensor, "sample n_rows"]
    """Ids after the move."""

    needle: Int[Tensor, "sample n_needle"]
    """Ids of the needle's tokens; -1 where there are fewer."""

    notes: Mapping[str, int | float]
    """How well the model knew the answers."""


def hit_read_outs(batch: TokenBatch) -> dict[str, LayerReadOut | FinalReadOut]:
    """Read-outs that hits are made of.

    Args:
        batch: From the recipe NeedleInHaystack.

    Returns:
        Read-outs by name.
    """
    answer = batch.marks["answer"]
    return {"largest": TopKeys(emitting_queries(answer)), "residual": residual_at(answer)}


def find_hits(
    readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel, generator: torch.Generator
) -> Hits:
    """Hits of all heads; answers that the model wrote itself only count if it solved the sample.

    Args:
        readings: As asked for by hit_read_outs.
        batch: What the model read.
        model: The model.
        generator: Source of the null's draw.

    Returns:
        The hits.

    Raises:
        BadInputError: the model wrote its own answers and solved fewer than two samples.
    """
    answer = batch.marks["answer"]
    emitted, needle = _ids(batch, answer), _ids(batch, batch.marks["needle"])
    null_emitted = _moved(emitted, generator)
    largest = readings["largest"][..., 0]
    is_written = would_write(model, readings["residual"], batch, answer)
    solved = batch.marks.get("recall", share_written(is_written, answer)) > PASSES_ABOVE
    counts = solved if "recall" in batch.marks else torch.ones_like(solved)
    if counts.sum() < 2:
        n_solved = f"the model's own answers solve {int(counts.sum())} of {len(counts)} samples"
        raise BadInputError(f"{n_solved}; two are needed, so leave decode out to force the answers")
    notes = {"accuracy": float(solved.double().mean()), "n_solved": int(solved.sum()), "n_prompts": len(solved)}
    return Hits(
        _on_needle(largest, batch, emitted)[counts],
        _on_needle(largest, batch, null_emitted)[counts],
        emitted[counts],
        null_emitted[counts],
        needle[counts],
        notes,
    )


def _ids(batch: TokenBatch, positions: Tensor) -> Tensor:
    return torch.where(positions >= 0, batch.tokens.gather(1, positions.clamp(min=0)), -1)


def _moved(emitted: Tensor, generator: torch.Generator) -> Tensor:
    """Each answer moved on by at least one place, in a circle; answers of one token stay as they are."""
    moved = emitted.clone()
    for row, ids in enumerate(emitted):
        length = int((ids >= 0).sum())
        if length > 1:
            places = int(torch.randint(1, length, (), generator=generator))
            moved[row, :length] = ids[:length].roll(places)
    return moved


def _on_needle(largest: Tensor, batch: TokenBatch, emitted: Tensor) -> Tensor:
    """Whether each head's largest attention is on a needle position that holds the emitted token."""
    sample = torch.arange(len(largest))[:, None, None, None]
    on_needle = torch.zeros(batch.tokens.shape[0], batch.tokens.shape[1] + 1, dtype=torch.bool)
    on_needle.scatter_(1, batch.marks["needle"] % on_needle.shape[1], True)
    on_needle[:, -1] = False
    is_same = batch.tokens[sample, largest.clamp(min=0)] == emitted[:, None, None]
    return on_needle[sample, largest] & is_same & (emitted >= 0)[:, None, None]

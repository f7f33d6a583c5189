"""Some rows of a map, and what is known of each: its largest entry, the logarithm of its denominator, its entropy.

On a processor the compiled kernel makes all of it at once; elsewhere, and where gradients are kept, torch makes what is
asked for.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes import cpu_kernels
from probes.masks import UNSEEN
from probes.scoring import Scoring
from probes.scratch import Scratch
from probes.shapes import AttentionPattern


@dataclass(frozen=True)
class CompiledRows:
    """Rows that the compiled kernel made."""

    pattern: AttentionPattern
    """After softmax; 0 where a query may not see a key."""

    largest_place: Int[Tensor, "batch head rows"]
    """Place in its row of the largest entry, one of them where several keys share it; -1 where all entries are 0."""

    log_sum_exp: Float[Tensor, "batch head rows"]
    """Logarithm of every softmax denominator in nats; minus infinity where all entries are 0."""

    entropies: Float[Tensor, "batch head rows"]
    """Entropy -Σ A ln A of every row over its keys in nats; a learned sink is no key and adds none."""


@dataclass(frozen=True)
class TorchRows:
    """The same, of rows whose scores are still there; nothing is made before it is asked for."""

    pattern: AttentionPattern
    scores: AttentionPattern
    """Before softmax; UNSEEN where a query may not see a key."""

    has_sink: bool
    """Whether a learned sink took part, so that rows sum to less than one."""

    @cached_property
    def largest_place(self) -> Int[Tensor, "batch head rows"]:
        """See CompiledRows."""
        largest, place = self.pattern.max(-1)
        return torch.where(largest > 0, place, -1)

    @cached_property
    def log_sum_exp(self) -> Float[Tensor, "batch head rows"]:
        """See CompiledRows; by it the largest score differs from the logarithm of the largest entry."""
        place = self.largest_place.clamp(min=0)[..., None]
        highest, largest = (rows.gather(-1, place)[..., 0] for rows in (self.scores, self.pattern))
        return torch.where(self.largest_place >= 0, highest - largest.log(), -torch.inf)

    @cached_property
    def entropies(self) -> Float[Tensor, "batch head rows"]:
        """See CompiledRows; out of the scores and their log-sum-exp."""
        mass = self.pattern.sum(-1) if self.has_sink else 1.0
        entropies = self.log_sum_exp * mass - torch.einsum("bhqk,bhqk->bhq", self.pattern, self.scores)
        return torch.where(self.largest_place >= 0, entropies.clamp(min=0), 0.0)


MapRows: TypeAlias = CompiledRows | TorchRows
"""Some rows of a map."""


def softmax_rows(
    scores: AttentionPattern,
    seen: Bool[Tensor, "_batch 1 rows keys"] | None,
    scoring: Scoring,
    scratch: Scratch | None = None,
) -> MapRows:
    """Rows of a map out of their scores.

    Args:
        scores: Of all keys, in float32; they are overwritten.
        seen: Whether a query sees a key; None if the layer has no mask. Where it is causal then, the last key is that
            of the last query.
        scoring: How the layer scores; its sink and its bias are those of these queries.
        scratch: Memory for what torch makes; left out, it gets its own.

    Returns:
        The rows; they sum to one, or to less where a sink takes part.
    """
    if seen is not None:
        scores.masked_fill_(~seen, UNSEEN)
    ends_in_triangle = seen is None and scoring.is_causal
    if cpu_kernels.fits(scores):
        return CompiledRows(scores, *cpu_kernels.softmax_(scores, scoring.sink, ends_in_triangle=ends_in_triangle))
    if ends_in_triangle:
        n_rows = scores.shape[2]
        scores[..., -n_rows:].add_(_later_keys(n_rows, scores.device))
    room = None if scratch is None else scratch("pattern", scores.shape, scores)
    has_blanks = seen is not None or scoring.bias is not None
    pattern = softmax(scores, scoring.sink, room, has_blanks=has_blanks)
    return TorchRows(pattern, scores, scoring.sink is not None)


def softmax(
    scores: AttentionPattern,
    sink: Float[Tensor, "_batch head rows"] | None,
    room: Tensor | None = None,
    *,
    has_blanks: bool = True,
) -> AttentionPattern:
    """Softmax by torch.

    Args:
        scores: UNSEEN where a query may not see a key.
        sink: Learned logits that take part and have no value.
        room: Memory for the rows; left out, or where a sink takes part, they get their own.
        has_blanks: Whether there may be queries that see no key.

    Returns:
        Rows that sum to one, or to less where a sink takes part; 0 where a query sees no key.
    """
    pattern = _softmax(scores, sink, room)
    if not has_blanks:
        return pattern
    highest = scores.amax(-1)
    is_blank = (highest <= UNSEEN / 2) & (highest > -torch.inf)
    return pattern.masked_fill(is_blank[..., None], 0.0) if bool(is_blank.any()) else pattern


def _softmax(scores: AttentionPattern, sink: Tensor | None, room: Tensor | None) -> AttentionPattern:
    if sink is None:
        return torch.softmax(scores, dim=-1) if room is None else torch.softmax(scores, dim=-1, out=room)
    log_sum = torch.logaddexp(torch.logsumexp(scores, dim=-1), sink.float())
    return torch.exp(scores - log_sum[..., None])


@cache
def _later_keys(n_rows: int, device: torch.device) -> Float[Tensor, "rows rows"]:
    """What makes a score UNSEEN where the key comes after the query, for as many keys as queries; 0 elsewhere."""
    with torch.inference_mode(mode=False):  # where gradients are kept, it is kept too
        return torch.full((n_rows, n_rows), UNSEEN, device=device).triu(1)

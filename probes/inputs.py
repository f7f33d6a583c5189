"""Token batches for the detectors, and their checks."""

import re
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from probes.errors import BadInputError, InputTooShortError
from probes.shapes import KeyPositions, Tokens

QUERIES_AT_ONCE = 256
"""Query rows for which the null is drawn at a time."""

_NOT_A_WORD = re.compile(r"<0x[0-9A-Fa-f]{2}>|<unused_?\d+>|\[unused\d+\]|<\|?reserved\w*\|?>")


@dataclass(frozen=True)
class TokenBatch:
    """Samples of equal length that a model reads, and how they came about."""

    tokens: Tokens
    """Token ids, shape (batch, pos); shorter samples are filled up at the end."""

    description: str = "tokens given by the caller"
    """What the model reads, in words."""

    settings: dict[str, int | float | str | bool | None] = field(default_factory=dict)
    """Every setting that went into the tokens, for the record."""

    seed: int = 0
    """Seed of the tokens and of the null."""

    lengths: Int[Tensor, " batch"] | None = None
    """Real tokens of each sample; None if all samples are full."""

    marks: Mapping[str, Tensor] = field(default_factory=dict)
    """What a recipe says about each sample, such as positions and answer ids; the first axis is the sample. Lists of
    positions are filled up with -1."""

    @property
    def is_real(self) -> Bool[Tensor, "batch pos"]:
        """True where a real token stands."""
        batch, length = self.tokens.shape
        if self.lengths is None:
            return torch.ones(batch, length, dtype=torch.bool)
        return torch.arange(length) < self.lengths[:, None]

    @property
    def last(self) -> Int[Tensor, " batch"]:
        """Position of the last real token of each sample."""
        return self.is_real.sum(1) - 1


def repeated_random_tokens(
    eligible_ids: Tensor, first_id: int | None, *, half_length: int = 50, n_samples: int = 32, seed: int = 0
) -> TokenBatch:
    """Random tokens, each sample a random sequence without repeats followed by the same sequence again.

    Args:
        eligible_ids: Ids to draw from, shape (n_ids,).
        first_id: Id of the start token put in front, or None for no start token.
        half_length: Length of the sequence that is repeated, in tokens.
        n_samples: Number of samples.
        seed: Seed of the draw.

    Returns:
        Tokens of shape (n_samples, 2 * half_length + 1), or one less without a start token.

    Raises:
        InputTooShortError: half_length or n_samples is below 2.
        BadInputError: the vocabulary has too few ids for a sequence without repeats.

    Source:
        olsson-2022-induction, who repeat 25 tokens four times; we repeat 50 once, so that every token of the second
        half has exactly one place to look for.
    """
    if half_length < 2:
        raise InputTooShortError(f"half_length is {half_length}; a repeated sequence needs at least 2 tokens")
    check_n_samples(n_samples)
    if len(eligible_ids) < half_length:
        raise BadInputError(f"half_length is {half_length}, but only {len(eligible_ids)} token ids can be drawn from")
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randperm(len(eligible_ids), generator=generator)[:half_length] for _ in range(n_samples)]
    half = eligible_ids[torch.stack(rows)]
    start = half.new_full((n_samples, 0 if first_id is None else 1), first_id or 0)
    start_words = "" if first_id is None else "a start token, then "
    return TokenBatch(
        tokens=torch.cat([start, half, half], dim=1),
        description=f"{start_words}{half_length} random tokens without repeats, then the same {half_length} again",
        settings={"half_length": half_length, "n_samples": n_samples, "first_id": first_id},
        seed=seed,
    )


def given_tokens(
    tokens: Any, vocabulary_size: int, *, description: str = "tokens given by the caller", seed: int = 0
) -> TokenBatch:
    """A batch of the caller's own tokens.

    Args:
        tokens: Ids, shape (batch, pos), as a tensor or lists; all samples of one length.
        vocabulary_size: Ids must be below it.
        description: What the model reads, in words.
        seed: Seed of the null.

    Returns:
        The batch.

    Raises:
        BadInputError: not a rectangle of ids, or an id outside the vocabulary.
        InputTooShortError: fewer than two samples.
    """
    ids = _rectangle(tokens)
    check_n_samples(ids.shape[0])
    outside = ids[(ids < 0) | (ids >= vocabulary_size)]
    if len(outside):
        raise BadInputError(f"token id {int(outside[0])} is outside the vocabulary of {vocabulary_size} ids")
    settings: dict[str, int | float | str | bool | None] = {
        "n_samples": ids.shape[0],
        "length": ids.shape[1],
        "tokens_sha256": _sha256(ids),
    }
    return TokenBatch(ids, description, settings, seed)


def _rectangle(tokens: Any) -> Tokens:
    """Ids as an integer tensor of shape (batch, pos) on the CPU."""
    is_ragged = not isinstance(tokens, Tensor) and len({len(row) for row in tokens if isinstance(row, Sized)}) > 1
    if is_ragged:
        shown = ", ".join(map(str, sorted({len(row) for row in tokens})))
        raise BadInputError(f"samples have lengths {shown}; cut them to one length, padding would be measured too")
    try:
        ids = torch.as_tensor(tokens)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInputError(f"tokens are not numbers ({error}); pass ids, or texts in place of tokens") from error
    if ids.ndim != 2 or ids.is_floating_point() or ids.dtype == torch.bool:
        raise BadInputError(f"tokens have shape {tuple(ids.shape)} and type {ids.dtype}; wanted integer (batch, pos)")
    return ids.to("cpu", torch.int64)


def texts_to_tokens(texts: Sequence[str], tokenizer: Any, length: int | None = None) -> list[list[int]]:
    """Token ids of texts, cut to the shortest or to a given length.

    Args:
        texts: One text a sample.
        tokenizer: A transformers tokenizer; whether a start token stands in front is its own setting.
        length: Tokens to keep of every text; left out, as many as the shortest has.

    Returns:
        One list of ids a text, all of the same length.

    Raises:
        BadInputError: the model has no tokenizer, or a single text is given.
        InputTooShortError: a text has fewer tokens than asked for.
    """
    if isinstance(texts, str):
        raise BadInputError("texts is a single text; pass a list of texts, one a sample")
    if tokenizer is None:
        raise BadInputError("this model has no tokenizer, so it cannot read text; pass tokens in place of texts")
    rows: list[list[int]] = [tokenizer(text)["input_ids"] for text in texts]
    shortest = min(map(len, rows), default=0)
    if length is not None and shortest < length:
        number = min(range(len(rows)), key=lambda index: len(rows[index]))
        raise InputTooShortError(f"text {number + 1} of {len(rows)} has {shortest} tokens, fewer than {length}")
    return [row[: length or shortest] for row in rows]


def padded(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tokens, Int[Tensor, " batch"]]:
    """Lists of different lengths as one rectangle.

    Args:
        rows: Numbers, one list a sample.
        filler: What stands behind the end of shorter lists.

    Returns:
        Numbers of shape (batch, longest), and the length of each list.
    """
    longest = max(map(len, rows), default=0)
    table = [[*row, *[filler] * (longest - len(row))] for row in rows]
    return torch.tensor(table, dtype=torch.int64).reshape(len(rows), longest), torch.tensor([len(row) for row in rows])


def keys_of_queries(
    batch: TokenBatch, query_pos: Int[Tensor, " batch"], key_pos: Int[Tensor, " batch"]
) -> KeyPositions:
    """Chosen keys where one query of each sample has one key, such as the last token and the answer.

    Args:
        batch: What the model reads.
        query_pos: The query of each sample.
        key_pos: Its key.

    Returns:
        Shape (batch, query_pos, 1); -1 for all other queries.
    """
    keys = torch.full((*batch.tokens.shape, 1), -1)
    keys[torch.arange(len(keys)), query_pos, 0] = key_pos
    return keys


def check_n_samples(n_samples: int) -> None:
    """Refuse fewer samples than a standard error needs.

    Args:
        n_samples: Number of samples.

    Raises:
        InputTooShortError: below 2.
    """
    if n_samples < 2:
        raise InputTooShortError(f"{n_samples} sample(s); a standard error needs at least 2")


def eligible_ids(vocabulary_size: int, tokenizer: Any) -> Tensor:
    """Ids that stand for ordinary pieces of text: no special, unused, reserved or byte-fallback tokens.

    Args:
        vocabulary_size: Rows of the embedding; ids from there on are left out.
        tokenizer: A transformers tokenizer, or None to take every id.

    Returns:
        Shape (n_ids,), ascending.
    """
    if tokenizer is None:
        return torch.arange(vocabulary_size)
    left_out = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    ids = [
        number
        for piece, number in tokenizer.get_vocab().items()
        if number < vocabulary_size and number not in left_out and not _NOT_A_WORD.fullmatch(piece)
    ]
    return torch.tensor(sorted(set(ids)))


def earlier_occurrences(tokens: Tokens) -> KeyPositions:
    """Positions before each query that hold the query's own token.

    Args:
        tokens: Token ids, shape (batch, pos).

    Returns:
        Shape (batch, query_pos, n_keys), nearest first; n_keys is the largest number of earlier occurrences, at
        least 1; -1 where a query has fewer.
    """
    previous = _previous_occurrence(tokens)
    columns = [previous]
    while True:
        column = torch.where(columns[-1] >= 0, previous.gather(1, columns[-1].clamp(min=0)), -1)
        if not (column >= 0).any():
            return torch.stack(columns, dim=-1)
        columns.append(column)


def positions_after_occurrences(tokens: Tokens) -> KeyPositions:
    """Positions right after earlier occurrences of each query's token: where an induction head looks.

    Args:
        tokens: Token ids, shape (batch, pos).

    Returns:
        Shape (batch, query_pos, n_keys); -1 where a query has fewer. The query itself never counts.
    """
    follower = earlier_occurrences(tokens) + 1
    query_pos = torch.arange(tokens.shape[1])[None, :, None]
    return torch.where((follower > 0) & (follower < query_pos), follower, -1)


def _previous_occurrence(tokens: Tokens) -> Tensor:
    """Nearest earlier position of the same token, -1 if there is none; shape (batch, pos)."""
    order = tokens.argsort(dim=1, stable=True)
    sorted_tokens = tokens.gather(1, order)
    before = torch.full_like(order, -1)
    same = sorted_tokens[:, 1:] == sorted_tokens[:, :-1]
    before[:, 1:] = torch.where(same, order[:, :-1], -1)
    return torch.full_like(order, -1).scatter(1, order, before)


def random_other_keys(key_positions: KeyPositions, generator: torch.Generator) -> KeyPositions:
    """The null of a pattern detector: as many random earlier keys as count, none of which counts.

    Args:
        key_positions: Keys that count, shape (batch, query_pos, n_keys); -1 where there is none.
        generator: Source of the draw.

    Returns:
        Same shape. Drawn evenly and without repetition from the positions up to the query that are not among its keys;
        -1 where a query has no further such position. Sliding windows are not regarded.
    """
    blocks = range(0, key_positions.shape[1], QUERIES_AT_ONCE)
    drawn = [_draw_others(key_positions, slice(start, start + QUERIES_AT_ONCE), generator) for start in blocks]
    return torch.cat(drawn, dim=1)


def _draw_others(key_positions: KeyPositions, queries: slice, generator: torch.Generator) -> Tensor:
    """Null keys of a block of queries, shape (batch, queries, n_keys)."""
    keys = key_positions[:, queries]
    batch, n_queries, n_keys = keys.shape
    n_seen = queries.start + n_queries
    lots = torch.rand(batch, n_queries, max(n_seen, n_keys) + 1, generator=generator)
    query_pos = torch.arange(queries.start, n_seen)[:, None]
    lots.masked_fill_(torch.arange(lots.shape[2]) > query_pos, -1.0)
    lots.scatter_(2, torch.where((keys >= 0) & (keys < n_seen), keys, n_seen), -1.0)
    best = lots.topk(n_keys, dim=2)
    is_wanted = torch.arange(n_keys) < (keys >= 0).sum(2, keepdim=True)
    return torch.where(is_wanted & (best.values >= 0), best.indices, -1)


def random_other_set(
    keys: Bool[Tensor, "batch key_pos"], is_real: Bool[Tensor, "batch key_pos"], generator: torch.Generator
) -> Bool[Tensor, "batch key_pos"]:
    """The null of a detector of key sets: as many random other keys.

    Args:
        keys: Which keys belong to the set.
        is_real: Where real tokens stand.
        generator: Source of the draw.

    Returns:
        Same shape; drawn evenly from the real keys that do not belong to the set, as many as belong, or all of them
        if there are fewer.
    """
    lots = torch.rand(keys.shape, generator=generator).masked_fill(keys | ~is_real, -1.0)
    rank = lots.argsort(dim=1, descending=True).argsort(dim=1)
    return (rank < keys.sum(1, keepdim=True)) & (lots >= 0)


def _sha256(tokens: Tensor) -> str:
    from hashlib import sha256

    return sha256(tokens.to(torch.int64).contiguous().numpy().tobytes()).hexdigest()

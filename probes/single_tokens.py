"""Tokens that weight detectors read: words that the tokenizer keeps whole, and samples of the vocabulary."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.inputs import eligible_ids

FUNCTION_WORDS = (
    *("a", "an", "the", "this", "that", "these", "those", "of", "to", "in", "for", "on"),
    *("at", "by", "with", "from", "as", "into", "and", "or", "but", "if", "then", "than"),
    *("so", "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "do"),
    *("does", "did", "will", "would", "can", "could", "may", "might", "not", "no", "i", "you"),
    *("he", "she", "it", "we", "they", "me", "him", "her", "us", "them", "my", "your"),
    *("his", "its", "our", "their", "who", "which", "what", "there"),
)
"""Frequent words of English that say little on their own."""


def single_token_id(tokenizer: Any, text: str) -> int | None:
    """Id of a text that is one token.

    Args:
        tokenizer: A transformers tokenizer.
        text: Such as " Monday"; a leading space counts.

    Returns:
        The id; None if the text is split, or unknown to the tokenizer.
    """
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids[0] if len(ids) == 1 and ids[0] != tokenizer.unk_token_id else None


def forms_in_tokens(tokenizer: Any, words: Sequence[str]) -> list[list[int | None]]:
    """Ids of words as they are, capitalised, and both behind a space.

    Args:
        tokenizer: A transformers tokenizer.
        words: In lower case.

    Returns:
        One list a form, one id a word, None where the form of the word is not one token; forms that give the same
        tokens are listed once.
    """
    styles = [(space, case) for space in ("", " ") for case in (str.lower, str.capitalize)]
    forms = [tuple(single_token_id(tokenizer, space + case(word)) for word in words) for space, case in styles]
    return [list(form) for form in dict.fromkeys(forms)]


def function_word_ids(tokenizer: Any) -> Int[Tensor, " token"]:
    """Ids of function words in all their forms.

    Args:
        tokenizer: A transformers tokenizer, or None.

    Returns:
        Shape (n_ids,), ascending; empty without a tokenizer.
    """
    forms = [] if tokenizer is None else forms_in_tokens(tokenizer, FUNCTION_WORDS)
    return torch.tensor(sorted({number for form in forms for number in form if number is not None}), dtype=torch.int64)


def random_tokens(
    model: ProbedModel, n_tokens: int, generator: torch.Generator, *, with_function_words: bool = True
) -> Int[Tensor, " token"]:
    """A random sample of the vocabulary, without special, unused and byte-fallback tokens.

    Args:
        model: The model.
        n_tokens: Tokens wanted; all in random order if the vocabulary has fewer.
        generator: Source of the draw.
        with_function_words: Whether function words may be drawn.

    Returns:
        Shape (n_ids,).

    Raises:
        BadInputError: the vocabulary has fewer than two such tokens.
    """
    ids = eligible_ids(model.shape.d_vocab, model.tokenizer)
    if not with_function_words:
        ids = ids[~torch.isin(ids, function_word_ids(model.tokenizer))]
    if len(ids) < 2:
        raise BadInputError(f"the vocabulary has {len(ids)} token(s) that can be drawn, at least 2 are needed")
    return ids[torch.randperm(len(ids), generator=generator)[:n_tokens]]

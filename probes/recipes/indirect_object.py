"""Indirect-object prompts: two people, one of whom is named twice, and a sentence that asks for the other.

"On Monday Alice and Peter met at the station, and Peter handed a ticket to" asks for "Alice". The person to be named
is the indirect object, IO; the one named twice is the subject, S1 at the first mention and S2 at the second. Where IO
stands first the order is called ABBA, where the subject does, BABA.

Source: wang-2022-ioi for the task; templates, names, places and objects are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any

import torch

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.inputs import TokenBatch
from probes.recipes.prompts import Prompt, Prompts

TEMPLATES = (
    "On Monday {first} and {second} met at the {place}, and {subject} handed a {object} to",
    "While {first} and {second} were waiting at the {place}, {subject} gave the {object} to",
    "Yesterday {first} and {second} had lunch near the {place}. Afterwards {subject} lent a {object} to",
    "Since {first} and {second} both work at the {place}, {subject} brought a {object} to",
    "Last winter {first} and {second} moved close to the {place}, where {subject} sold the {object} to",
    "The day {first} and {second} reached the {place}, {subject} showed the {object} to",
    "In the morning {first} and {second} cleaned the {place}, and then {subject} passed the {object} to",
    "As soon as {first} and {second} left the {place}, {subject} offered a {object} to",
    "Before {first} and {second} closed the {place}, {subject} returned the {object} to",
    "It was late when {first} and {second} found the {place}. Still {subject} gave a {object} to",
    "Long ago {first} and {second} played behind the {place}, and {subject} threw the {object} to",
    "At the {place} {first} and {second} sat down together, and {subject} pushed the {object} over to",
    "Everyone saw {first} and {second} at the {place} when {subject} sent a {object} to",
    "Although {first} and {second} had argued at the {place}, {subject} mailed a {object} to",
    "During the trip {first} and {second} stopped at the {place}, so {subject} carried the {object} to",
    "Once {first} and {second} had tidied the {place}, {subject} presented the {object} to",
)
"""A word follows every name after one space, and the answer comes right after the end."""

_NAMES = """
Adam Ahmed Alex Ali Alice Amy Andrea Andrew Anna Anthony Arthur Ben Brian Carl Carlos Caroline
Charles Chris Clara Daniel David Diana Edward Elena Eli Elizabeth Emily Emma Eric Eva Fatima George
Hannah Harry Hassan Helen Henry Ian Isaac Ivan Jack Jacob James Jane Jason Jean Jennifer Jessica
John Jonathan Joseph Juan Julia Karen Kate Kevin Laura Leo Linda Lisa Louis Lucy Luke Maria Martha
Martin Mary Matthew Michael Nancy Nick Nina Noah Oliver Omar Oscar Patrick Paul Pedro Peter Rachel
Rebecca Richard Robert Ruth Sam Samuel Sarah Simon Sofia Sophie Stephen Steve Susan Thomas Tom
Victor Walter William
"""

NAMES = tuple(_NAMES.split())
"""Common first names; those that are no common words besides."""

PLACES = ("library", "station", "bakery", "museum", "harbour", "garden", "hotel", "market", "school", "office", "farm")

OBJECTS = ("book", "key", "ticket", "basket", "letter", "lamp", "map", "cup", "coin", "photo", "bottle", "sandwich")
"""None begins with a vowel."""

FEWEST_NAMES = 8
"""Names that a tokenizer must keep whole: two for a prompt, and others to compare them with."""


@dataclass(frozen=True)
class IndirectObject(Prompts):
    """Indirect-object prompts, in turn ABBA and BABA of each template.

    Marks, one token each: IO, S1 and S2; IO+1 and S1+1, the tokens after them; END, the last token. The mark
    `other_names` holds the ids of all names that a prompt does not mention, shape (batch, n_names - 2).
    """

    def prompts(self, model: ProbedModel) -> Sequence[Prompt]:
        """Templates in turn, filled with names that are one token each, with places and with objects."""
        names = list(one_token_names(model.tokenizer))
        generator = torch.Generator().manual_seed(self.seed)
        return [_prompt(number, names, generator) for number in range(self.n_samples)]

    def describe(self) -> str:
        """What the model reads, in words."""
        return f"{self.n_samples} sentences in which two people are named, one of them twice, cut before the third name"

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The prompts as tokens, the names that they might have held, and how many names there are to choose from."""
        batch = super().batch(model)
        ids = torch.tensor(list(one_token_names(model.tokenizer).values()))
        mentioned = torch.cat([batch.marks[name] for name in ("IO", "S1")], dim=1)
        is_other = (batch.tokens.gather(1, mentioned)[..., None] != ids).all(1)
        others = ids.expand(len(is_other), -1)[is_other].reshape(len(is_other), -1)
        counts = {"n_templates": len(TEMPLATES), "n_names": len(ids), "n_names_dropped": len(NAMES) - len(ids)}
        return replace(batch, settings=batch.settings | counts, marks={**batch.marks, "other_names": others})


def one_token_names(tokenizer: Any) -> dict[str, int]:
    """Names that a tokenizer turns into one token each where they stand after a word.

    Args:
        tokenizer: A transformers tokenizer.

    Returns:
        The token of each name; names that are split, unknown or share a token with another are dropped.

    Raises:
        BadInputError: there is no tokenizer, or too few names are left.
    """
    if tokenizer is None:
        raise BadInputError("this model has no tokenizer, so it cannot read prompts; load it with one")
    ids = {name: _single_token(name, tokenizer) for name in NAMES}
    known = [token for token in ids.values() if token is not None]
    kept = {name: token for name, token in ids.items() if token is not None and known.count(token) == 1}
    if len(kept) < FEWEST_NAMES:
        raise BadInputError(
            f"the tokenizer keeps {len(kept)} of {len(NAMES)} names as one token; indirect-object prompts need "
            f"{FEWEST_NAMES}, so these detectors do not fit the model"
        )
    return kept


def _single_token(name: str, tokenizer: Any) -> int | None:
    """Token of a name after a word, None if it is not exactly one."""
    before, both = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("to", f"to {name}"))
    return both[-1] if both[:-1] == before and both[-1] != tokenizer.unk_token_id else None


def _prompt(number: int, names: Sequence[str], generator: torch.Generator) -> Prompt:
    """One prompt; even numbers are ABBA, odd ones BABA."""
    first, second = (names[index] for index in torch.randperm(len(names), generator=generator)[:2].tolist())
    is_abba = number % 2 == 0
    words = {
        "first": first,
        "second": second,
        "subject": second if is_abba else first,
        "place": _drawn(PLACES, generator),
        "object": _drawn(OBJECTS, generator),
    }
    text, spans = _filled(TEMPLATES[number // 2 % len(TEMPLATES)], words)
    indirect, subject = (spans["first"], spans["second"]) if is_abba else (spans["second"], spans["first"])
    return Prompt(
        text,
        {
            "IO": indirect,
            "IO+1": _next_letter(indirect),
            "S1": subject,
            "S1+1": _next_letter(subject),
            "S2": spans["subject"],
            "END": (len(text) - 1, len(text)),
        },
    )


def _drawn(words: Sequence[str], generator: torch.Generator) -> str:
    return words[int(torch.randint(len(words), (1,), generator=generator))]


def _filled(template: str, words: Mapping[str, str]) -> tuple[str, dict[str, tuple[int, int]]]:
    """The template with its words, and the characters that each of them covers."""
    text, spans = "", {}
    for literal, field, _, _ in Formatter().parse(template):
        text += literal
        if field:
            spans[field] = (len(text), len(text) + len(words[field]))
            text += words[field]
    return text, spans


def _next_letter(name: tuple[int, int]) -> tuple[int, int]:
    """First letter of the word after a name, whichever token it belongs to."""
    return name[1] + 1, name[1] + 2

"""Needles in a haystack: a fact hidden in essays, a question about it, and the answer, all read in one forward pass.

The answer is forced: the tokens of the needle that answer the question are put behind the question, so the query one
place before each of them is the one that emits it. On request the model writes the answer itself, greedily. Essays and
facts are ours, under CC0; the caller's texts can take the place of the essays.

Source: wu-2024-retrieval. Differs from its code: any tokenizer, prose in place of files of raw JSON, the needle stands
between two sentences at the depth asked for, and its tokens are found by the characters that they cover.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError, InputTooShortError
from probes.inputs import TokenBatch, padded
from probes.recipes.base import Recipe
from probes.recipes.own_input import OwnInput
from probes.recipes.prompts import Prompt, Prompts

FOLDER = Path(__file__).with_name("haystack")
"""Essays and needles."""

QUESTION = "\n\nBased on the text above, answer the question.\nQuestion: {question}"
CUE = "\nAnswer:"
"""Ends the prompt; with it begins what the model itself would write."""

N_DECODED = 50
"""Most tokens of an answer that the model writes itself, as in the paper's code."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Needle:
    """A fact to hide."""

    needle: str
    """One sentence."""

    question: str
    answer: str
    """Words of the needle, letter for letter."""


@cache
def our_needles() -> tuple[Needle, ...]:
    """Our facts, read once.

    Returns:
        The needles.
    """
    facts = yaml.safe_load((FOLDER / "needles.yaml").read_text(encoding="utf-8"))
    return tuple(Needle(**fact) for fact in facts)


@cache
def our_essays() -> tuple[str, ...]:
    """Our essays, read once.

    Returns:
        One text an essay.
    """
    return tuple(file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.txt")))


def sentences(text: str) -> list[str]:
    """Sentences of a text.

    Args:
        text: Prose.

    Returns:
        The sentences, without the white space between them.
    """
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]


@dataclass(frozen=True)
class NeedleInHaystack(Prompts):
    """Haystacks of several lengths, each with one needle.

    Marks of the batch, positions filled up with -1: `needle`, the tokens of the needle that answer the question; `cue`,
    the tokens that ask for the answer; `answer`, the answer's own tokens at the end, each emitted by the query one
    place before it. If the model wrote the answers itself, also `recall`, the share of the wanted words in each.
    """

    lengths: tuple[int, ...] = (256, 512, 1024)
    """Most tokens of a sample with its forced answer; the samples take turns."""

    depths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Where the needle stands: 0 before the first sentence, 1 behind the last one."""

    needles: tuple[Needle, ...] = ()
    """Facts to hide; left out, ours."""

    haystacks: tuple[str, ...] = ()
    """Texts to hide them in; left out, our essays."""

    decode: bool = False
    """Let the model write the answer, greedily, in place of the forced one."""

    def on(self, own: Recipe) -> Recipe | None:
        """The caller's texts become the haystack; tokens cannot."""
        texts = own.texts if isinstance(own, OwnInput) else None
        return None if texts is None else replace(self, haystacks=tuple(texts))

    def describe(self) -> str:
        """What the model reads, in words."""
        who = "the model's own answer" if self.decode else "the answer"
        words = ", ".join(map(str, self.lengths))
        return f"essays of up to {words} tokens with a fact hidden in each, a question about it, and {who}"

    def prompts(self, model: ProbedModel) -> Sequence[Prompt]:
        """The prompts up to the cue for the answer."""
        if model.tokenizer is None:
            raise BadInputError("this model has no tokenizer, so it cannot read a haystack; load it with one")
        draw = random.Random(self.seed)
        texts = self.haystacks or our_essays()
        hidden = _in_turn(self.needles or our_needles(), draw)
        depths = _in_turn(self.depths, draw)
        return [
            _prompt(
                next(hidden),
                [sentence for text in draw.sample(texts, len(texts)) for sentence in sentences(text)],
                self.lengths[number % len(self.lengths)],
                next(depths),
                model.tokenizer,
            )
            for number in range(self.n_samples)
        ]

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The prompts with their answers.

        Raises:
            InputTooShortError: the haystack is shorter than a length that was asked for, or the length than a needle.
            BadInputError: there is no fast tokenizer, or a needle cannot be found again among the tokens.
        """
        prompts = super().batch(model)
        wanted = [prompts.tokens[row][places[places >= 0]] for row, places in enumerate(prompts.marks["needle"])]
        facts = self.needles or our_needles()
        for ids in wanted:
            _check_needle(model.tokenizer.decode(ids), facts)
        rows = [tokens[: int(last) + 1] for tokens, last in zip(prompts.tokens, prompts.last, strict=True)]
        answers = [greedy_answer(model, row) for row in rows] if self.decode else wanted
        marks = dict(prompts.marks)
        if self.decode:
            pairs = zip(wanted, answers, strict=True)
            marks["recall"] = torch.tensor([_recall(*map(model.tokenizer.decode, pair)) for pair in pairs])
        return _with_answers(replace(prompts, marks=marks, settings=self._settings(prompts)), rows, answers)

    def _settings(self, prompts: TokenBatch) -> dict[str, int | float | str | bool | None]:
        words = {"lengths": " ".join(map(str, self.lengths)), "depths": " ".join(map(str, self.depths))}
        return {name: value for name, value in prompts.settings.items() if not isinstance(value, tuple)} | words


def _in_turn(items: Sequence[Any], draw: random.Random) -> Iterator[Any]:
    """All items in random order, then all again in another."""
    while True:
        yield from draw.sample(items, len(items))


def _prompt(fact: Needle, haystack: list[str], length: int, depth: float, tokenizer: Any) -> Prompt:
    question = QUESTION.format(question=fact.question)
    fixed = len(tokenizer(f"{fact.needle}{question}{CUE} {fact.answer}")["input_ids"])
    kept = _fill(haystack, length - fixed, tokenizer)
    place = _sentence_end(kept, depth)
    before = "".join(f"{sentence} " for sentence in kept[:place])
    after = "".join(f" {sentence}" for sentence in kept[place:])
    start = len(before) + fact.needle.index(fact.answer)
    prompt = f"{before}{fact.needle}{after}{question}"
    spans = {"needle": (start, start + len(fact.answer)), "cue": (len(prompt), len(prompt) + len(CUE))}
    return Prompt(prompt + CUE, spans)


def _fill(haystack: list[str], n_tokens: int, tokenizer: Any) -> list[str]:
    """First sentences that together have no more than so many tokens."""
    kept, n_left = [], n_tokens
    for sentence in haystack:
        n_left -= len(tokenizer(f" {sentence}", add_special_tokens=False)["input_ids"])
        if n_left < 0:
            break
        kept.append(sentence)
    if n_left > 0:
        missing = f"the haystack ends {n_left} tokens before a sample is full"
        raise InputTooShortError(f"{missing}; give longer texts, or ask for shorter lengths")
    if not kept:
        raise InputTooShortError(f"{n_tokens} tokens are left beside needle, question and answer: no sentence fits")
    return kept


def _sentence_end(kept: list[str], depth: float) -> int:
    """Number of sentences in front of the needle, so that its depth in characters is as near as can be."""
    ends = [sum(map(len, kept[:number])) for number in range(len(kept) + 1)]
    return min(range(len(ends)), key=lambda number: abs(ends[number] - depth * ends[-1]))


def _check_needle(decoded: str, facts: Sequence[Needle]) -> None:
    """Refuse tokens that do not spell an answer, such as those of a tokenizer that rewrites what it reads."""
    if not any(_letters(fact.answer) in _letters(decoded) for fact in facts):
        raise BadInputError(f"the needle cannot be found again: the tokens at its place spell '{decoded}'")


def _letters(text: str) -> str:
    return "".join(text.split()).casefold()


def _recall(wanted: str, given: str) -> float:
    """ROUGE-1 recall: share of the wanted words that were given."""
    words, found = re.findall(r"\w+", wanted.casefold()), set(re.findall(r"\w+", given.casefold()))
    return sum(word in found for word in words) / len(words)


def greedy_answer(model: ProbedModel, prompt: Tensor) -> Tensor:
    """What the model writes after a prompt when it always takes the likeliest token.

    Args:
        model: The model.
        prompt: Token ids, shape (pos,).

    Returns:
        Ids of up to N_DECODED tokens, shape (n_tokens,); it ends before a line break or the end of text, but no answer
        is empty: the first token is the likeliest that does not end the text.
    """
    written: list[int] = []
    unread, past = prompt, None
    with torch.no_grad():
        while len(written) < N_DECODED:
            step = model.module(input_ids=unread[None].to(model.device), past_key_values=past, use_cache=True)
            past, logits = step.past_key_values, step.logits[0, -1:]
            if not written and model.tokenizer.eos_token_id is not None:
                logits[:, model.tokenizer.eos_token_id] = -torch.inf
            unread = logits.argmax(-1).cpu()
            if written and _ends(int(unread), model.tokenizer):
                break
            written.append(int(unread))
    return torch.tensor(written)


def _ends(token: int, tokenizer: Any) -> bool:
    return token == tokenizer.eos_token_id or "\n" in tokenizer.decode([token])


def _with_answers(prompts: TokenBatch, rows: Sequence[Tensor], answers: Sequence[Tensor]) -> TokenBatch:
    """The batch with an answer behind every prompt."""
    whole = [torch.cat(pair).tolist() for pair in zip(rows, answers, strict=True)]
    tokens, lengths = padded(whole, filler=whole[0][0])
    places = [range(len(row), len(row) + len(answer)) for row, answer in zip(rows, answers, strict=True)]
    marks = {**prompts.marks, "answer": padded(places, filler=-1)[0]}
    return replace(prompts, tokens=tokens, lengths=lengths, marks=marks)

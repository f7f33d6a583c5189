"""A needle in a haystack: one sentence hidden in a long text, a question about it, and the answer, teacher-forced.

Source: wu-2024-retrieval. Needles, questions and haystack are ours. Differs from the paper: the answer stands at the
end of the prompt, so one forward pass shows where each of its tokens is looked up; nothing is decoded.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.inputs import TokenBatch
from probes.recipes.base import Recipe
from probes.recipes.natural_text import PASSAGES
from probes.recipes.own_input import OwnInput
from probes.recipes.prompts import Prompt, Prompts

NEEDLES = (
    ("Where is the blue bicycle kept?", "The blue bicycle is kept", " behind the old bakery next to the river"),
    ("What does the baker sell on Sundays?", "On Sundays the baker sells", " warm plum cake with cinnamon and cream"),
    (
        "What did the captain hide in the lighthouse?",
        "In the lighthouse the captain hid",
        " three silver coins and a map",
    ),
)
"""Question, beginning of the needle and of the answer, and what must be copied."""

N_DEPTHS = 3


@dataclass(frozen=True)
class Needle(Prompts):
    """Haystacks of one length with a needle at different depths, one sample each.

    Marks: `needle`, the tokens of the needle that are to be copied; `answer`, the same words at the end; `copied_from`,
    for each token of `answer` the token of `needle` with the same id that is its source; -1 where there is none. The
    query that looks up an answer token stands one position before it.
    """

    n_words: int = 250
    """Words of the haystack, in whole sentences."""

    texts: tuple[str, ...] = ()
    """Haystacks of the caller's own; left out, natural text of ours."""

    def prompts(self, model: ProbedModel) -> Sequence[Prompt]:
        """All needles in turn, at depths in turn, in haystacks in turn."""
        passages = self.texts or tuple(PASSAGES.read_text(encoding="utf-8").splitlines())
        draw = random.Random(self.seed)
        return [
            self._prompt(number, " ".join(draw.sample(passages, len(passages)))) for number in range(self.n_samples)
        ]

    def _prompt(self, number: int, text: str) -> Prompt:
        question, opening, words = NEEDLES[number % len(NEEDLES)]
        sentences = _sentences(text, self.n_words)
        depth = (number // len(NEEDLES)) % N_DEPTHS + 1
        place = depth * len(sentences) // (N_DEPTHS + 1)
        before = " ".join([*sentences[:place], opening])
        after = " ".join([".", *sentences[place:], f"\nQuestion: {question}\nAnswer: {opening}"])
        start = len(before)
        end = start + len(words) + len(after)
        spans = {"needle": (start + 1, start + len(words)), "answer": (end + 1, end + len(words))}
        return Prompt(before + words + after + words, spans)

    def describe(self) -> str:
        """What the model reads, in words."""
        return "long texts with one sentence hidden in them, a question about it, and the answer"

    def on(self, own: Recipe) -> Recipe | None:
        """The caller's texts become the haystacks; the caller's tokens cannot."""
        texts = own.texts if isinstance(own, OwnInput) else None
        return None if texts is None else replace(self, texts=tuple(texts))

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The prompts, with the source of every token of the answer."""
        batch = super().batch(model)
        marks = {**batch.marks, "copied_from": _sources(batch.tokens, batch.marks["needle"], batch.marks["answer"])}
        return replace(batch, marks=marks)


def _sentences(text: str, n_words: int) -> list[str]:
    """Whole sentences from the start of a text, about so many words."""
    sentences: list[str] = []
    for sentence in text.split(". "):
        sentences.append(sentence.rstrip(".") + ".")
        if sum(len(part.split()) for part in sentences) >= n_words:
            return sentences
    raise BadInputError(f"a haystack has fewer than {n_words} words; give longer texts")


def _sources(tokens: Tensor, needle: Tensor, answer: Tensor) -> Tensor:
    """For each token of the answer the position in the needle that holds the same id at the same place in order."""
    width = answer.shape[1]
    same_place = torch.nn.functional.pad(needle, (0, max(0, width - needle.shape[1])), value=-1)[:, :width]
    sample = torch.arange(len(tokens))[:, None]
    is_same = tokens[sample, same_place.clamp(min=0)] == tokens[sample, answer.clamp(min=0)]
    return torch.where(is_same & (same_place >= 0) & (answer >= 0), same_place, -1)

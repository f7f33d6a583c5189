"""Prompts with marked spans: sentences in which it is known where the names, the needle or the instruction stands."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any

from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.inputs import TokenBatch, check_n_samples, padded
from probes.recipes.base import Recipe
from probes.standard import N_SAMPLES, SEED


@dataclass(frozen=True)
class Prompt:
    """One text and where its parts stand."""

    text: str

    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Characters from start to before stop, by name; the same names in all prompts of a batch."""


@dataclass(frozen=True)
class Prompts(Recipe):
    """Prompts made for a model; the marks of the batch hold the token positions of every span.

    `batch.marks[name]` has shape (batch, n_tokens): positions of the tokens that overlap the span, in order, filled up
    with -1. `batch.last` is the end of each prompt.
    """

    n_samples: int = N_SAMPLES
    seed: int = SEED

    @abstractmethod
    def prompts(self, model: ProbedModel) -> Sequence[Prompt]:
        """The prompts.

        Args:
            model: The model, for tokenizers that decide which words can be used.

        Returns:
            One prompt a sample.

        Raises:
            BadInputError: this model's tokenizer leaves too few words to choose from.
        """

    @abstractmethod
    def describe(self) -> str:
        """What the model reads, in words."""

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The prompts as tokens, filled up at the end to one length."""
        prompts = self.prompts(model)
        check_n_samples(len(prompts))
        if model.tokenizer is None:
            raise BadInputError("this model has no tokenizer, so it cannot read prompts; load it with one")
        encoded = [_encode(prompt.text, model.tokenizer) for prompt in prompts]
        tokens, lengths = padded([ids for ids, _ in encoded], filler=encoded[0][0][0])
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        settings = {name: value for name, value in values.items() if isinstance(value, int | float | str | bool)}
        texts = "\n".join(prompt.text for prompt in prompts)
        return TokenBatch(
            tokens=tokens,
            description=self.describe(),
            settings={**settings, "texts_sha256": sha256(texts.encode()).hexdigest()},
            seed=self.seed,
            lengths=lengths,
            marks={name: _mark(name, prompts, encoded) for name in prompts[0].spans},
        )


def _encode(text: str, tokenizer: Any) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids, and the characters that each covers."""
    if not tokenizer.is_fast:
        raise BadInputError("the tokenizer does not say which characters a token covers; use its fast version")
    encoding = tokenizer(text, return_offsets_mapping=True)
    return encoding["input_ids"], [tuple(offsets) for offsets in encoding["offset_mapping"]]


def _mark(name: str, prompts: Sequence[Prompt], encoded: Sequence[tuple[list[int], list[tuple[int, int]]]]) -> Tensor:
    """Token positions of a span in every prompt, shape (batch, n_tokens), filled up with -1."""
    rows = []
    for prompt, (_, offsets) in zip(prompts, encoded, strict=True):
        start, stop = prompt.spans[name]
        positions = [at for at, (first, last) in enumerate(offsets) if first < stop and last > start]
        if not positions:
            raise BadInputError(f"span '{name}' of prompt '{prompt.text}' holds no token")
        rows.append(positions)
    return padded(rows, filler=-1)[0]

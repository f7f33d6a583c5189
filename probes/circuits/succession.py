"""The next items of ordered series that heads raise, by their effective OV circuits.

Source: gould-2023-successor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.full_ov import over_layers, residuals, written
from probes.shapes import SampleScores
from probes.single_tokens import forms_in_tokens

LEAST_ITEMS = 5
"""Items that must be left of a form."""

LEAST_PAIRS = 4
"""Pairs of neighbours that must be left of a form."""


@dataclass(frozen=True)
class Task:
    """An ordered list of words."""

    words: tuple[str, ...]
    wraps: bool = False


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
NUMBER_WORDS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
TASKS = {
    "weekdays": Task(DAYS, wraps=True),
    "months": Task(MONTHS, wraps=True),
    "number_words": Task(NUMBER_WORDS),
    "ordinals": Task(ORDINALS),
    "letters": Task(tuple("abcdefghijklmnopqrstuvwxyz")),
    "numbers": Task(tuple(map(str, range(1, 201)))),
}


@dataclass(frozen=True)
class Series:
    """One form of a task in tokens."""

    items: Int[Tensor, " item"]
    """Token ids: the candidates."""

    pairs: Int[Tensor, "pair two"]
    """Numbers of an item and of the next."""


def defined_tasks(tokenizer: Any) -> tuple[dict[str, list[Series]], dict[str, str]]:
    """The tasks that a tokenizer leaves, in its tokens.

    Args:
        tokenizer: A transformers tokenizer, or None, which leaves no task.

    Returns:
        Forms by task, and a note for every task on what is left of it.
    """
    tasks: dict[str, list[Series]] = {}
    notes: dict[str, str] = {}
    for name, task in TASKS.items():
        forms = [] if tokenizer is None else forms_in_tokens(tokenizer, task.words)
        all_series = [_series(ids, wraps=task.wraps) for ids in forms]
        kept = [one for one in all_series if len(one.items) >= LEAST_ITEMS and len(one.pairs) >= LEAST_PAIRS]
        most = max((len(one.items) for one in all_series), default=0)
        words = f"{most} of {len(task.words)} words are single tokens"
        notes[f"task_{name}"] = f"{words}, {len(kept)} form(s)" if kept else f"not defined: {words}"
        if kept:
            tasks[name] = kept
    return tasks, notes


def _series(ids: Sequence[int | None], *, wraps: bool) -> Series:
    """Items and pairs of one form; a word that is no single token leaves neither."""
    numbers = {place: number for number, place in enumerate(p for p, found in enumerate(ids) if found is not None)}
    after = {place: (place + 1) % len(ids) if wraps else place + 1 for place in numbers}
    pairs = [(numbers[place], numbers[after[place]]) for place in numbers if after[place] in numbers]
    items = torch.tensor([found for found in ids if found is not None], dtype=torch.int64)
    return Series(items, torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2))


def guessed_items(model: ProbedModel, all_series: Sequence[Series]) -> Float[Tensor, "two pair layer head"]:
    """What every head raises most when it attends to the items of series.

    Args:
        model: The model.
        all_series: The series; their pairs stand side by side.

    Returns:
        Number of the item with the highest logit in its series, first among all items, then with the one attended to
        left out; not a number in layers without softmax attention.
    """
    ids = torch.cat([series.items for series in all_series]).unique()
    before, vocabulary = residuals(model, ids), model.weights.direction(ids).T

    def guesses(layer: int) -> Tensor:
        logits = (written(model, layer, before(layer)) @ vocabulary).cpu()
        return torch.cat([_guesses(logits, ids, series) for series in all_series], dim=1).flatten(0, 1)

    return over_layers(model, guesses).unflatten(0, (2, -1))


def _guesses(logits: Tensor, ids: Tensor, series: Series) -> Tensor:
    """Guesses of one layer on one series, shape (two, pair, head)."""
    places, attended = torch.searchsorted(ids, series.items), series.pairs[:, 0]
    rows = logits[:, places[attended]][:, :, places]
    others = rows.scatter(2, attended[None, :, None].expand(len(rows), -1, 1), -torch.inf)
    return torch.stack([rows.argmax(2), others.argmax(2)]).transpose(1, 2).double()


def task_means(tasks: Sequence[Sequence[Series]]) -> Float[Tensor, "task pair"]:
    """Matrix that takes the mean over the pairs of each task.

    Args:
        tasks: Forms by task.

    Returns:
        Rows that sum to one.
    """
    sizes = torch.tensor([sum(len(series.pairs) for series in forms) for forms in tasks])
    of_pair = torch.arange(len(tasks)).repeat_interleave(sizes)
    return (of_pair == torch.arange(len(tasks))[:, None]) / sizes[:, None].double()


def hits(guesses: Float[Tensor, "pair layer head"], wanted: Int[Tensor, " pair"]) -> Float[Tensor, "pair layer head"]:
    """1 where the guess is the wanted item, 0 elsewhere."""
    return (guesses == wanted[:, None, None]).double()


def scores_of_tasks(by_task: Float[Tensor, "task pair"], found: Float[Tensor, "pair layer head"]) -> SampleScores:
    """Mean hit of each task.

    Args:
        by_task: Made by task_means.
        found: Made by hits.

    Returns:
        Shape (task, layer, head), from 0 to 1; a mean over the tasks is the succession score.
    """
    return torch.einsum("tp,plh->tlh", by_task, found)

"""Share of items of ordered series whose next item a head raises most when it attends to them.

Score: share of pairs (item, next item) for which the next has the highest logit among all items of its series, the item
itself included, when the head attends to the item alone: effective embedding, W_V, W_O, final norm, unembedding. A mean
over tasks, so that long series do not rule it; the samples are the tasks, because a successor head serves several.
From 0 to 1; higher means more of a successor head. Lists that wrap around do so here.

Items must be single tokens. Each task is read in lower case and capitalised, with and without a space in front; a form
counts if enough items are left, and items compete within their form. The notes say what is left of every task, and
which is not defined for a tokenizer. They also give the best head if the item itself is no candidate, for a head that
lowers what it attends to scores in short series without knowing any order; the best head over all pairs pooled; chance;
and the score that the best of all heads exceeds in one of twenty draws if the next items are dealt out at random. That
deal, averaged, is the null.

Source: gould-2023-successor, whose threshold is one half. Differs from the paper: all of the first block in place of
its MLP, a mean over tasks, no short forms of days and months, no Roman numerals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from catalog.ids import HeadName
from probes.adapters.base import ProbedModel
from probes.detectors.base import Note, Samples, WeightDetector
from probes.errors import BadInputError
from probes.full_ov import over_layers, residuals, written
from probes.shapes import LayerHead, SampleScores
from probes.single_tokens import forms_in_tokens

LEAST_ITEMS = 5
"""Items that must be left of a form."""

LEAST_PAIRS = 4
"""Pairs of neighbours that must be left of a form."""

N_DRAWS = 200
"""Deals of the next items, for the null."""


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


class Successor(WeightDetector):
    """Whether the next item of a series is raised most."""

    name = "successor"
    head_type = "successor"
    inputs = "weekdays, months, number words, ordinals, letters and numbers, each item alone"
    threshold = 0.5
    threshold_source = "gould-2023-successor"

    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """One score a task."""
        tasks, notes = defined_tasks(model.tokenizer)
        if len(tasks) < 2:
            left = "; ".join(f"{name.removeprefix('task_')} {note}" for name, note in notes.items())
            raise BadInputError(f"detector '{self.name}' needs 2 tasks, the tokenizer leaves {len(tasks)}: {left}")
        all_series = [series for forms in tasks.values() for series in forms]
        guesses = guessed_items(model, all_series)
        by_task = _task_means(list(tasks.values()))
        wanted = torch.cat([series.pairs[:, 1] for series in all_series])
        hits, hits_without = (_hits(guess, wanted) for guess in guesses)
        deals = _deals(all_series, self.generator(seed))
        null = torch.stack([_mean(by_task, _hits(guesses[0], dealt)) for dealt in deals])
        without = _mean(by_task, hits_without).mean(0)
        notes |= {
            "n_pairs": len(wanted),
            "chance": float((by_task @ torch.cat([_chances(series) for series in all_series])).mean()),
            "best_of_all_heads_by_chance": float(null.mean(1).flatten(1).amax(1).quantile(0.95)),
            "best_head_item_no_candidate": _best(without),
            "heads_above_threshold_item_no_candidate": int((without >= self.threshold).sum()),
            "best_head_pooled": _best(hits.mean(0)),
        }
        return Samples(_mean(by_task, hits), null.mean(0), notes)


def defined_tasks(tokenizer: Any) -> tuple[dict[str, list[Series]], dict[str, Note]]:
    """The tasks that a tokenizer leaves, in its tokens.

    Args:
        tokenizer: A transformers tokenizer, or None, which leaves no task.

    Returns:
        Forms by task, and a note for every task on what is left of it.
    """
    tasks: dict[str, list[Series]] = {}
    notes: dict[str, Note] = {}
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


def _task_means(tasks: Sequence[Sequence[Series]]) -> Float[Tensor, "task pair"]:
    """Matrix that takes the mean over the pairs of each task."""
    sizes = torch.tensor([sum(len(series.pairs) for series in forms) for forms in tasks])
    of_pair = torch.arange(len(tasks)).repeat_interleave(sizes)
    return (of_pair == torch.arange(len(tasks))[:, None]) / sizes[:, None].double()


def _mean(by_task: Tensor, hits: Tensor) -> SampleScores:
    return torch.einsum("tp,plh->tlh", by_task, hits)


def _hits(guesses: Tensor, wanted: Tensor) -> Tensor:
    """1 where the guess is wanted, shape (pair, layer, head)."""
    return (guesses == wanted[:, None, None]).double()


def _chances(series: Series) -> Tensor:
    return torch.full((len(series.pairs),), 1 / len(series.items), dtype=torch.float64)


def _deals(all_series: Sequence[Series], generator: torch.Generator) -> list[Tensor]:
    """The next items of every series dealt out at random, time and again."""
    return [
        torch.cat([series.pairs[torch.randperm(len(series.pairs), generator=generator), 1] for series in all_series])
        for _ in range(N_DRAWS)
    ]


def _best(scores: LayerHead) -> str:
    """The best head and its score, for people."""
    layer, head = divmod(int(scores.argmax()), scores.shape[1])
    return f"{HeadName(layer, head)} {float(scores[layer, head]):.2f}"


DETECTOR = Successor()

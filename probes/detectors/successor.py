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

import torch
from torch import Tensor

from catalog.ids import HeadName
from probes.adapters.base import ProbedModel
from probes.circuits.succession import Series, defined_tasks, guessed_items, hits, scores_of_tasks, task_means
from probes.detectors.base import Note, Samples, WeightDetector
from probes.errors import BadInputError
from probes.shapes import LayerHead

N_DRAWS = 200
"""Deals of the next items, for the null."""


class Successor(WeightDetector):
    """Whether the next item of a series is raised most."""

    name = "successor"
    head_type = "successor"
    inputs = "weekdays, months, number words, ordinals, letters and numbers, each item alone"
    threshold = 0.5
    threshold_source = "gould-2023-successor"

    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """One score a task."""
        tasks, words_left = defined_tasks(model.tokenizer)
        if len(tasks) < 2:
            left = "; ".join(f"{name.removeprefix('task_')} {note}" for name, note in words_left.items())
            raise BadInputError(f"detector '{self.name}' needs 2 tasks, the tokenizer leaves {len(tasks)}: {left}")
        all_series = [series for forms in tasks.values() for series in forms]
        guesses = guessed_items(model, all_series)
        by_task = task_means(list(tasks.values()))
        wanted = torch.cat([series.pairs[:, 1] for series in all_series])
        found, found_without = (hits(guess, wanted) for guess in guesses)
        deals = _deals(all_series, self.generator(seed))
        null = torch.stack([scores_of_tasks(by_task, hits(guesses[0], dealt)) for dealt in deals])
        without = scores_of_tasks(by_task, found_without).mean(0)
        notes: dict[str, Note] = {
            **words_left,
            "n_pairs": len(wanted),
            "chance": float((by_task @ torch.cat([_chances(series) for series in all_series])).mean()),
            "best_of_all_heads_by_chance": float(null.mean(1).flatten(1).amax(1).quantile(0.95)),
            "best_head_item_no_candidate": _best(without),
            "heads_above_threshold_item_no_candidate": int((without >= self.threshold).sum()),
            "best_head_pooled": _best(found.mean(0)),
        }
        return Samples(scores_of_tasks(by_task, found), null.mean(0), notes)


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

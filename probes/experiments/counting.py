"""Do attention heads compete or cooperate when they count?

A one-layer transformer without MLPs learns to say whether a string of 0s, 1s and 2s holds more 1s than 0s, and to end
the sentence. Then it is taken apart: each head alone and each left out, votes and subsets, attention and values
exchanged, the weights of the heads, and when in training each head begins to count.

Source: arXiv 2502.06923. Only its abstract and digests were at hand: the task, the names of its three measures and its
conclusions are the paper's, formulas, sizes and thresholds are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import torch

from probes.experiments._counting.accuracy import area
from probes.experiments._counting.ensembles import (
    aggregation_facts,
    answers,
    full_facts,
    subset_facts,
    vote_accuracy,
)
from probes.experiments._counting.heads import head_facts
from probes.experiments._counting.interventions import intervention_facts, swap_facts
from probes.experiments._counting.readings import Readings, read
from probes.experiments._counting.summary import summarise
from probes.experiments.base import Facts, Plan, Summary, TrainedExperiment
from probes.experiments.settings import Settings
from probes.tiny.tasks.counting import ONE, VOCABULARY, ZERO, Counting, strings_of_lengths
from probes.tiny.training import Trained, Training
from probes.tiny.transformer import TinyConfig, TinyForCausalLM, check_heads

LONGER = range(21, 41)
"""Lengths that no training string of the standard settings has."""

EXAMPLE = (1, 0, 2, 1, 1, 0, 2, 1)
"""String on which the attention of each head is shown."""

N_WATCHED = 60
"""Strings of each length that a model is watched on while it is trained."""


@dataclass(frozen=True)
class CountingSettings(Settings):
    """Settings of the counting experiment."""

    n_heads: Annotated[int, "Heads of the layer."] = 4
    d_model: Annotated[int, "Width of the residual stream."] = 64
    positions: Annotated[Literal["none", "learned"], "Whether attention knows positions."] = "none"
    has_residual: Annotated[bool, "Whether the separator's own embedding reaches the unembedding."] = True
    every_position: Annotated[bool, "Whether the loss counts every next token, not only answer and end."] = False
    shortest: Annotated[int, "Symbols of the shortest training string."] = 5
    longest: Annotated[int, "Symbols of the longest training string."] = 20
    n_evaluated: Annotated[int, "Strings of each length in the evaluation set."] = 500
    n_steps: Annotated[int, "Training steps."] = 3000
    batch_size: Annotated[int, "Strings of a training step."] = 128
    learning_rate: Annotated[float, "Highest learning rate."] = 2e-3
    n_warmup: Annotated[int, "Steps on which the learning rate grows."] = 100
    evaluate_every: Annotated[int, "Steps between two looks at the heads during training."] = 100
    mixed_precision: Annotated[bool, "Whether activations are bfloat16 while training."] = False

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            BadInputError: names them.
        """
        check_heads(self.d_model, [self.n_heads])
        self.task.batch(torch.Generator(), 0, 1)
        self.training  # noqa: B018  checks itself

    @property
    def task(self) -> Counting:
        """What the model learns."""
        return Counting(self.shortest, self.longest, self.n_evaluated, self.every_position)

    @property
    def training(self) -> Training:
        """How it learns."""
        return Training.of(self)

    @property
    def is_standard(self) -> bool:
        """Whether only the number of heads differs from the defaults; the bars were set for these."""
        return replace(self, n_heads=CountingSettings.n_heads) == CountingSettings()


class CountingExperiment(TrainedExperiment):
    """Counting with one layer of attention."""

    name = "counting"
    question = "Do the heads of a layer each do the whole count, or do they share it out?"
    paper = "zsamboki-2025-counting"
    choices = (
        "The answer is a token after a separator, and the sentence has a start token: the paper's format is not known.",
        "Strings have 5 to 20 symbols, drawn evenly; a tie counts as no.",
        "The loss counts the answer and the end of the sentence only; the symbols of a string cannot be foreseen.",
        "One layer without MLP as in the paper; no LayerNorm, no positions, width 64 and 4 or 8 heads are ours.",
        "AdamW, 3,000 steps of 128 strings, highest rate 0.002 after 100 steps of warm-up, cosine to 5 %.",
        "The formulas of l-acc, s-acc, w_01 and w_02 are ours, chosen to fit their names.",
    )
    settings = CountingSettings

    def plan(self, settings: CountingSettings) -> Plan:
        """The training of every seed."""
        config = TinyConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=settings.d_model,
            num_attention_heads=settings.n_heads,
            max_position_embeddings=max(settings.longest, LONGER.stop - 1) + 4,
            positions=settings.positions,
            has_residual=settings.has_residual,
        )
        watched = replace(settings.task, n_evaluated=min(N_WATCHED, settings.n_evaluated)).evaluation()

        def watch(model: TinyForCausalLM) -> dict[str, float]:
            readings = read(model, watched)
            solo = {f"auc_{head}": area(readings.margins[:, head], readings.is_yes) for head in range(settings.n_heads)}
            full = full_facts(readings)
            return solo | {name: full[name] for name in ("label_accuracy", "sentence_accuracy")}

        return Plan(config, settings.task, settings.training, watch)

    def measure(self, settings: CountingSettings, trained: Trained) -> Facts:
        """All that is measured of a trained model."""
        task, model = settings.task, trained.model
        readings = read(model, task.evaluation())
        longer = read(model, strings_of_lengths(LONGER, settings.n_evaluated, task))
        heads = head_facts(readings)
        interventions = intervention_facts(readings, heads)
        return {
            "seed": trained.seed,
            "full": full_facts(readings),
            "close": _close_facts(readings),
            "longer": full_facts(longer),
            "heads": [noted | changed for noted, changed in zip(heads, interventions, strict=True)],
            "vote": vote_accuracy(readings),
            "subsets": subset_facts(readings),
            "swap": swap_facts(readings),
            "aggregation": aggregation_facts(readings),
            "steps": [evaluation.step for evaluation in trained.history],
            "watched": {name: trained.curve(name) for name in trained.history[0].metrics},
            "example": _example_facts(model, task),
        }

    def summarise(self, settings: CountingSettings, facts: Sequence[Facts]) -> Summary:
        """What the facts of all seeds come to."""
        return summarise(facts, has_bars=settings.is_standard)


def _close_facts(readings: Readings) -> dict[str, float]:
    """How well the model answers where 1s and 0s differ by one at most."""
    differences = [(rows.tokens == ONE).sum(1) - (rows.tokens == ZERO).sum(1) for rows in readings.rows]
    close = readings.only(torch.cat(differences).abs() <= 1)
    return answers(close.direct + close.heads.sum(2), close)


def _example_facts(model: TinyForCausalLM, task: Counting) -> dict[str, Any]:
    rows = read(model, [task.sentences(torch.tensor([EXAMPLE]))]).rows[0]
    return {"tokens": [VOCABULARY[token] for token in rows.tokens[0]], "attention": rows.pattern[0].tolist()}


EXPERIMENT = CountingExperiment()
run = EXPERIMENT.run

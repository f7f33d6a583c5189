"""Can a small transformer follow a chain of facts, how many layers does that take, and which heads do it in what order?

Attention-only models are trained on chains of D facts, as many layers as the causal bound asks for or one fewer. They
have to name every link of the chain (the implicit curriculum), only its end, or its end from any link (mixed). What is
recorded: accuracy by number of links, where each head looks, what each head's removal costs, and when what appeared.

Source: musat-2024-stacked-heads, of which neither the full text nor code was at hand. Where this differs from it cannot
be told; our choices stand below the settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch

from probes.errors import BadInputError
from probes.experiments._retrieval_chain.heads import ChainMeasure, ablated_accuracies, head_names
from probes.experiments._retrieval_chain.outcomes import Outcomes
from probes.experiments._retrieval_chain.summary import summary
from probes.experiments.base import Facts, Plan, Summary, TrainedExperiment
from probes.experiments.settings import Settings
from probes.tiny.tasks.retrieval_chain import RetrievalChains, Targets
from probes.tiny.training import Metrics, Trained, Training
from probes.tiny.transformer import TinyConfig

CHOICES = (
    "Four chains of distinct symbols, drawn anew for every sequence; facts of two tokens, interleaved at random, those "
    "of a chain from the last to the first; the query is the last token; causal mask.",
    "The implicit curriculum is one linear read-out for each link at the query, with the mean of their losses; without "
    "it only the read-out of the last link is left.",
    "Attention only, two heads a layer, width 64, learned positions, LayerNorm, no MLP; embeddings drawn with variance "
    "1/64.",
    "AdamW, learning rate 3e-3 after 200 steps of warm-up, no weight decay, batches of 128 fresh sequences; training "
    "ends when every accuracy exceeds 0.99 or after 4,000 steps; 512 fixed sequences every 25 steps.",
    "Heads are scored by mean attention over those sequences; a head is ablated by its mean output over sequences and "
    "positions.",
)
SOLVED = 0.99
"""Accuracy above which a number of links counts as solved."""

DECIMALS = 4


@dataclass(frozen=True)
class ChainSettings(Settings):
    """Size of the problem and of the model."""

    depth: Annotated[int, "D, facts in a chain."] = 3
    n_layers: Annotated[int, "Layers of the model."] = 3
    n_chains: Annotated[int, "C, chains in a sequence; guessing is right once in C."] = 4
    targets: Annotated[Targets, "What the model has to say: every link, last link, or mixed."] = "every link"
    has_norms: Annotated[bool, "Whether there are LayerNorms."] = True
    n_heads: Annotated[int, "Heads of a layer."] = 2
    d_model: Annotated[int, "Width of the residual stream."] = 64
    n_steps: Annotated[int, "Steps after which training ends in any case."] = 4000
    batch_size: Annotated[int, "Sequences in a step."] = 128
    learning_rate: Annotated[float, "Learning rate after the warm-up."] = 3e-3
    n_warmup: Annotated[int, "Steps of the warm-up."] = 200
    evaluate_every: Annotated[int, "Steps from one evaluation to the next."] = 25
    n_evaluated: Annotated[int, "Sequences in the evaluation set."] = 512

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            BadInputError: names the setting.
        """
        if self.n_layers < 1:
            raise BadInputError(f"n_layers is {self.n_layers}; a model needs at least 1 layer")
        _ = self.task, self.training, self.config

    @property
    def task(self) -> RetrievalChains:
        """What the models learn."""
        return RetrievalChains(self.depth, self.n_chains, self.targets, self.n_evaluated)

    @property
    def training(self) -> Training:
        """How they learn it."""
        return Training.of(self, floor=1.0)

    @property
    def config(self) -> TinyConfig:
        """What they are."""
        return TinyConfig(
            vocab_size=self.task.d_vocab,
            hidden_size=self.d_model,
            num_hidden_layers=self.n_layers,
            num_attention_heads=self.n_heads,
            max_position_embeddings=self.task.n_ctx,
            positions="learned",
            has_norms=self.has_norms,
            n_readouts=self.task.n_readouts,
            embedding_std=self.d_model**-0.5,
        )


class RetrievalChain(TrainedExperiment):
    """Chains of facts, with and without the implicit curriculum."""

    name = "retrieval_chain"
    question = "Which heads let a small transformer follow a chain of facts, in how many layers, and when do they form?"
    paper = "musat-2024-stacked-heads"
    choices = CHOICES
    settings = ChainSettings

    def plan(self, settings: ChainSettings) -> Plan:
        """One model on one depth; it stops when it has learned every number of links."""
        measure = ChainMeasure(settings.task, settings.task.evaluated())
        return Plan(settings.config, settings.task, settings.training, measure, has_solved)

    def measure(self, settings: ChainSettings, trained: Trained) -> Facts:
        """Curves of the training, and heads of the finished model."""
        measure = ChainMeasure(settings.task, settings.task.evaluated())
        with torch.no_grad():
            output = trained.model(measure.sequences.tokens)
        patterns = torch.stack(list(output.attentions))
        scores = measure.scores(patterns)
        names = list(trained.history[0].metrics)
        return {
            "seed": trained.seed,
            "n_steps": trained.n_steps,
            "is_solved": has_solved(trained.history[-1].metrics),
            "steps": [evaluation.step for evaluation in trained.history],
            "curves": {name: _rounded(trained.curve(name)) for name in names},
            "heads": [str(name) for name in head_names(trained.model)],
            "scores": {name: _rounded(values.flatten().tolist()) for name, values in scores.items()},
            "line": [_rounded(part.flatten().tolist()) for part in measure.line_attention(patterns).flatten(0, 1)],
            "ablated": ablated_accuracies(trained.model, measure),
        }

    def summarise(self, settings: ChainSettings, facts: Sequence[Facts]) -> Summary:
        """Accuracies, steps, circuit and order over the seeds."""
        sizes = (settings.task, settings.n_layers, settings.has_norms, settings.n_steps)
        return summary(Outcomes(*sizes, facts))


def has_solved(metrics: Metrics) -> bool:
    """Whether every number of links is followed.

    Args:
        metrics: From ChainMeasure.

    Returns:
        True if every accuracy is above SOLVED.
    """
    return all(value > SOLVED for name, value in metrics.items() if name.startswith("acc_"))


def _rounded(values: Sequence[Any]) -> list[float]:
    return [round(value, DECIMALS) for value in values]


EXPERIMENT = RetrievalChain()
run = EXPERIMENT.run

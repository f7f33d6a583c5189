"""When do a previous-token head and an induction head form in a two-layer model, and what happens to the loss?

An attention-only model of two layers, or of one as a control, learns random blocks of tokens that are repeated, each
sequence with a period of its own. Noted over training are previous-token and induction scores, K-composition of the
heads that are best in the end, and the loss on tokens that an earlier occurrence gives away. Afterwards detectors of
the catalogue read the finished model.

Source: elhage-2021-framework for the two heads and K-composition, olsson-2022-induction for the phase change, which it
finds in language models; the task, the model and the training are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from catalog.ids import HeadName
from probes import load_model
from probes.circuits.composition import composition
from probes.errors import BadInputError
from probes.experiments._induction_emergence.summary import DETECTORS, summary
from probes.experiments.base import Facts, Plan, Summary, TrainedExperiment
from probes.experiments.settings import Settings
from probes.inputs import positions_after_occurrences
from probes.service import run as detect
from probes.tiny.tasks.repeated_tokens import RepeatedSequences, RepeatedTokens
from probes.tiny.training import Metrics, Trained, Training
from probes.tiny.transformer import TinyConfig, TinyForCausalLM

HALF_LENGTH = 24
"""Tokens that the detectors' input repeats; twice as many and no more fit into the model."""

DECIMALS = 4


@dataclass(frozen=True)
class InductionSettings(Settings):
    """Size of the problem and of the model."""

    n_layers: Annotated[int, "Layers, 1 or 2; one layer is the control that cannot compose heads."] = 2
    n_heads: Annotated[int, "Heads of a layer."] = 4
    d_model: Annotated[int, "Width of the residual stream."] = 64
    d_vocab: Annotated[int, "Number of tokens."] = 64
    length: Annotated[int, "Tokens of a sequence."] = 64
    shortest_period: Annotated[int, "Tokens of the shortest block."] = 8
    longest_period: Annotated[int, "Tokens of the longest block."] = 32
    n_steps: Annotated[int, "Steps of the training."] = 1500
    batch_size: Annotated[int, "Sequences in a step."] = 32
    learning_rate: Annotated[float, "Learning rate after the warm-up."] = 3e-3
    n_warmup: Annotated[int, "Steps of the warm-up."] = 100
    evaluate_every: Annotated[int, "Steps from one evaluation to the next."] = 25
    n_evaluated: Annotated[int, "Sequences in the evaluation set."] = 128

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            BadInputError: names the setting.
        """
        if self.n_layers not in {1, 2}:
            raise BadInputError(f"n_layers is {self.n_layers}; the question is about 1 or 2 layers")
        _ = self.task, self.training, self.config

    @property
    def task(self) -> RepeatedTokens:
        """What the models learn."""
        periods = (self.shortest_period, self.longest_period)
        return RepeatedTokens(self.d_vocab, self.length, *periods, self.n_evaluated)

    @property
    def training(self) -> Training:
        """How they learn it."""
        return Training.of(self, floor=1.0)

    @property
    def config(self) -> TinyConfig:
        """What they are."""
        return TinyConfig(
            vocab_size=self.d_vocab,
            hidden_size=self.d_model,
            num_hidden_layers=self.n_layers,
            num_attention_heads=self.n_heads,
            max_position_embeddings=self.length,
            positions="learned",
            has_norms=True,
            embedding_std=self.d_model**-0.5,
        )


@dataclass(frozen=True)
class InductionMeasure:
    """Takes losses, head scores and K-composition of a model on fixed sequences."""

    sequences: RepeatedSequences

    def __call__(self, model: TinyForCausalLM) -> Metrics:
        """Losses in nats; scores and K-composition by head, from 0 to 1."""
        device = model.lm_head.weight.device
        tokens = self.sequences.tokens
        output = model(tokens.to(device))
        losses = torch.nn.functional.cross_entropy(
            output.logits[:, :-1].flatten(0, 1).float().cpu(), tokens[:, 1:].flatten(), reduction="none"
        ).view(len(tokens), -1)
        is_known = self.sequences.is_known
        found = {
            "known_loss": float(losses[is_known].mean()),
            "unknown_loss": float(losses[~is_known].mean()),
        }
        for kind, scores in self.scores(torch.stack(list(output.attentions)).cpu()).items():
            found |= {f"{kind} {HeadName(*place)}": float(scores[tuple(place)]) for place in _places(scores)}
        return found | _k_composition(model)

    def scores(self, patterns: Float[Tensor, "layer batch head query_pos key_pos"]) -> dict[str, Tensor]:
        """Previous-token and induction scores.

        Args:
            patterns: Of all layers.

        Returns:
            Shape (layer, head) each.
        """
        tokens = self.sequences.tokens
        keys = positions_after_occurrences(tokens)
        is_key = (keys[..., None] == torch.arange(tokens.shape[1])).any(2)
        mass = (patterns * is_key[:, None]).sum(-1)
        is_query = torch.cat([self.sequences.is_known, torch.zeros_like(tokens[:, :1], dtype=torch.bool)], dim=1)
        induction = (mass * is_query[:, None]).sum((1, 3)) / is_query.sum()
        return {"prev": patterns.diagonal(-1, 3, 4).mean((1, 3)), "induction": induction}


def _places(scores: Tensor) -> list[list[int]]:
    return torch.ones_like(scores).nonzero().tolist()


def _k_composition(model: TinyForCausalLM) -> Metrics:
    """K-composition of every head of the second layer with every head of the first, and its baseline."""
    if model.config.num_hidden_layers < 2:
        return {}
    found = composition(load_model(model, name="Small model"), "K")
    heads = range(model.config.num_attention_heads)
    pairs = [(HeadName(0, writer), HeadName(1, reader)) for writer in heads for reader in heads]
    return {"k baseline": found.baseline} | {f"k {one} {other}": found.score(one, other) for one, other in pairs}


class InductionEmergence(TrainedExperiment):
    """Two layers that learn to continue what is repeated."""

    name = "induction_emergence"
    question = (
        "When do a previous-token head and an induction head form in a two-layer model, and what does the loss do?"
    )
    paper = "olsson-2022-induction"
    choices = (
        "Random blocks of 8 to 32 tokens without repeats out of 64, repeated to 64 tokens; every next token counts in "
        "the loss.",
        "Two layers of attention only, four heads each, width 64, learned positions, LayerNorm; AdamW at 3e-3 after "
        "100 steps of warm-up, batches of 32.",
        "K-composition is that of the heads which are the best previous-token head and the best induction head in the "
        "end, with LayerNorm folded in.",
        "The phase change lasts from where the loss on known tokens has 90 % of its fall left to where it has 10 %; a "
        "head has formed where its score is half of what it is in the end.",
    )
    settings = InductionSettings

    def plan(self, settings: InductionSettings) -> Plan:
        """One model."""
        measure = InductionMeasure(settings.task.evaluated())
        return Plan(settings.config, settings.task, settings.training, measure)

    def measure(self, settings: InductionSettings, trained: Trained) -> Facts:
        """Curves of the training, and what the detectors say about the finished model."""
        last = trained.history[-1].metrics
        best = {"prev": _best(last, "prev", 0), "induction": _best(last, "induction", settings.n_layers - 1)}
        pair = f"k {best['prev']} {best['induction']}"
        names = {"known_loss": "known_loss", "unknown_loss": "unknown_loss"}
        names |= {kind: f"{kind} {head}" for kind, head in best.items()}
        names |= {"k_composition": pair, "k_baseline": "k baseline"} if pair in last else {}
        others = [value for name, value in last.items() if name.startswith("k L") and name != pair]
        detected = detect(
            load_model(trained.model, name="Small model"),
            list(DETECTORS),
            half_length=min(HALF_LENGTH, settings.length // 2),
            progress=False,
        )
        return {
            "seed": trained.seed,
            "steps": [evaluation.step for evaluation in trained.history],
            "curves": {name: [round(value, DECIMALS) for value in trained.curve(of)] for name, of in names.items()},
            "best": {kind: str(name) for kind, name in best.items()},
            "k_rank": 1 + sum(value > last[pair] for value in others) if others else None,
            "called": {name: [str(head) for head in detected[name].run.called()] for name in DETECTORS},
        }

    def summarise(self, settings: InductionSettings, facts: Sequence[Facts]) -> Summary:
        """Scores, losses and the steps of the phase change."""
        return summary(facts)


def _best(metrics: Metrics, kind: str, layer: int) -> HeadName:
    """The head of a layer with the highest score of a kind."""
    scores = {name: value for name, value in metrics.items() if name.startswith(f"{kind} L{layer}")}
    return HeadName.parse(max(scores, key=lambda name: scores[name]).removeprefix(f"{kind} "))


EXPERIMENT = InductionEmergence()
run = EXPERIMENT.run

"""How a small transformer is trained, and what comes out: settings of the loop in train.py, and its results."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

from probes.errors import BadInputError
from probes.tiny.transformer import TinyForCausalLM

Metrics = dict[str, float]
Measure = Callable[[TinyForCausalLM], Metrics]
"""What is noted of a model at every evaluation."""

Stop = Callable[[Metrics], bool]
"""Whether a model of which this was noted has learned enough."""


@dataclass(frozen=True)
class Training:
    """AdamW with a linear warm-up, then a cosine down to a floor."""

    n_steps: int = 3000
    batch_size: int = 128
    learning_rate: float = 2e-3
    beta_1: float = 0.9
    beta_2: float = 0.98
    weight_decay: float = 0.0
    n_warmup: int = 100
    """Steps on which the learning rate grows to its full size."""

    floor: float = 0.05
    """Share of the learning rate that is left at the last step; 1 for no decay."""

    evaluate_every: int = 100
    """Steps from one evaluation to the next; the start and the end are evaluated in any case."""

    mixed_precision: bool = False
    """Whether activations are bfloat16."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            BadInputError: names the setting.
        """
        for name in ("n_steps", "batch_size", "evaluate_every"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if not 0 <= self.n_warmup < self.n_steps:
            raise BadInputError(f"n_warmup is {self.n_warmup}; it must be from 0 to below n_steps, {self.n_steps}")
        if not (self.learning_rate > 0 and 0 <= self.floor <= 1):
            raise BadInputError(f"learning_rate {self.learning_rate} must be above 0, floor {self.floor} from 0 to 1")

    @classmethod
    def of(cls, settings: object, **others: float) -> "Training":
        """Training of an experiment.

        Args:
            settings: Settings of the experiment; those that have the name of a field here are taken.
            others: Further fields.

        Returns:
            The training; fields that neither names have their defaults.
        """
        named = {part.name: getattr(settings, part.name) for part in fields(cls) if hasattr(settings, part.name)}
        return cls(**(named | others))

    def rate(self, step: int) -> float:
        """Learning rate of a step.

        Args:
            step: Counted from 0.

        Returns:
            The rate.
        """
        if step < self.n_warmup:
            return self.learning_rate * (step + 1) / self.n_warmup
        progress = (step - self.n_warmup) / (self.n_steps - self.n_warmup)
        return self.learning_rate * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2)


@dataclass(frozen=True)
class Evaluation:
    """What was noted of a model after so many steps."""

    step: int
    metrics: Metrics


@dataclass(frozen=True)
class Trained:
    """A model at the end of its training, on the CPU."""

    seed: int
    model: TinyForCausalLM
    history: list[Evaluation]
    n_steps: int
    """Steps that made this model."""

    diverged_at: int | None = None
    """Step whose loss was not a number; the model is then that of the last evaluation before it."""

    def curve(self, metric: str) -> list[float]:
        """A metric at every evaluation.

        Args:
            metric: Its name.

        Returns:
            One number an evaluation.
        """
        return [evaluation.metrics[metric] for evaluation in self.history]

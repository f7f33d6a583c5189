"""What a task is: a source of token sequences with answers at some of their positions."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from probes.shapes import Tokens

Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Batch:
    """Sequences of one length, with what should be predicted at the same positions of all of them."""

    tokens: Tokens
    """Shape (batch, pos)."""

    positions: tuple[int, ...]
    """Positions where something is predicted."""

    targets: Int[Tensor, "batch n_targets"]
    """What should be predicted at each of them."""

    readouts: tuple[int, ...] | None = None
    """Which read-out of the model predicts each of them; None for the last one, which gives the logits."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(self.tokens.to(device), self.positions, self.targets.to(device), self.readouts)


@runtime_checkable
class Task(Protocol):
    """A source of training data; fresh for every step, the same for the same seed."""

    @property
    def d_vocab(self) -> int:
        """Number of tokens."""

    @property
    def n_ctx(self) -> int:
        """Length of the longest sequence."""

    def batch(self, generator: torch.Generator, step: int, n: int) -> Batch:
        """Data of one step.

        Args:
            generator: Source of everything that is random.
            step: Number of the step; lengths and positions may depend on it and on nothing random, so that the batches
                of many seeds have one shape.
            n: Number of sequences.

        Returns:
            The batch.
        """

    def evaluation(self) -> list[Batch]:
        """Data that is the same at every evaluation, of every seed.

        Returns:
            Batches, one for each length.
        """


class DrawnTask(ABC, Generic[Drawn]):
    """A task whose sequences are all drawn in one way, together with what is known of them."""

    n_evaluated: int
    """Sequences in the evaluation set."""

    evaluation_seed: ClassVar[int]
    """Seed of the evaluation set."""

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> Drawn:
        """Fresh sequences.

        Args:
            n: How many.
            generator: Source of the draw.

        Returns:
            The sequences, with what is known of them.
        """

    @abstractmethod
    def asked(self, sequences: Drawn) -> Batch:
        """What a model has to say to sequences.

        Args:
            sequences: From draw.

        Returns:
            The batch.
        """

    def batch(self, generator: torch.Generator, step: int, n: int) -> Batch:
        """Data of one step: fresh sequences; all steps are alike."""
        return self.asked(self.draw(n, generator))

    def evaluation(self) -> list[Batch]:
        """The same sequences at every evaluation, in one batch."""
        return [self.asked(self.evaluated())]

    def evaluated(self) -> Drawn:
        """The sequences of the evaluation, with what is known of them."""
        return self.draw(self.n_evaluated, torch.Generator().manual_seed(self.evaluation_seed))

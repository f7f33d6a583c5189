"""What a detector is: a head type, what its model reads, what is read off, and how scores and null come out of it.

Four kinds, from short to general: `KeyDetector` names the keys that count for every query, `KeySetDetector` names one
set of keys a sample, `PassDetector` asks for any read-outs of a forward pass, `WeightDetector` gets the model.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch

from probes.adapters.base import ProbedModel
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch, random_other_keys, random_other_set
from probes.readouts.base import FinalReadOut, LayerReadOut
from probes.readouts.key_mass import KeyMass
from probes.readouts.set_mass import SetMass
from probes.recipes.base import Recipe
from probes.recipes.repeated_tokens import RepeatedTokens
from probes.shapes import KeyPositions, KeySets, Queried, Reading, SampleScores

Family = Literal["pattern", "weight", "direct effect", "causal"]
Note = int | float | str | bool


@dataclass(frozen=True)
class Samples:
    """Scores of one detector, and the same measure under its null; a head without a score is not a number in both."""

    scores: SampleScores
    """Shape (sample, layer, head), in the detector's unit."""

    null_scores: SampleScores
    """Same shape; each sample is compared with its own null."""

    notes: Mapping[str, Note] = field(default_factory=dict)
    """What must be known to read the scores, such as the model's accuracy on the task."""


class Detector(ABC):
    """Measures one head type; derive from one of the four kinds below."""

    name: ClassVar[str]
    """Name of the detector and of its file."""

    head_type: ClassVar[str]
    """Id of the head type in data/head_types.yaml."""

    family: ClassVar[Family]
    """What kind of score it is."""

    unit: ClassVar[str] = "probability"
    """Unit of the score, such as probability, share, bits, tokens or logits."""

    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Lowest and highest possible score; infinite where there is no limit."""

    threshold: ClassVar[float]
    """Score from which a head may be called."""

    threshold_source: ClassVar[str]
    """Who set the threshold."""

    def generator(self, seed: int) -> torch.Generator:
        """Source of the null's draws; it does not depend on what else is measured."""
        digest = hashlib.sha256(f"null of {self.name}, seed {seed}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:6]))


class WeightDetector(Detector):
    """Measures the weights of a model, without an input."""

    family: ClassVar[Family] = "weight"
    unit: ClassVar[str] = "share"

    inputs: ClassVar[str]
    """What the score is taken over, in words, for the record."""

    @abstractmethod
    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """Scores and null.

        Args:
            model: The model; `model.weights` holds its weights by head.
            seed: Seed of the null.

        Returns:
            One score a sample (such as a word, a token or a task) for every head.

        Raises:
            UnsupportedModelError: the weights of this architecture cannot be told apart by head.
            BadInputError: the tokenizer leaves nothing to measure.
        """


class PassDetector(Detector):
    """Measures what heads do while the model reads an input."""

    family: ClassVar[Family] = "pattern"

    recipe: ClassVar[Recipe] = RepeatedTokens()
    """What the model reads; detectors with equal recipes share their forward passes."""

    for_encoders: ClassVar[bool] = False
    """Whether the score makes sense where tokens attend to later ones."""

    shortest_input: ClassVar[int] = 2
    """Fewest positions that give a score."""

    @abstractmethod
    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut | FinalReadOut]:
        """What to read while the model runs, by names of the detector's own choice.

        Args:
            batch: What the model reads.

        Returns:
            Read-outs over all samples; they are read in chunks of samples and put together again.
        """

    @abstractmethod
    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Scores and null out of what was read.

        Args:
            readings: By name, shape (sample, layer, head, ...); read-outs of the final residual lack layer and head.
            batch: What the model read.
            model: The model.

        Returns:
            One score a sample for every head.
        """

    def check(self, batch: TokenBatch) -> None:
        """Refuse an input on which this detector has nothing to measure.

        Args:
            batch: What the model would read.

        Raises:
            InputTooShortError: too few positions, or a sample without a query that counts.
        """
        length = int(batch.is_real.sum(1).min())
        if length < self.shortest_input:
            needs = f"needs at least {self.shortest_input} positions"
            raise InputTooShortError(f"detector '{self.name}' {needs}, the input has {length}")


class KeyDetector(PassDetector):
    """Measures the attention that heads give to chosen keys.

    The score of a head on one sample is the attention that a query gives to its keys, summed over the keys and
    averaged over the queries that have any: a probability from 0 to 1, never renormalised. The null is the attention to
    as many random other keys.
    """

    @abstractmethod
    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """Keys that count for every query.

        Args:
            batch: What the model reads.

        Returns:
            Shape (batch, query_pos, n_keys), counted from 0; -1 where a query has fewer keys or does not count.
        """

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Mass on the chosen keys and on random others."""
        keys = torch.where(batch.is_real[..., None], self.key_positions(batch), -1)
        null_keys = random_other_keys(keys, self.generator(batch.seed))
        return {"scores": KeyMass(keys), "null_scores": KeyMass(null_keys)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score."""
        return Samples(readings["scores"], readings["null_scores"])

    def check(self, batch: TokenBatch) -> None:
        """Refuse an input on which this detector has nothing to measure."""
        super().check(batch)
        empty = (self.key_positions(batch) < 0).flatten(1).all(1).nonzero()
        if len(empty):
            raise InputTooShortError(
                f"detector '{self.name}' has nothing to measure in sample {int(empty[0]) + 1}: no query there has a "
                "key that counts; use a longer text, or leave tokens out to measure on random tokens"
            )


class KeySetDetector(PassDetector):
    """Measures the attention that heads give to one set of keys, whatever their number.

    The score of a head on one sample is the attention that goes to the set, averaged over the queries that count: a
    probability from 0 to 1. The null is the attention to as many random other keys.
    """

    @abstractmethod
    def key_set(self, batch: TokenBatch) -> Queried:
        """Keys that belong to the set.

        Args:
            batch: What the model reads.

        Returns:
            Shape (batch, key_pos).
        """

    def queries(self, batch: TokenBatch) -> Queried:
        """Queries that count: all but the first, which sees nothing else.

        Args:
            batch: What the model reads.

        Returns:
            Shape (batch, query_pos).
        """
        return batch.is_real & (torch.arange(batch.tokens.shape[1]) > 0)

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Mass on the set and on a random other set of its size."""
        wanted = self.key_set(batch) & batch.is_real
        other = random_other_set(wanted, batch.is_real, self.generator(batch.seed))
        sets: KeySets = torch.stack([wanted, other], dim=1)
        return {"masses": SetMass(self.queries(batch), sets)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score."""
        masses = readings["masses"].double()
        return Samples(masses[..., 0], masses[..., 1])

    def check(self, batch: TokenBatch) -> None:
        """Refuse an input on which this detector has nothing to measure."""
        super().check(batch)
        empty = (~(self.key_set(batch) & batch.is_real)).all(1).nonzero()
        if len(empty):
            raise InputTooShortError(
                f"detector '{self.name}' has nothing to measure in sample {int(empty[0]) + 1}: no key there counts"
            )

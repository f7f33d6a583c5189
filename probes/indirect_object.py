"""What the detectors on indirect-object prompts share: where to look, effects on the two names, and the task itself.

Source: wang-2022-ioi.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.direct_effects import direct_effects
from probes.detectors.base import Note, PassDetector, Samples
from probes.inputs import TokenBatch, keys_of_queries, random_other_keys
from probes.readouts.base import FinalReadOut, LayerReadOut
from probes.readouts.final_residual import FinalResidual
from probes.readouts.head_output import HeadOutput
from probes.readouts.key_mass import KeyMass
from probes.readouts.set_mass import SetMassAt
from probes.recipes.base import Recipe
from probes.recipes.indirect_object import IndirectObject
from probes.shapes import KeyPositions, Reading

SOLVES_FROM = 0.75
"""Share of right answers from which a model is said to solve the task, half way between guessing and perfect."""


def answer_direction(model: ProbedModel, batch: TokenBatch) -> Float[Tensor, "sample 1 d_model"]:
    """Direction in front of the unembedding that raises the logit of IO over that of S.

    Args:
        model: The model.
        batch: Indirect-object prompts.

    Returns:
        Its unembedding of IO less that of S.
    """
    ids = batch.tokens.gather(1, torch.cat([batch.marks["IO"], batch.marks["S2"]], dim=1))
    return _difference(model, ids)


def random_direction(
    model: ProbedModel, batch: TokenBatch, generator: torch.Generator
) -> Float[Tensor, "sample 1 d_model"]:
    """The same direction for two names that the prompt does not mention.

    Args:
        model: The model.
        batch: Indirect-object prompts.
        generator: Source of the draw.

    Returns:
        The null of a direct effect: a head that writes names whatever it reads has the same effect along it.
    """
    others = batch.marks["other_names"]
    drawn = torch.rand(others.shape, generator=generator).argsort(1)[:, :2]
    return _difference(model, others.gather(1, drawn))


def _difference(model: ProbedModel, ids: Int[Tensor, "sample 2"]) -> Float[Tensor, "sample 1 d_model"]:
    one, other = model.weights.direction(ids).unbind(1)
    return (one - other)[:, None]


def task_notes(model: ProbedModel, batch: TokenBatch, residual: Reading) -> dict[str, Note]:
    """How well the model does the task, and on how many names.

    Args:
        model: The model.
        batch: Indirect-object prompts.
        residual: Final residual stream at END, shape (sample, 1, d_model).

    Returns:
        task_accuracy is the share of prompts in which IO gets a higher logit than S, so a half by guessing;
        mean_logit_difference is IO less S, in logits without a bias of the unembedding; solves_task says whether the
        accuracy reaches SOLVES_FROM: if not, there is no such circuit to find, whatever the scores are.
    """
    final = model.weights.final_norm(residual.to(model.weights.W_U.device))
    differences = (final * answer_direction(model, batch)).sum((1, 2))
    accuracy = float((differences > 0).double().mean())
    return {
        "task_accuracy": round(accuracy, 4),
        "mean_logit_difference": round(float(differences.mean()), 4),
        "solves_task": accuracy >= SOLVES_FROM,
        "n_names": int(batch.marks["other_names"].shape[1]) + 2,
    }


class NamePattern(PassDetector):
    """Attention from one marked token of an indirect-object prompt to another, a probability from 0 to 1."""

    recipe: ClassVar[Recipe] = IndirectObject()

    query: ClassVar[str]
    """Mark of the token that attends."""

    key: ClassVar[str]
    """Mark of the token that is attended to."""

    null_key: ClassVar[str | None] = None
    """Mark of the token that the null looks at; left out, a random earlier one."""

    def key_positions(self, batch: TokenBatch) -> KeyPositions:
        """The one key of the one query.

        Args:
            batch: Indirect-object prompts.

        Returns:
            Shape (batch, query_pos, 1); -1 for all other queries.
        """
        return self._from_query_to(batch, self.key)

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut | FinalReadOut]:
        """Mass on the key and on that of the null, and what the model answers."""
        keys = self.key_positions(batch)
        if self.null_key is None:
            null_keys = random_other_keys(keys, self.generator(batch.seed))
        else:
            null_keys = self._from_query_to(batch, self.null_key)
        residual = FinalResidual(batch.marks["END"])
        return {"scores": KeyMass(keys), "null_scores": KeyMass(null_keys), "residual": residual}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score; the task stands beside it."""
        notes = task_notes(model, batch, readings["residual"])
        return Samples(readings["scores"], readings["null_scores"], notes)

    def _from_query_to(self, batch: TokenBatch, key: str) -> KeyPositions:
        return keys_of_queries(batch, batch.marks[self.query][:, 0], batch.marks[key][:, 0])


class NameEffect(PassDetector):
    """Direct effect on the logit of IO less that of S at END, of heads that look at IO rather than at S."""

    recipe: ClassVar[Recipe] = IndirectObject()
    family = "direct effect"
    unit = "logits"
    value_range = (-float("inf"), float("inf"))

    sign: ClassVar[int]
    """1 for heads that raise the difference, -1 for heads that lower it."""

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut | FinalReadOut]:
        """Attention to the names, z and the final residual stream, all at END."""
        marks = batch.marks
        places = torch.arange(batch.tokens.shape[1])
        sets = torch.stack([places == marks["IO"], (places == marks["S1"]) | (places == marks["S2"])], dim=1)
        end = marks["END"]
        return {"masses": SetMassAt(end, sets), "z": HeadOutput(end), "residual": FinalResidual(end)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Effects along the two names, and along two others as the null; 0 in prompts where the head looks at S."""
        null = random_direction(model, batch, self.generator(batch.seed))
        directions = torch.cat([answer_direction(model, batch), null], dim=1)
        z, residual = readings["z"].expand(-1, -1, -1, 2, -1), readings["residual"].expand(-1, 2, -1)
        effects = self.sign * direct_effects(model.weights, z, residual, directions).double()
        to_io, to_s = readings["masses"][..., 0, :].unbind(-1)
        effects = torch.where((to_io > to_s)[..., None], effects, 0.0)
        return Samples(effects[..., 0], effects[..., 1], task_notes(model, batch, readings["residual"]))

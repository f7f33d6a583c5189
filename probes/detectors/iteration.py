"""Attention from the step that emits a state to the item of the input that this state needs.

Score: mean over the steps of a list of the attention from the query that emits state t to item t, summed over the
item's tokens. From 0 to 1; higher means more of an iteration head: its attention advances by one item a step. The items
are bits and the states their running parities. Lists differ in length, so that a head that looks back by a fixed
distance cannot score high.

The null is the attention of the same queries to other items of the same list: those of the steps moved on by a random
number of places, each sample by its own. The notes hold the share of states that the model would have written; one half
is chance. Most language models cannot do the task, and then a score only says where a head looks.

Source: cabannes-2024-iteration, who train two-layer models on such lists and, as their code has it, average the
attention on this diagonal and count how often it exceeds one half. Differs from it: prompts in words, one of their
tasks, and the mean alone. The paper gives no threshold for heads of language models.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import FinalReadOut, LayerReadOut
from probes.readouts.key_mass import KeyMass
from probes.recipes.running_parity import RunningParity
from probes.shapes import KeyPositions, QueryPositions, Reading
from probes.teacher_forcing import residual_at, share_written, would_write


class Iteration(PassDetector):
    """Attention to the item whose turn it is."""

    name = "iteration"
    head_type = "iteration"
    threshold = 0.3
    threshold_source = "our choice; the paper's models come near 1 and it sets none for language models"
    recipe = RunningParity()

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut | FinalReadOut]:
        """Attention to the item whose turn it is, and to others."""
        states, items = _first_tokens(batch), _items(batch)
        others = _moved(items, states, self.generator(batch.seed))
        return {
            "scores": KeyMass(_keys(batch, states, items)),
            "null_scores": KeyMass(_keys(batch, states, others)),
            "residual": residual_at(states),
        }

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """What was read is the score."""
        states = _first_tokens(batch)
        written = share_written(would_write(model, readings["residual"], batch, states), states)
        return Samples(readings["scores"], readings["null_scores"], {"accuracy": float(written.double().mean())})


def _first_tokens(batch: TokenBatch) -> QueryPositions:
    """First token of every state.

    Args:
        batch: From the recipe RunningParity.

    Returns:
        Shape (sample, n_steps); -1 behind the end of shorter lists, which repeat their last step.
    """
    first = torch.stack([batch.marks[name][:, 0] for name in _names(batch, "state")], dim=1)
    is_repeated = first[:, 1:] == first[:, :-1]
    return torch.cat([first[:, :1], torch.where(is_repeated, -1, first[:, 1:])], dim=1)


def _names(batch: TokenBatch, kind: str) -> list[str]:
    n_steps = sum(name.startswith("state_") for name in batch.marks)
    return [f"{kind}_{number + 1}" for number in range(n_steps)]


def _items(batch: TokenBatch) -> Tensor:
    """Positions of the items' tokens, shape (sample, n_steps, n_tokens), filled up with -1."""
    items = [batch.marks[name] for name in _names(batch, "item")]
    width = max(item.shape[1] for item in items)
    return torch.stack([torch.nn.functional.pad(item, (0, width - item.shape[1]), value=-1) for item in items], dim=1)


def _moved(items: Tensor, states: QueryPositions, generator: torch.Generator) -> Tensor:
    """Each list of items moved on by at least one place, in a circle."""
    moved = items.clone()
    for row, n_steps in enumerate((states >= 0).sum(1).tolist()):
        places = int(torch.randint(1, n_steps, (), generator=generator))
        moved[row, :n_steps] = items[row, :n_steps].roll(places, dims=0)
    return moved


def _keys(batch: TokenBatch, states: QueryPositions, items: Tensor) -> KeyPositions:
    """Keys of every query; only the queries that emit a state have any."""
    keys = torch.full((*batch.tokens.shape, items.shape[2]), -1)
    sample, step = torch.nonzero(states >= 0, as_tuple=True)
    keys[sample, states[sample, step] - 1] = items[sample, step]
    return keys


DETECTOR = Iteration()

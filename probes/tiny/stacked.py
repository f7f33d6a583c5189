"""Many seeds at once: the parameters of all models stacked, so that one program trains them all.

Every model has its own first weights and its own data, the same as when it is trained alone; AdamW treats every number
by itself, so stacking changes nothing but the order in which a sum is taken.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import psutil
import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import stack_module_state, vmap

from probes.devices import choose_device
from probes.errors import BadInputError, TooManySeedsError
from probes.tiny.tasks.base import Batch, Task
from probes.tiny.train import GPUS, Loop, Parameters, loss
from probes.tiny.training import Measure, Stop, Trained, Training
from probes.tiny.transformer import TinyConfig, TinyForCausalLM, new_model

COPIES = 6
"""Copies of the parameters that training holds: themselves, gradient, two moments, last evaluation, room to work."""

SHARE_OF_MEMORY = 0.8
"""Part of the free memory that may be used."""


class ManyModels:
    """A learner that is many models of one kind."""

    def __init__(self, config: TinyConfig, seeds: Sequence[int], device: torch.device) -> None:
        self.seeds: Sequence[int] = tuple(seeds)
        models = [new_model(config, seed).to(device) for seed in seeds]
        self._template = models[0]
        self.parameters: Parameters = stack_module_state(models)[0]

    def losses(self, batches: Sequence[Batch]) -> Float[Tensor, " seed"]:
        """Loss of every model, shape (seed,)."""
        tokens = torch.stack([batch.tokens for batch in batches])
        targets = torch.stack([batch.targets for batch in batches])
        losses: Tensor = vmap(partial(_loss, self._template, batches[0]))(self.parameters, tokens, targets)
        return losses

    def parameters_of(self, number: int) -> Parameters:
        """Parameters of one of the models."""
        return {name: value[number] for name, value in self.parameters.items()}


def _loss(template: TinyForCausalLM, like: Batch, parameters: Parameters, tokens: Tensor, targets: Tensor) -> Tensor:
    return loss(template, parameters, like, tokens, targets)


def train_stacked(
    config: TinyConfig,
    task: Task,
    training: Training,
    seeds: Sequence[int],
    *,
    measure: Measure | None = None,
    stop: Stop | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
    progress: bool = False,
) -> list[Trained]:
    """Train one model a seed, all in one program; arguments as for train.train.

    Args:
        config: Description of the models.
        task: What they learn.
        training: How.
        seeds: One for each model.
        measure: Takes every model at every evaluation.
        stop: Asked after every evaluation of every model; a model that stops is kept as it then was.
        checkpoint: File that the state is kept in at every evaluation, and taken from if it is there.
        device: "auto" (cuda, else mps, else the CPU) or a torch device.
        progress: Show a progress bar.

    Returns:
        The trained models, in the order of their seeds.

    Raises:
        BadInputError: no seed, one twice, a device that cannot be used, or a checkpoint of another training.
        TooManySeedsError: they do not fit into memory together; says how many do.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise BadInputError(f"seeds {list(seeds)}: give at least one, and each once")
    place = choose_device(device, GPUS)
    refuse_too_many(config, task, training, len(seeds), place)
    learner = ManyModels(config, seeds, place)
    return Loop(config, task, training, learner, place, measure, stop, checkpoint).run(progress=progress)


def refuse_too_many(config: TinyConfig, task: Task, training: Training, n_seeds: int, device: torch.device) -> None:
    """Find out before training that so many models do not fit.

    Args:
        config: Description of the models.
        task: What they learn.
        training: How.
        n_seeds: How many there are.
        device: Where they should fit.

    Raises:
        TooManySeedsError: they do not; says how many do.
    """
    n_fitting = int(free_memory(device) * SHARE_OF_MEMORY) // bytes_of_a_seed(config, task, training)
    if n_fitting < n_seeds:
        raise TooManySeedsError(n_seeds, n_fitting, str(device))


def bytes_of_a_seed(config: TinyConfig, task: Task, training: Training) -> int:
    """Memory that one more model takes while it is trained.

    Args:
        config: Its description.
        task: What it learns; the longest of some batches counts.
        training: How.

    Returns:
        Copies of its parameters, and what the backward pass needs to remember, in bytes.
    """
    model, kept = new_model(config, 0), 0

    def remember(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    batches = [task.batch(torch.Generator().manual_seed(0), step, 1) for step in range(32)]
    longest = max(batches, key=lambda batch: batch.tokens.shape[1])
    parameters = dict(model.named_parameters())
    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        loss(model, parameters, longest, longest.tokens, longest.targets)
    n_bytes = sum(value.nbytes for value in parameters.values())
    return COPIES * n_bytes + training.batch_size * max(0, kept - n_bytes)


def free_memory(device: torch.device) -> int:
    """Memory that is free on a device.

    Args:
        device: Where.

    Returns:
        Bytes.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available

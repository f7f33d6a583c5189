"""One training loop for small transformers; it trains one model, or many at once (stacked.py).

Data are fresh at every step and made from the seed and the number of the step, so that a training that was stopped goes
on exactly where it was. Models are evaluated on a schedule. What a model was at its last evaluation is kept for the
case that its loss stops being a number.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.func import functional_call

from probes.devices import choose_device
from probes.tiny.checkpoints import read_checkpoint, write_checkpoint
from probes.tiny.tasks.base import Batch, Task
from probes.tiny.training import Evaluation, Measure, Stop, Trained, Training
from probes.tiny.transformer import TinyConfig, TinyForCausalLM, new_model

Parameters = dict[str, Tensor]

GPUS = ("cuda", "mps")
"""What device "auto" takes if there is any, best first."""

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW remembers of a parameter."""

SEED_STRIDE = 1_000_003
"""From the data of one seed to those of the next; no training has so many steps."""


@runtime_checkable
class Learner(Protocol):
    """One model or many, as the loop sees them."""

    seeds: Sequence[int]
    parameters: Parameters
    """What the optimiser changes; those of many models are stacked."""

    def losses(self, batches: Sequence[Batch]) -> Float[Tensor, " seed"]:
        """Loss of every model on its own batch."""

    def parameters_of(self, number: int) -> Parameters:
        """Parameters of one of the models, counted from 0."""


class OneModel:
    """A learner that is one model."""

    def __init__(self, config: TinyConfig, seed: int, device: torch.device) -> None:
        self.seeds: Sequence[int] = (seed,)
        self._model = new_model(config, seed).to(device)
        self.parameters: Parameters = dict(self._model.named_parameters())

    def losses(self, batches: Sequence[Batch]) -> Float[Tensor, " seed"]:
        """Loss of the model, shape (1,)."""
        return loss(self._model, self.parameters, batches[0], batches[0].tokens, batches[0].targets)[None]

    def parameters_of(self, number: int) -> Parameters:
        """Parameters of the model."""
        return self.parameters


def loss(
    model: TinyForCausalLM,
    parameters: Mapping[str, Tensor],
    like: Batch,
    tokens: Int[Tensor, "batch pos"],
    targets: Int[Tensor, "batch n_targets"],
) -> Float[Tensor, ""]:
    """Mean cross-entropy at the positions that a batch asks about.

    Args:
        model: The model, whatever its own parameters are.
        parameters: Those to use.
        like: Says which positions and read-outs count.
        tokens: Shape (batch, pos).
        targets: Shape (batch, n_targets).

    Returns:
        The loss in nats.
    """
    logits: Tensor = functional_call(model, dict(parameters), (tokens,)).readouts
    readouts = like.readouts or (-1,) * len(like.positions)
    chosen = logits[:, list(like.positions), list(readouts)]
    return torch.nn.functional.cross_entropy(chosen.flatten(0, 1).float(), targets.flatten())


def train(
    config: TinyConfig,
    task: Task,
    training: Training,
    seed: int,
    *,
    measure: Measure | None = None,
    stop: Stop | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
    progress: bool = False,
) -> Trained:
    """Train one model.

    Args:
        config: Its description.
        task: What it learns.
        training: How.
        seed: Of its first weights and of its data.
        measure: Takes the model at every evaluation.
        stop: Asked after every evaluation.
        checkpoint: File that the state is kept in at every evaluation, and taken from if it is there.
        device: "auto" (cuda, else mps, else the CPU) or a torch device.
        progress: Show a progress bar.

    Returns:
        The trained model.

    Raises:
        BadInputError: the device cannot be used, or the checkpoint is of another training.
    """
    place = choose_device(device, GPUS)
    learner = OneModel(config, seed, place)
    return Loop(config, task, training, learner, place, measure, stop, checkpoint).run(progress=progress)[0]


@dataclass
class _Ended:
    """A model that is not trained any longer."""

    n_steps: int
    diverged_at: int | None
    parameters: Parameters


@dataclass
class _State:
    """How far the models are, by their number."""

    step: int
    histories: list[list[Evaluation]]
    good: list[Parameters]
    """Parameters at the last evaluation."""

    ended: dict[int, _Ended] = field(default_factory=dict)


@dataclass
class Loop:
    """The loop itself, for whatever learner."""

    config: TinyConfig
    task: Task
    training: Training
    learner: Learner
    device: torch.device
    measure: Measure | None = None
    stop: Stop | None = None
    checkpoint: Path | None = None

    def run(self, *, progress: bool) -> list[Trained]:
        """Train until the last step, or until every model has stopped.

        Args:
            progress: Show a progress bar.

        Returns:
            The models, in the order of their seeds.

        Raises:
            BadInputError: the checkpoint is of another training.
        """
        betas = (self.training.beta_1, self.training.beta_2)
        weights = list(self.learner.parameters.values())
        optimizer = torch.optim.AdamW(weights, betas=betas, weight_decay=self.training.weight_decay)
        is_resumed = self.checkpoint is not None and self.checkpoint.is_file()
        state = self._resumed(optimizer) if is_resumed else self._evaluated(_State(0, [[] for _ in self._numbers], []))
        with _bar(state.step, self.training.n_steps, is_shown=progress) as advance:
            while state.step < self.training.n_steps and len(state.ended) < len(self._numbers):
                self._step(state, optimizer)
                advance()
                if len(state.ended) == len(self._numbers):
                    break  # no loss is a number any longer: the checkpoint stays what it was
                if state.step % self.training.evaluate_every == 0 or state.step == self.training.n_steps:
                    self._keep(self._evaluated(state), optimizer)
        return [self._trained(state, number) for number in self._numbers]

    @property
    def _numbers(self) -> range:
        return range(len(self.learner.seeds))

    def _step(self, state: _State, optimizer: torch.optim.Optimizer) -> None:
        """One update of every model that is still trained."""
        batches = [
            self.task.batch(_generator(seed, state.step), state.step, self.training.batch_size).to(self.device)
            for seed in self.learner.seeds
        ]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.training.mixed_precision):
            losses = self.learner.losses(batches)
        for number, is_number in enumerate(losses.isfinite().tolist()):
            if not is_number and number not in state.ended:
                last = state.histories[number][-1].step
                state.ended[number] = _Ended(last, state.step, state.good[number])
        for group in optimizer.param_groups:
            group["lr"] = self.training.rate(state.step)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        state.step += 1

    def _evaluated(self, state: _State) -> _State:
        """The state with every model evaluated that is still trained; those that may stop are ended."""
        state.good = [_copy(self.learner.parameters_of(number)) for number in self._numbers]
        for number in self._numbers:
            if number in state.ended:
                continue
            metrics = self._metrics(state.good[number])
            state.histories[number].append(Evaluation(state.step, metrics))
            if self.stop is not None and self.stop(metrics):
                state.ended[number] = _Ended(state.step, None, state.good[number])
        return state

    def _metrics(self, parameters: Parameters) -> dict[str, float]:
        if self.measure is None:
            return {}
        with torch.no_grad():
            return self.measure(self._model(parameters).to(self.device))

    def _model(self, parameters: Parameters) -> TinyForCausalLM:
        model = new_model(self.config, 0).eval()
        model.load_state_dict(parameters)
        return model

    def _trained(self, state: _State, number: int) -> Trained:
        ended = state.ended.get(number) or _Ended(state.step, None, self.learner.parameters_of(number))
        seed, model = self.learner.seeds[number], self._model(ended.parameters)
        return Trained(seed, model, state.histories[number], ended.n_steps, ended.diverged_at)

    @property
    def _key(self) -> str:
        """What decides the training, in one line."""
        config = self.config.to_json_string(use_diff=True)
        return f"{config} {self.task} {self.training} seeds {list(self.learner.seeds)}"

    def _keep(self, state: _State, optimizer: torch.optim.Optimizer) -> None:
        if self.checkpoint is None:
            return
        tensors = {f"now.{name}": value for name, value in self.learner.parameters.items()}
        for name, value in self.learner.parameters.items():
            tensors |= {f"{moment}.{name}": optimizer.state[value][moment] for moment in MOMENTS}
        for number, ended in state.ended.items():
            tensors |= {f"ended.{number}.{name}": value for name, value in ended.parameters.items()}
        facts = {
            "step": state.step,
            "histories": [[asdict(evaluation) for evaluation in history] for history in state.histories],
            "ended": {number: (ended.n_steps, ended.diverged_at) for number, ended in state.ended.items()},
        }
        write_checkpoint(self.checkpoint, self._key, tensors, facts)

    def _resumed(self, optimizer: torch.optim.Optimizer) -> _State:
        """The state that the checkpoint holds; parameters and moments are set to what they were."""
        assert self.checkpoint is not None
        tensors, facts = read_checkpoint(self.checkpoint, self._key)
        with torch.no_grad():
            for name, value in self.learner.parameters.items():
                value.copy_(tensors[f"now.{name}"])
                optimizer.state[value] = {moment: tensors[f"{moment}.{name}"] for moment in MOMENTS}
                for moment in MOMENTS[1:]:
                    optimizer.state[value][moment] = optimizer.state[value][moment].to(self.device)
        ended = {
            int(number): _Ended(n_steps, diverged_at, _below(f"ended.{number}.", tensors))
            for number, (n_steps, diverged_at) in facts["ended"].items()
        }
        histories = [[Evaluation(**evaluation) for evaluation in history] for history in facts["histories"]]
        good = [_copy(self.learner.parameters_of(number)) for number in self._numbers]
        return _State(facts["step"], histories, good, ended)


def _copy(parameters: Parameters) -> Parameters:
    return {name: value.detach().clone() for name, value in parameters.items()}


def _below(prefix: str, tensors: Parameters) -> Parameters:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _generator(seed: int, step: int) -> torch.Generator:
    """Source of the data of one step."""
    return torch.Generator().manual_seed(seed * SEED_STRIDE + step)


@contextmanager
def _bar(done: int, total: int, *, is_shown: bool) -> Iterator[Callable[[], None]]:
    with Progress(console=Console(stderr=True), transient=True, disable=not is_shown) as bar:
        line = bar.add_task("Training", total=total, completed=done)
        yield lambda: bar.advance(line)

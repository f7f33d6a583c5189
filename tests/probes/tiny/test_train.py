import math
from dataclasses import replace

import pytest
import torch

from probes.errors import BadInputError, TooManySeedsError
from probes.tiny import stacked
from probes.tiny.stacked import bytes_of_a_seed, train_stacked
from probes.tiny.tasks.counting import Counting
from probes.tiny.train import train
from probes.tiny.training import Training
from probes.tiny.transformer import TinyConfig

CONFIG = TinyConfig(hidden_size=16, num_attention_heads=2)
TASK = Counting(n_evaluated=4)
TRAINING = Training(n_steps=12, batch_size=8, n_warmup=2, evaluate_every=4)
ADAMW_PER_STEP = 2 * TRAINING.learning_rate
"""How far one step of AdamW may move a number at most, with room."""


def largest_difference(one, other):
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def size_of_weights(model):
    return {"size": float(sum(value.abs().sum() for value in model.state_dict().values()))}


def on_cpu(**others):
    return train(CONFIG, TASK, TRAINING, others.pop("seed", 0), device="cpu", **others)


def test_rate_warms_up_to_its_height_and_falls_to_the_floor():
    training = Training(n_steps=1000, n_warmup=100, learning_rate=1.0, floor=0.05)
    assert training.rate(0) == pytest.approx(0.01)
    assert training.rate(99) == training.rate(100) == pytest.approx(1.0)
    assert training.rate(550) == pytest.approx(0.525)
    assert training.rate(999) == pytest.approx(0.05, abs=1e-4)
    assert replace(training, floor=1.0).rate(999) == pytest.approx(1.0)


def test_training_lowers_the_loss_and_is_the_same_for_the_same_seed():
    one, other = on_cpu(), on_cpu()
    assert largest_difference(one, other) == 0
    assert largest_difference(one, on_cpu(seed=1)) > 0.1
    training = Training(n_steps=150, batch_size=32, n_warmup=10, evaluate_every=150)
    batch = TASK.evaluation()[0]

    def end_of_sentence(model):
        return {"share": float((model(batch.tokens).logits[:, -1].argmax(-1) == batch.targets[:, 1]).float().mean())}

    trained = train(CONFIG, TASK, training, 0, measure=end_of_sentence, device="cpu")
    assert trained.curve("share")[-1] == 1.0


def test_evaluations_follow_their_schedule_from_the_start_to_the_end():
    training = replace(TRAINING, n_steps=10)
    trained = train(CONFIG, TASK, training, 0, measure=size_of_weights, device="cpu")
    assert [evaluation.step for evaluation in trained.history] == [0, 4, 8, 10]
    assert trained.n_steps == 10
    assert trained.history[-1].metrics == pytest.approx(size_of_weights(trained.model))


def test_stacked_training_equals_one_by_one_training():
    together = train_stacked(CONFIG, TASK, TRAINING, [0, 3, 5], device="cpu", measure=size_of_weights)
    for trained in together:
        alone = on_cpu(seed=trained.seed, measure=size_of_weights)
        assert largest_difference(trained, alone) < 1e-5  # batched matrix products round differently
        assert trained.curve("size") == pytest.approx(alone.curve("size"), rel=1e-5)


def test_training_that_was_stopped_goes_on_exactly_where_it_was(tmp_path):
    whole = on_cpu(measure=size_of_weights)
    n_evaluated = 0

    def dies_later(model):
        nonlocal n_evaluated
        n_evaluated += 1
        if n_evaluated == 3:
            raise KeyboardInterrupt
        return size_of_weights(model)

    with pytest.raises(KeyboardInterrupt):
        on_cpu(measure=dies_later, checkpoint=tmp_path / "state")
    resumed = on_cpu(measure=size_of_weights, checkpoint=tmp_path / "state")
    assert largest_difference(whole, resumed) == 0
    assert resumed.history == whole.history
    finished = on_cpu(measure=dies_later, checkpoint=tmp_path / "state")
    assert finished.history == whole.history
    assert n_evaluated == 3


def test_checkpoint_of_another_training_or_damaged_is_refused(tmp_path):
    path = tmp_path / "state"
    on_cpu(checkpoint=path)
    with pytest.raises(BadInputError, match="a training with other settings; delete it to start over"):
        on_cpu(seed=1, checkpoint=path)
    path.write_bytes(b"nothing")
    with pytest.raises(BadInputError, match="is no checkpoint"):
        on_cpu(checkpoint=path)


def test_each_stacked_model_stops_by_itself_and_stays_what_it_was(tmp_path):
    def stop(metrics):
        return metrics["size"] > sizes[len(sizes) // 2]

    seeds = [0, 1, 2]
    unstopped = train_stacked(CONFIG, TASK, TRAINING, seeds, device="cpu", measure=size_of_weights)
    sizes = sorted(value for trained in unstopped for value in trained.curve("size"))
    together = train_stacked(
        CONFIG, TASK, TRAINING, seeds, device="cpu", measure=size_of_weights, stop=stop, checkpoint=tmp_path / "state"
    )
    assert len({trained.n_steps for trained in together}) > 1
    again = train_stacked(
        CONFIG, TASK, TRAINING, seeds, device="cpu", measure=size_of_weights, stop=stop, checkpoint=tmp_path / "state"
    )
    for trained, repeated in zip(together, again, strict=True):
        alone = on_cpu(seed=trained.seed, measure=size_of_weights, stop=stop)
        assert (trained.n_steps, trained.diverged_at) == (alone.n_steps, None)
        assert largest_difference(trained, alone) < 1e-5  # batched matrix products round differently
        assert largest_difference(trained, repeated) == 0


def test_loss_that_is_not_a_number_ends_the_training_with_the_last_good_model(tmp_path):
    training = replace(TRAINING, learning_rate=1e30, n_warmup=0, evaluate_every=1)
    trained = train(CONFIG, TASK, training, 0, device="cpu", checkpoint=tmp_path / "state")
    assert trained.diverged_at is not None
    assert trained.n_steps <= trained.diverged_at < TRAINING.n_steps
    assert all(value.isfinite().all() for value in trained.model.state_dict().values())
    assert (tmp_path / "state").is_file()


def test_a_diverged_model_does_not_touch_those_stacked_with_it():
    class Poisoned(stacked.ManyModels):
        def losses(self, batches):
            factor = torch.tensor([1.0, math.nan])
            return super().losses(batches) * factor

    device = torch.device("cpu")
    loop = stacked.Loop(CONFIG, TASK, TRAINING, Poisoned(CONFIG, [0, 1], device), device)
    healthy, sick = loop.run(progress=False)
    assert (sick.diverged_at, sick.n_steps) == (0, 0)
    assert healthy.diverged_at is None
    assert largest_difference(healthy, on_cpu()) < 1e-5  # batched matrix products round differently


def test_too_many_seeds_say_how_many_fit(monkeypatch):
    one = bytes_of_a_seed(CONFIG, TASK, TRAINING)
    assert one > 6 * 4 * sum(value.numel() for value in stacked.new_model(CONFIG, 0).parameters())
    monkeypatch.setattr(stacked, "free_memory", lambda device: int(3.5 * one / stacked.SHARE_OF_MEMORY))
    with pytest.raises(TooManySeedsError, match="8 seeds do not fit into the memory of cpu together: 3 fit"):
        train_stacked(CONFIG, TASK, TRAINING, range(8), device="cpu")


@pytest.mark.parametrize("seeds", [[], [1, 1]], ids=["none", "twice"])
def test_impossible_seeds_are_refused(seeds):
    with pytest.raises(BadInputError, match="give at least one, and each once"):
        train_stacked(CONFIG, TASK, TRAINING, seeds, device="cpu")


def test_device_that_is_missing_is_named():
    with pytest.raises(BadInputError, match="device 'cuda:9' cannot be used here"):
        train(CONFIG, TASK, TRAINING, 0, device="cuda:9")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_steps": 0}, "n_steps is 0"),
        ({"n_warmup": 3000}, "n_warmup is 3000"),
        ({"learning_rate": math.nan}, "learning_rate nan"),
        ({"floor": 2.0}, "floor 2.0"),
    ],
    ids=["steps", "warm-up", "rate", "floor"],
)
def test_impossible_training_is_refused(settings, message):
    with pytest.raises(BadInputError, match=message):
        Training(**settings)


def test_mixed_precision_trains_float32_weights():
    trained = train(CONFIG, TASK, replace(TRAINING, mixed_precision=True), 0, device="cpu")
    assert {value.dtype for value in trained.model.state_dict().values()} == {torch.float32}
    assert 0 < largest_difference(trained, on_cpu()) < ADAMW_PER_STEP * TRAINING.n_steps

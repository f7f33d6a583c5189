"""What all experiments share: seeds that are kept, records that say what was done, and plug-ins that keep the rules."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from catalog.experiments import Metric, read_experiment, settings_key
from catalog.registry import Registry
from probes import experiments, load_model
from probes.errors import BadInputError, DivergedError, UnknownExperimentError
from probes.experiments.base import Experiment, Place, Plan, Summary, TrainedExperiment
from probes.experiments.settings import Settings
from probes.tiny.tasks.counting import Counting
from probes.tiny.training import Training
from probes.tiny.transformer import TinyConfig


@dataclass(frozen=True)
class PondSettings(Settings):
    depth: Annotated[int, "How deep."] = 2
    rate: Annotated[float, "Learning rate."] = 1e-3


class Pond(TrainedExperiment):
    name = "pond"
    question = "Is it deep?"
    settings = PondSettings

    def __init__(self):
        self.measured = []

    def plan(self, settings):
        training = Training(n_steps=3, batch_size=2, n_warmup=0, evaluate_every=1, learning_rate=settings.rate)
        return Plan(TinyConfig(hidden_size=8, num_attention_heads=2), Counting(n_evaluated=1), training)

    def measure(self, settings, trained):
        self.measured.append(trained.seed)
        return {"deep": float(settings.depth + trained.seed)}

    def summarise(self, settings, facts: Sequence[dict]):
        return Summary({"deep": Metric.over_seeds("depth", [each["deep"] for each in facts])})


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(device="cpu", work=tmp_path / "work")


@pytest.fixture(autouse=True)
def known_code(monkeypatch):
    monkeypatch.setattr(Pond, "code_sha256", lambda self: "ab" * 32)


def test_run_gives_a_record_and_weights_that_load_model_takes(place, tmp_path, capfd):
    report = Pond().run([0, 3], place, depth="4")
    run = report.run
    assert (run.seeds, run.settings["depth"], run.metrics["deep"].by_seed) == ([0, 3], 4, [4.0, 7.0])
    assert run.provenance.device == "cpu"
    assert read_experiment(report.save(tmp_path / "records")) == run
    assert run.key == settings_key("pond", 1, run.settings, [0, 3])
    assert load_model(report.weights / "seed-3").shape.n_heads == 2
    assert list(report.table()["mean"]) == [5.5]
    with pytest.raises(BadInputError, match="unknown table"):
        report.table("shores")


def test_finished_seeds_are_not_done_again_unless_asked_for_or_the_code_changed(place, monkeypatch):
    pond = Pond()
    pond.run([0, 1], place)
    pond.run([0, 1, 2], place)
    assert pond.measured == [0, 1, 2]
    pond.run([0, 1, 2], place, depth=3)
    assert pond.measured == [0, 1, 2] * 2
    pond.run([1], Place(device="cpu", work=place.work, again=True))
    assert pond.measured == [0, 1, 2] * 2 + [1]
    monkeypatch.setattr(Pond, "code_sha256", lambda self: "cd" * 32)
    pond.run([2], place)
    assert pond.measured[-1] == 2


def test_half_written_facts_are_found_out_again(place):
    pond = Pond()
    work = pond.run([0], place).weights
    (work / "seed-0.json").write_text('{"code_sha')
    pond.run([0], place)
    assert pond.measured == [0, 0]


def test_stacked_seeds_give_the_same_record(place, tmp_path):
    alone = Pond().run([0, 1], place).run
    stacked = Pond().run([0, 1], Place(device="cpu", work=tmp_path / "stacked", is_stacked=True)).run
    assert stacked.metrics == alone.metrics
    assert not list((tmp_path / "stacked").rglob("*.checkpoint"))


def test_diverged_seed_is_an_error_and_the_seeds_before_it_are_kept(place, monkeypatch):
    from probes.experiments import base

    real = base.train

    def diverges(config, task, training, seed, **how):
        trained = real(config, task, training, seed, **how)
        return trained if seed == 0 else type(trained)(**(vars(trained) | {"diverged_at": 2, "n_steps": 1}))

    monkeypatch.setattr(base, "train", diverges)
    pond = Pond()
    with pytest.raises(DivergedError, match="seed 1: the loss is not a number at step 2; the weights of step 1"):
        pond.run([0, 1], place)
    assert pond.measured == [0]
    pond.run([0], place)
    assert pond.measured == [0]


def test_unknown_experiment_and_setting_name_the_nearest():
    with pytest.raises(UnknownExperimentError, match="did you mean counting"):
        experiments.load("countin")
    with pytest.raises(BadInputError, match="unknown setting 'dept': did you mean depth"):
        PondSettings.make({"dept": 1})
    with pytest.raises(BadInputError, match="setting depth is 'deep'"):
        PondSettings.make({"depth": "deep"})


@pytest.mark.parametrize("name", experiments.names())
def test_every_experiment_keeps_the_rules(name):
    experiment = experiments.load(name)
    assert isinstance(experiment, Experiment)
    assert experiment.name == name
    assert experiment.question.endswith("?")
    assert experiments.describe(name).partition("\n")[0]
    assert experiment.paper is None or experiment.paper in Registry.load().papers
    assert all(experiment.settings.descriptions().values()), "every setting is described"
    assert json.loads(json.dumps(experiment.settings().record())) == experiment.settings().record()
    assert experiment.settings.make(experiment.settings().record()) == experiment.settings()


def test_settings_are_kept_where_their_hash_says(place):
    report = Pond().run([0], place)
    assert report.weights == Path(place.work) / "pond" / settings_key("pond", 1, PondSettings().record(), [])

"""Sweeps over many models: nothing twice, no failure stops the others, workers may die."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from probes import workers
from probes.errors import BadInputError, MissingPackageError
from probes.sweep import Settings, measure_model, read_models, sweep
from probes.workers import Engine

from .conftest import make_tiny

DETECTORS = ("induction", "previous_token", "copying")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("models")
    for name in ("llama", "gpt2", "qwen3"):
        make_tiny(name).save_pretrained(folder / f"tiny-{name}")
    return [*(str(path) for path in sorted(folder.iterdir())), str(folder / "missing")]


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(output=tmp_path / "sweep", detectors=DETECTORS, half_length=9, n_samples=3)


def written(folder: Path) -> Counter:
    """How often each file was written, by the journal."""
    return Counter(re.findall(r"written: (\S+)", (folder / "sweep.log").read_text()))


def test_failed_model_is_recorded_and_does_not_stop_the_others(models, settings):
    said = []
    outcomes = sweep([models[3], *models[:3]], settings, say=said.append)
    assert [outcome.status for outcome in outcomes] == ["failed", "finished", "finished", "finished"]
    assert "neither a folder" in outcomes[0].reason
    report = json.loads((settings.output / "sweep.json").read_text())
    assert [entry["status"] for entry in report] == [outcome.status for outcome in outcomes]
    assert len(list((settings.output / "runs").rglob("*.json"))) == 9
    assert said[0].startswith(f"failed: {models[3]}: ")
    assert said[1].endswith(": 3 measured, 0 confirmed")


def test_second_sweep_measures_nothing_and_adds_what_is_new(models, settings):
    sweep(models[:1], settings)
    again = sweep(models[:2], settings)
    assert [(outcome.n_measured, outcome.n_confirmed) for outcome in again] == [(0, 3), (3, 0)]
    assert set(written(settings.output).values()) == {1}


def test_detectors_that_a_model_cannot_serve_are_listed(models, settings):
    from dataclasses import replace

    outcome = measure_model(models[0], replace(settings, detectors=None))
    assert outcome.status == "finished"
    assert "tokenizer" in outcome.left_out["name_mover"]


def test_error_of_any_kind_is_a_reason(models, settings, monkeypatch):
    import probes

    def burst(*_, **__):
        raise ZeroDivisionError("a bug\nin two lines")

    monkeypatch.setattr(probes, "load_model", burst, raising=False)
    assert measure_model(models[0], settings).reason == "ZeroDivisionError: a bug in two lines"


def test_list_of_models_has_comments_and_no_repeats(tmp_path):
    path = tmp_path / "models.txt"
    path.write_text("demo  # the small one\n\n# all of these\norg/model@step100\ndemo\n")
    assert read_models(path) == ["demo", "org/model@step100"]


@pytest.mark.parametrize("content", [None, "", "# nothing\n"], ids=["no file", "empty", "comments"])
def test_list_without_models_is_refused(tmp_path, content):
    path = tmp_path / "models.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInputError, match=r"models\.txt"):
        read_models(path)


def test_revision_is_asked_for_and_stands_in_the_name(settings, monkeypatch):
    import probes

    asked = []
    monkeypatch.setattr(probes, "load_model", lambda *args, **named: asked.append((args, named)), raising=False)
    measure_model("org/model@step100", settings)
    assert (asked[0][0], asked[0][1]["revision"], asked[0][1]["name"]) == (
        ("org/model",),
        "step100",
        "org/model@step100",
    )


def test_ray_that_is_not_installed_names_the_extra(models, settings, monkeypatch):
    monkeypatch.setattr(workers, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"headatlas\[ray\]"):
        sweep(models, settings, engine=Engine.RAY)


def first_worker(journal: Path, process: subprocess.Popen) -> int:
    """Process id in the first line of the journal, as soon as there is one."""
    for _ in range(1200):
        if journal.is_file() and (line := journal.read_text().partition("\n")[0]):
            return int(line.split()[1])
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("no worker wrote anything")


@pytest.mark.slow
def test_sweep_on_ray_goes_on_when_a_worker_is_killed(models, tmp_path):
    pytest.importorskip("ray", reason="pip install 'headatlas[ray]'")
    (tmp_path / "models.txt").write_text("\n".join(models))
    output = tmp_path / "sweep"
    options = ["--models", tmp_path / "models.txt", "--output", output, "--engine", "ray", "--workers", 2]
    command = [sys.executable, "-m", "catalog.cli", "probe", "sweep", *options, "--samples", 64]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        os.kill(first_worker(output / "sweep.log", process), signal.SIGKILL)
        out, err = process.communicate(timeout=400)
    assert process.returncode == 1, out + err
    report = {entry["model"]: entry for entry in json.loads((output / "sweep.json").read_text())}
    assert {report[model]["status"] for model in models[:3]} == {"finished"}, report
    assert "neither a folder" in report[models[3]]["reason"]
    counts = written(output)
    assert set(counts.values()) == {1}
    assert sorted(counts) == sorted(str(path) for path in (output / "runs").rglob("*.json"))
    assert len({path.parent for path in (output / "runs").rglob("*.json")}) == 3
    assert any(entry["n_confirmed"] for entry in report.values()), "no worker was killed in the middle"

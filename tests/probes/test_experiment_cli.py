"""The command group experiment: list, describe, run, sweep, show; and what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from typer.testing import CliRunner

from catalog.experiments import read_experiments
from probes import experiments
from probes.errors import BadInputError, MissingPackageError
from probes.experiment_cli import app

TINY = {
    "d_model": 8,
    "n_heads": 2,
    "shortest": 4,
    "longest": 6,
    "n_evaluated": 30,
    "n_steps": 4,
    "batch_size": 4,
    "n_warmup": 1,
    "evaluate_every": 2,
}


def tiny_options(**others):
    return [part for name, value in (TINY | others).items() for part in ("--set", f"{name}={value}")]


def headatlas(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=True)


def test_list_and_describe_name_every_experiment():
    lines = json.loads(headatlas("list", "--json").stdout)
    assert set(lines) == set(experiments.names())
    assert "counting" in headatlas("list").stdout
    described = headatlas("describe", "counting")
    assert not described.exception, described.exception
    described = described.stdout
    assert "arXiv 2502.06923" in described
    assert re.search(r"n_heads +Heads of the layer\. Default: 4\.", described)


def test_run_records_what_show_shows_and_draws(tmp_path):
    done = headatlas(
        "run", "counting", "--seeds", "0,2", "--device", "cpu", *tiny_options(), "--output", tmp_path / "records",
        "--work", tmp_path / "work",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (record,) = read_experiments(tmp_path / "records")
    assert record.seeds == [0, 2]
    assert str(tmp_path / "records" / "counting" / f"{record.key}.json") in done.stderr.replace("\n", "")
    shown = headatlas("show", "counting", "--records", tmp_path / "records", "--set", "n_heads=2", "--json")
    assert (
        json.loads(shown.stdout)[0]["metrics"]["label_accuracy"]["by_seed"] == record.metrics["label_accuracy"].by_seed
    )
    for figure in record.figures:
        path = tmp_path / f"{figure}.svg"
        drawn = headatlas("show", "counting", "--records", tmp_path / "records", "--figure", figure, "--picture", path)
        assert drawn.exit_code == 0, drawn.output
        assert path.read_text().startswith("<svg")


def test_settings_file_is_what_describe_prints_and_set_goes_before_it(tmp_path):
    printed = json.loads(headatlas("describe", "counting", "--json").stdout)
    printed["settings"] |= TINY
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(printed))
    done = headatlas(
        "run", "counting", "--seeds", "1", "--settings", path, "--set", "heads=4", "--output", tmp_path, "--work",
        tmp_path / "work", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["settings"] == printed["settings"] | {"n_heads": 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings_version": 0}, "holds settings of version 0, counting now has version 1"),
        ({"experiment": "induction"}, "holds settings of 'induction', not of counting"),
        ({"settings": None}, "holds no settings"),
        ({"settings": {"n_head": 2}}, "did you mean n_heads"),
    ],
    ids=["older", "other", "none", "unknown"],
)
def test_settings_file_that_does_not_fit_is_refused(change, message, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(json.loads(headatlas("describe", "counting", "--json").stdout) | change))
    done = headatlas("run", "counting", "--settings", path)
    assert isinstance(done.exception, BadInputError)
    assert message in str(done.exception)
    assert "settings.json" in str(done.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "n_heads=5"], "5 heads do not divide the width 64"),
        (["--set", "n_heads=many"], "setting n_heads is 'many'"),
        (["--set", "positions=rotary"], "setting positions is 'rotary'"),
        (["--set", "n_heads"], "write NAME=VALUE"),
        (["--set", "heights=3"], "unknown setting 'heights'"),
        (["--seeds", "few"], "write a number such as 5"),
        (["--seeds", "0"], "give at least one"),
        (["--seeds", "1,1"], "give at least one, each once"),
        (["--device", "cuda:7"], "device 'cuda:7' cannot be used here"),
        (["--set", "shortest=0"], "strings of 0 to 20 symbols do not exist"),
    ],
    ids=["width", "word", "choice", "pair", "unknown", "seeds", "no-seed", "seed-twice", "device", "length"],
)
def test_impossible_wishes_are_refused_before_training(options, message, tmp_path):
    done = headatlas("run", "counting", *options, "--output", tmp_path, "--work", tmp_path)
    assert isinstance(done.exception, BadInputError), done.output
    assert message in str(done.exception)
    assert done.exception.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_loss_that_is_not_a_number_names_the_weights_that_are_kept(tmp_path):
    done = headatlas(
        "run", "counting", "--seeds", "1", *tiny_options(learning_rate=1e30, n_warmup=0, evaluate_every=1),
        "--output", tmp_path / "records", "--work", tmp_path / "work",
    )  # fmt: skip
    assert re.search(
        r"seed 0: the loss is not a number at step \d; the weights of step \d are kept", str(done.exception)
    )
    assert not (tmp_path / "records").exists()
    assert list((tmp_path / "work").rglob("model.safetensors"))


def test_show_without_records_says_how_to_make_one(tmp_path):
    done = headatlas("show", "counting", "--records", tmp_path)
    assert "headatlas experiment run counting makes one" in str(done.exception)


def test_sweep_does_every_seed_once_and_goes_on_after_a_failure(tmp_path):
    options = ["--engine", "here", "--seeds", "2", "--device", "cpu", "--output", tmp_path]
    grid = tiny_options(learning_rate="0.001,1e30", evaluate_every=1)
    first = headatlas("sweep", "counting", *grid, *options)
    assert first.exit_code == 1
    assert first.stdout.count("failed: counting") == 2
    assert first.stdout.count("finished: counting") == 2
    (record,) = read_experiments_of(tmp_path)
    assert (record.settings["learning_rate"], record.seeds) == (0.001, [0, 1])
    again = headatlas("sweep", "counting", *grid, *options)
    assert again.stdout.count("found: counting") == 2
    assert "finished:" not in again.stdout


def read_experiments_of(output):
    return [run for name in experiments.names() for run in read_below(output, name)]


def read_below(output, name):
    from catalog.experiments import read_experiment

    return [read_experiment(path) for path in sorted((output / name).glob("*.json"))]


def test_sweep_on_ray_that_is_not_installed_names_the_extra(tmp_path, monkeypatch):
    from probes import workers

    monkeypatch.setattr(workers, "find_spec", lambda name: None)
    done = headatlas("sweep", "counting", "--engine", "ray", "--output", tmp_path)
    assert isinstance(done.exception, MissingPackageError)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_killed_sweep_of_20_runs_goes_on_and_does_none_twice(engine, tmp_path):
    if engine == "ray":
        pytest.importorskip("ray", reason="pip install 'headatlas[ray]'")
    rates = ",".join(f"0.{number:03d}" for number in range(1, 21))
    grid = tiny_options(learning_rate=rates, n_steps=60, n_evaluated=60)
    options = ["--seeds", "1", "--device", "cpu", "--output", tmp_path, "--engine", engine, "--workers", 2]
    command = [sys.executable, "-m", "catalog.cli", "experiment", "sweep", "counting", *grid, *options]
    command, journal = list(map(str, command)), tmp_path / "sweep.log"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not journal.is_file() or len(journal.read_text().splitlines()) < 6:
            assert process.poll() is None, "the sweep was over before it was killed"
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    before = journal.read_text().splitlines()
    assert 6 <= len(before) < 20
    time.sleep(2)  # workers that outlive their parent end by themselves
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = Counter(line.partition("finished: ")[2] for line in journal.read_text().splitlines())
    assert len(counts) == 20
    assert set(counts.values()) == {1}
    records = read_below(tmp_path, "counting")
    assert sorted(record.settings["learning_rate"] for record in records) == [number / 1000 for number in range(1, 21)]
    assert done.stdout.count("found: ") >= len(before)

"""The record of an experiment: what it refuses, where it lies, and that it comes back as it was written."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from catalog.errors import InvalidDataError
from catalog.experiments import (
    Bar,
    Metric,
    experiment_path,
    read_experiment,
    read_experiments,
    settings_key,
    write_experiment,
)
from catalog.registry import Registry

POND = Path(__file__).parents[1] / "fixtures" / "pond"


def test_record_comes_back_as_it_was_written(make_experiment, tmp_path):
    run = make_experiment()
    path = write_experiment(tmp_path, run)
    assert path == experiment_path(tmp_path, run) == tmp_path / "pond" / f"{run.key}.json"
    assert read_experiments(tmp_path) == [run]
    text = path.read_text()
    assert '[0, "north", 0.25, 1.5],\n        [1, "south", null, 2.5]\n' in text
    assert write_experiment(tmp_path, read_experiment(path)).read_text() == text


def test_key_depends_on_whatever_decides_the_outcome_and_on_no_order():
    key = settings_key("pond", 1, {"a": 1, "b": True}, [0, 1])
    assert key == settings_key("pond", 1, {"b": True, "a": 1}, [0, 1])
    others = [
        settings_key("lake", 1, {"a": 1, "b": True}, [0, 1]),
        settings_key("pond", 2, {"a": 1, "b": True}, [0, 1]),
        settings_key("pond", 1, {"a": 2, "b": True}, [0, 1]),
        settings_key("pond", 1, {"a": 1, "b": True}, [0]),
    ]
    assert len({key, *others}) == 5
    assert all(len(each) == 16 for each in others)


def test_metric_over_seeds_has_mean_and_spread():
    metric = Metric.over_seeds("loudness", [1.0, 2.0, 3.0])
    assert (metric.mean, metric.spread, metric.by_seed) == (2.0, 1.0, [1.0, 2.0, 3.0])
    assert Metric.over_seeds("loudness", [1.0]).spread is None


@pytest.mark.parametrize(
    ("bar", "is_held"),
    [
        ({"at_least": 2.0}, True),
        ({"at_least": 2.1}, False),
        ({"at_most": 2.0}, True),
        ({"at_most": 1.9}, False),
        ({"at_least": 2.0, "in_seeds": 2}, True),
        ({"at_least": 2.0, "in_seeds": 3}, False),
        ({"at_least": 1.0, "at_most": 2.5, "in_seeds": 2}, True),
    ],
    ids=str,
)
def test_bar_is_held_by_the_mean_or_by_so_many_seeds(bar, is_held):
    metric = Metric.over_seeds("loudness", [1.0, 2.0, 3.0])
    assert Bar(statement="loud", metric="loudness", **bar).is_held_by(metric) is is_held


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 0}, "a record of format 0, where this version of headatlas reads format 1"),
        ({"metrics": {"loudness": {"description": "x", "mean": 2.0, "by_seed": [2.0]}}}, "1 numbers for 2 seeds"),
        ({"metrics": {"loudness": {"description": "x", "mean": 9.0, "by_seed": [1.0, 2.0]}}}, "the mean is said to be"),
        ({"bars": [{"statement": "x", "metric": "depth", "at_least": 1.0}]}, "metric depth, which is not there"),
        ({"bars": [{"statement": "x", "metric": "loudness"}]}, "such a bar is never missed"),
        ({"series": {}}, "drawn of ripples, which is not there"),
        ({"tables": {"shores": {"description": "x", "columns": ["a"], "rows": [[1, 2]]}}}, "2 cells for 1 columns"),
        ({"depth": 3}, "Extra inputs are not permitted"),
    ],
    ids=["older", "seeds", "mean", "bar", "empty-bar", "figure", "row", "unknown"],
)
def test_record_that_does_not_fit_is_refused(change, message, make_experiment):
    record = make_experiment().model_dump(mode="json") | change
    with pytest.raises(ValidationError, match=message):
        type(make_experiment()).model_validate(record)


def test_older_record_on_disk_is_named_with_a_way_out(make_experiment, tmp_path):
    path = write_experiment(tmp_path, make_experiment())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))
    with pytest.raises(InvalidDataError, match="a record of format 0") as caught:
        read_experiment(path)
    assert str(path) in str(caught.value)
    assert "measure it again" in str(caught.value)


def test_registry_holds_the_records_of_the_data_folder(make_experiment, tmp_path):
    shutil.copytree(POND, tmp_path, dirs_exist_ok=True)
    run = make_experiment()
    write_experiment(tmp_path / "experiments", run)
    registry = Registry.load(tmp_path)
    assert registry.experiments == [run]
    assert registry.experiments_on("tester-2020-pond") == [run]
    assert registry.experiments_on("nobody-2020-pond") == []


@pytest.mark.parametrize(
    ("wanted", "has"),
    [
        ({"depth": "3", "is_deep": "true", "form": "long"}, True),
        ({"depth": 3, "is_deep": True}, True),
        ({"depth": "2"}, False),
        ({"is_deep": "false"}, False),
        ({"form": "short"}, False),
        ({"width": "3"}, False),
    ],
    ids=["words", "values", "other number", "other truth", "other text", "unknown"],
)
def test_settings_of_a_claim_may_be_words_as_the_data_files_hold_them(wanted, has, make_experiment):
    assert make_experiment(settings={"depth": 3, "is_deep": True, "form": "long"}).has(wanted) is has

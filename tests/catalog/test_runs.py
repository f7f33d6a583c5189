import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from catalog.errors import Code, DataFolderError, InvalidDataError
from catalog.ids import HeadName
from catalog.runs import SAME_NUMBER, ProbeRun, read_run, read_runs, run_path, write_run

MATRICES = ["scores", "standard_errors", "null_scores", "null_standard_errors", "q_values"]


def change(run, **changes):
    """The run with other values, unchecked; a mapping changes fields of a part."""
    parts = {
        name: getattr(run, name).model_copy(update=value) if name in {"model", "provenance"} else value
        for name, value in changes.items()
    }
    return run.model_copy(update=parts)


def moved(matrix, by):
    return [[matrix[0][0] + by, *matrix[0][1:]], *matrix[1:]]


def problems_of(folder):
    with pytest.raises(InvalidDataError) as caught:
        read_runs(folder)
    return caught.value.problems


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"settings": {}},
        {"settings": {"whole": 1, "share": 1.0, "text": 'a "b"\n\\ é', "truth": True, "nothing": None}},
        {"inputs": "line one\nline two: é {"},
        {"n_layers": 1, "n_heads": 1},
    ],
    ids=["usual", "no-settings", "settings-of-every-kind", "text-of-two-lines", "one-head"],
)
def test_run_is_read_back_as_it_was_written(tmp_path, make_run, changes):
    run = make_run(**changes)
    path, _ = write_run(tmp_path, run)
    assert path == run_path(tmp_path, run) == tmp_path / "pond-1" / "echo.json"
    again = read_run(path)
    assert again == run
    assert [type(value) for value in again.settings.values()] == [type(value) for value in run.settings.values()]


def test_run_that_was_read_is_written_as_the_same_text(tmp_path, make_run):
    first, _ = write_run(tmp_path / "first", make_run())
    second, _ = write_run(tmp_path / "second", read_run(first))
    assert second.read_bytes() == first.read_bytes()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1))
def test_no_digit_of_a_score_is_lost(make_run, tmp_path_factory, scores):
    run = make_run(n_layers=len(scores), n_heads=2, scores=scores)
    folder = tmp_path_factory.mktemp("runs")
    assert read_run(write_run(folder, run)[0]).scores == scores


def test_every_layer_has_its_line_in_the_file(tmp_path, make_run):
    run = make_run()
    lines = write_run(tmp_path, run)[0].read_text().splitlines()
    assert [line.strip().rstrip(",") for line in lines].count(json.dumps(run.scores[1])) == 1


def test_run_on_unknown_weights_is_refused(make_run):
    model = make_run().model.model_dump() | {"weights_sha256": None}
    with pytest.raises(ValidationError, match="neither revision nor weights_sha256"):
        make_run(model=model)
    assert make_run(model=model | {"revision": "abc"}).model.revision == "abc"


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize(
    ("matrix", "shape"),
    [
        ([[0.0] * 3] * 3, r"\(3, 3\)"),
        ([[0.0] * 4] * 4, r"\(4, 4\)"),
        ([[0.0] * 4] * 3, r"\(3, 4\)"),
        ([[0.0] * 3] * 3 + [[0.0] * 2], r"\(4, 2, 3\)"),
        ([[]] * 4, r"\(4, 0\)"),
        ([], r"\(0,\)"),
    ],
    ids=["layer-short", "head-more", "transposed", "ragged", "no-heads", "nothing"],
)
def test_matrix_of_another_shape_is_refused_with_both_shapes(make_run, name, matrix, shape):
    with pytest.raises(ValidationError, match=rf"{name} has shape {shape}, the model has \(layers, heads\) \(4, 3\)"):
        make_run(**{name: matrix})


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
def test_matrix_with_a_value_that_is_no_number_is_refused(make_run, name, value):
    with pytest.raises(ValidationError, match=f"{name} holds a value that is not a number"):
        make_run(**{name: [[0.0, value, 0.0]] * 4})


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "blue"},
        {"format": 2},
        {"family": "magic"},
        {"n_samples": 1},
        {"threshold": math.inf},
        {"probe": "../x"},
    ],
    ids=str,
)
def test_run_with_a_wrong_field_is_refused(make_run, changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        make_run(**changes)


@pytest.mark.parametrize("slug", ["", "Pond", "../pond", "a/b", "-a", "a---b", "a_b"], ids=repr)
def test_model_whose_slug_is_no_folder_name_is_refused(make_run, slug):
    with pytest.raises(ValidationError, match="slug"):
        make_run(model=make_run().model.model_dump() | {"slug": slug})


def test_heads_are_ranked_by_score_and_called_above_threshold_and_null(make_run):
    run = make_run(
        n_layers=2,
        n_heads=2,
        scores=[[0.4, 0.9], [0.39, 0.95]],
        q_values=[[0.05, 0.001], [0.001, 0.051]],
    )
    assert list(run.heads()) == [HeadName(0, 0), HeadName(0, 1), HeadName(1, 0), HeadName(1, 1)]
    assert list(map(str, run.ranked())) == ["L1H1", "L0H1", "L0H0", "L1H0"]
    assert list(map(str, run.called())) == ["L0H1", "L0H0"]
    assert run.is_called(HeadName(0, 0))
    assert not run.is_called(HeadName(1, 0))
    assert not run.is_called(HeadName(1, 1))


SAME = {
    "nothing": lambda run: {},
    "time": lambda run: {"provenance": {"created": datetime(2030, 1, 1, tzinfo=UTC), "seconds": 99.0}},
    "machine": lambda run: {"provenance": {"device": "cuda:0", "torch": "9.9"}},
    "rounding": lambda run: {"scores": moved(run.scores, SAME_NUMBER / 2)},
}
OTHER = {
    "score": lambda run: {"scores": moved(run.scores, 0.01)},
    "score-down": lambda run: {"scores": moved(run.scores, -0.01)},
    "called": lambda run: {"q_values": [[1.0] * 3] * 4},
    "seed": lambda run: {"seed": 1},
    "settings": lambda run: {"settings": {"half_length": 51}},
    "samples": lambda run: {"n_samples": 33},
    "threshold": lambda run: {"threshold": 0.41},
    "code": lambda run: {"provenance": {"code_sha256": "ef" * 32}},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_file_that_says_the_same_is_left_alone(tmp_path, make_run, changes):
    run = make_run()
    path, is_new = write_run(tmp_path, run)
    before = path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()
    assert is_new
    assert write_run(tmp_path, change(run, **changes(run))) == (path, False)
    assert (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) == before


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER)
def test_file_is_rewritten_when_the_outcome_or_the_question_differs(tmp_path, make_run, changes):
    run = make_run()
    write_run(tmp_path, run)
    other = change(run, **changes(run))
    path, is_new = write_run(tmp_path, other)
    assert is_new
    assert read_run(path) == other


def test_run_on_other_weights_of_the_same_name_is_refused(tmp_path, make_run):
    run = make_run()
    path, _ = write_run(tmp_path, run)
    other = run.model_copy(update={"model": run.model.model_copy(update={"weights_sha256": "e" * 64})})
    with pytest.raises(FileExistsError, match="other weights under the name pond-1"):
        write_run(tmp_path, other)
    assert read_run(path) == run


@pytest.mark.parametrize("n_layers", [3, 5])
def test_run_of_another_shape_in_the_same_file_is_rewritten(tmp_path, make_run, n_layers):
    write_run(tmp_path, make_run())
    path, is_new = write_run(tmp_path, make_run(n_layers=n_layers))
    assert is_new
    assert len(read_run(path).scores) == n_layers


def test_file_that_is_broken_is_rewritten(tmp_path, make_run):
    path = run_path(tmp_path, make_run())
    path.parent.mkdir()
    path.write_text("{")
    assert write_run(tmp_path, make_run()) == (path, True)
    assert read_run(path) == make_run()


def test_runs_are_read_in_order_of_model_and_probe(tmp_path, make_run):
    runs = [make_run("lake-2", "echo"), make_run("pond-1", "echo"), make_run("pond-1", "far_echo")]
    for run in reversed(runs):
        write_run(tmp_path, run)
    (tmp_path / "README.md").touch()
    assert read_runs(tmp_path) == runs


def test_folder_that_does_not_exist_holds_no_runs(tmp_path):
    assert read_runs(tmp_path / "nothing") == []


@pytest.mark.parametrize("place", ["lake-2/echo.json", "pond-1/ripple.json", "echo.json", "a/pond-1/echo.json"])
def test_file_in_the_wrong_place_is_a_problem_that_says_where_it_belongs(tmp_path, make_run, place):
    right, _ = write_run(tmp_path, make_run())
    wrong = tmp_path / place
    wrong.parent.mkdir(parents=True, exist_ok=True)
    right.rename(wrong)
    [problem] = problems_of(tmp_path)
    assert (problem.file, problem.message, problem.mend) == (
        str(wrong),
        "lies in the wrong place",
        f"move it to {right}",
    )


def test_every_broken_file_is_reported_with_every_field(tmp_path, make_run):
    write_run(tmp_path, make_run())
    record = json.loads(make_run(probe="far_echo").model_dump_json())
    record["seed"] = "many"
    del record["provenance"]["torch"]
    (tmp_path / "pond-1" / "far_echo.json").write_text(json.dumps(record))
    (tmp_path / "pond-1" / "half.json").write_text('{"probe": "ec')
    (tmp_path / "pond-1" / "latin.json").write_bytes(b'{"probe": "\xe9"}')
    problems = problems_of(tmp_path)
    assert {problem.code for problem in problems} == {Code.BAD_VALUE}
    found = [(problem.file.rpartition("/")[2], problem.message.partition(":")[0]) for problem in problems]
    assert found == [
        ("far_echo.json", "provenance.torch"),
        ("far_echo.json", "seed"),
        ("half.json", "the file"),
        ("latin.json", "the file"),
    ]


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_file_with_a_score_that_is_no_number_is_a_problem(tmp_path, make_run, value):
    path, _ = write_run(tmp_path, make_run(level=0.875))
    path.write_text(path.read_text().replace("0.875", value))
    [problem] = problems_of(tmp_path)
    assert "scores holds a value that is not a number" in problem.message


def test_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path):
    (tmp_path / "pond-1" / "echo.json").mkdir(parents=True)
    with pytest.raises(DataFolderError, match=r"echo\.json: cannot be read"):
        read_runs(tmp_path)


def test_failure_while_writing_keeps_the_old_run(tmp_path, make_run, monkeypatch):
    run = make_run()
    path, _ = write_run(tmp_path, run)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", fail)
    with pytest.raises(OSError, match="No space left"):
        write_run(tmp_path, change(run, seed=1))
    monkeypatch.undo()
    assert read_runs(tmp_path) == [run]
    assert [file.name for file in path.parent.iterdir()] == ["echo.json"]


def test_schema_describes_every_field_of_a_run():
    assert not [name for name, field in ProbeRun.model_fields.items() if not field.description]

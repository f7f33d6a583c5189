"""Two models, or two revisions of one, side by side."""

import math
import xml.etree.ElementTree as ET

import pytest

from probes import HeadScores, load_model, run
from probes.errors import BadInputError
from probes.scores import Results

from .conftest import make_tiny

SHORT = {"half_length": 9, "n_samples": 3, "progress": False}
NAMES = ["induction", "previous_token"]


@pytest.fixture(scope="module")
def result(tiny_llama) -> Results:
    return run(tiny_llama, NAMES, **SHORT)


@pytest.fixture(scope="module")
def other() -> Results:
    return run(load_model(make_tiny("qwen3"), name="Tiny Qwen"), "induction", **SHORT)


def changed(result: Results, scores: list[list[float | None]]) -> Results:
    """The same results with other induction scores, as of a narrower model where rows are shorter."""
    record = result["induction"].run.model_dump()
    shape = {"n_layers": len(scores), "n_heads": len(scores[0])}
    rest = {name: [[0.1] * len(scores[0])] * len(scores) for name in record if name.endswith(("errors", "values"))}
    rest |= {"null_scores": rest["standard_errors"], "model": record["model"] | shape, "scores": scores}
    return Results({"induction": HeadScores(type(result["induction"].run).model_validate(record | rest))})


def test_result_beside_itself_differs_nowhere(result):
    comparison = result.compare(result)
    assert list(comparison) == NAMES
    assert (comparison.to_frame()["difference"] == 0).all()
    assert comparison.summary()["rank_correlation"].tolist() == pytest.approx([1, 1])


def test_frame_joins_heads_of_one_place(result, other):
    frame = result.compare(other).to_frame()
    assert len(frame) == 8
    row = frame.iloc[0]
    head = (row["layer"], row["head"])
    assert row["score"] == result["induction"].run.scores[head[0]][head[1]]
    assert row["other_score"] == other["induction"].run.scores[head[0]][head[1]]
    assert row["difference"] == pytest.approx(row["other_score"] - row["score"])


def test_only_shared_detectors_are_compared_and_none_is_refused(result, other):
    assert list(result.compare(other)) == ["induction"]
    with pytest.raises(BadInputError, match=r"previous_token.*run the same detectors on both"):
        Results({"previous_token": result["previous_token"]}).compare(other)


def test_models_of_different_shapes_are_compared_rank_by_rank(result):
    comparison = result.compare(changed(result, [[0.2, 0.9], [0.4, 0.1]]))
    frame = comparison.to_frame()
    assert frame["other_score"].tolist() == [0.9, 0.4, 0.2, 0.1]
    assert frame["score"].is_monotonic_decreasing
    assert math.isnan(comparison.summary()["rank_correlation"][0])
    assert "rank by rank" in comparison.plot().svg


def test_reversed_scores_correlate_by_minus_one(result):
    scores = [[-value for value in row] for row in result["induction"].run.scores]
    assert result.compare(changed(result, scores))["induction"].rank_correlation() == pytest.approx(-1)


def test_heads_without_a_score_on_one_side_are_left_out(result):
    scores = [list(row) for row in result["induction"].run.scores]
    record = result["induction"].run.model_dump()
    for name in record:
        if name.endswith(("scores", "errors", "values")):
            record[name] = [[None, *row[1:]] for row in record[name]]
    fewer = Results({"induction": HeadScores(type(result["induction"].run).model_validate(record))})
    assert len(result.compare(fewer).to_frame()) == 8 - len(scores)


def test_picture_has_a_dot_a_head(result, other):
    picture = result.compare(other).plot("induction")
    assert picture.svg.count("<circle") == 8
    assert "Tiny Llama" in picture.caption
    assert ET.fromstring(result.compare(result).plot().svg) is not None


def test_other_inputs_are_said(tiny_llama, result):
    again = run(tiny_llama, "induction", half_length=8, n_samples=3, progress=False)
    assert "asked with other inputs" in repr(result.compare(again))
    assert "asked with other inputs" not in repr(result.compare(result))

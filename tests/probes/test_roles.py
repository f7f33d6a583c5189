"""What each head is called: order, ties, contradictions."""

import pytest

from catalog.ids import HeadName
from catalog.runs import ProbeRun
from probes import HeadScores, run
from probes.scores import Results

FOUR = [[0.9, 0.5, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1]]


@pytest.fixture(scope="module")
def record(tiny_llama) -> ProbeRun:
    return run(tiny_llama, "induction", half_length=9, n_samples=3, progress=False)["induction"].run


@pytest.fixture
def roles(record):
    def roles(*changes: dict):
        certain = {"q_values": [[0.0] * 4] * 2, "threshold": 0.4}
        runs = [record.model_copy(update=certain | change) for change in changes]
        return Results({run.probe: HeadScores(run) for run in runs}).roles()

    return roles


INDUCTION = {"scores": FOUR}
SINK = {"probe": "first_token", "head_type": "first_token", "scores": [[0.1, 0.45, 0.8, 0.9], [0.1] * 4]}


def test_strongest_type_of_a_head_comes_first(roles):
    found = roles(INDUCTION, SINK)
    assert [role.head_type for role in found["L0H1"].roles] == ["induction", "first_token"]
    assert [role.rank for role in found["L0H1"].roles] == [2, 3]
    assert set(found) == {HeadName(0, head) for head in range(4)}
    assert next(iter(found)) == HeadName(0, 0)


def test_attention_in_two_places_of_one_input_is_said(roles):
    found = roles(INDUCTION, SINK)
    (words,) = found["L0H1"].contradictions
    assert words.startswith("two patterns on one input, each over its own queries: ")
    assert words.endswith("attention of 0.50 to induction and 0.45 to first_token")
    assert words in repr(found)
    assert found["L0H0"].contradictions == ()


def test_other_inputs_are_no_contradiction(roles):
    assert roles(INDUCTION, SINK | {"seed": 7})["L0H1"].contradictions == ()


def test_equal_ranks_are_a_tie(roles):
    found = roles(INDUCTION, SINK | {"scores": FOUR, "seed": 7})
    assert found["L0H0"].ties == ("induction", "first_token")
    assert "tie of induction and first_token" in str(found["L0H0"])


def test_opposite_types_are_a_contradiction(roles):
    one = {"probe": "copying", "head_type": "copy", "scores": FOUR, "unit": "share"}
    other = {"probe": "copy_suppression", "head_type": "copy_suppression", "scores": FOUR, "unit": "share"}
    assert "copy and copy_suppression are opposites" in roles(one, other)["L0H0"].contradictions


def test_detectors_of_one_type_that_disagree_are_said(roles):
    found = roles(INDUCTION, {"probe": "induction_copying", "scores": [[0.9, 0.1, 0.1, 0.1], [0.1] * 4], "seed": 7})
    assert found["L0H1"].contradictions == ("induction by induction, but not by induction_copying",)
    assert [role.detector for role in found["L0H0"].roles] == ["induction"]


def test_frame_has_a_row_a_role(roles):
    frame = roles(INDUCTION, SINK).to_frame()
    assert len(frame) == 5
    assert frame[frame["head"] == 1]["place"].tolist() == [1, 2]


def test_no_called_head_is_said(roles):
    assert repr(roles(INDUCTION | {"threshold": 2.0})) == "no head is called"

"""Head scores as people look at them."""

import json

import pytest

from catalog import InvalidDataError
from catalog.ids import HeadName
from probes import HeadScores, run
from probes.errors import RunNotSavedError


@pytest.fixture(scope="module")
def scores(tiny_llama) -> HeadScores:
    return run(tiny_llama, "induction", half_length=9, n_samples=3, progress=False)["induction"]


def test_top_is_in_order_and_prints_one_head_a_line(scores):
    best = scores.top(3)
    assert [score.score for score in best] == sorted((score.score for score in scores.top(99)), reverse=True)[:3]
    assert repr(best).splitlines()[0].startswith(f"{best[0].head} {best[0].score:.2f} ± ")


def test_single_head_is_found_by_its_written_name(scores):
    assert scores["L1H2"] == scores[HeadName(1, 2)]
    assert scores["L1H2"].score == scores.run.scores[1][2]


def test_head_outside_the_model_is_named(scores):
    with pytest.raises(KeyError, match="L2H0: Tiny Llama has 2 layers of 4 heads"):
        scores["L2H0"]


def test_frame_has_a_row_a_head(scores):
    frame = scores.to_frame()
    assert len(frame) == 8
    assert frame["score"].is_monotonic_decreasing
    assert set(zip(frame["layer"], frame["head"], strict=True)) == set(map(tuple, scores.run.heads()))


def test_picture_has_a_cell_a_head_and_shows_in_notebooks(scores, tmp_path):
    picture = scores.plot()
    svg = picture._repr_svg_()
    assert all(f"{name}:" in svg for name in scores.run.heads())
    picture.save(tmp_path / "map.svg")
    assert (tmp_path / "map.svg").read_text().strip() == svg


def test_papers_come_from_the_catalogue(scores):
    assert scores.papers()[0].id == "olsson-2022-induction"


def test_saved_scores_are_read_back_unchanged(scores, tmp_path):
    path, is_new = scores.save(tmp_path)
    assert (path, is_new) == (tmp_path / "tiny-llama/induction.json", True)
    assert HeadScores.load(path) == scores


def test_saving_the_same_outcome_again_leaves_the_file_alone(scores, tmp_path):
    path, _ = scores.save(tmp_path)
    text = path.read_text()
    assert scores.save(tmp_path) == (path, False)
    assert path.read_text() == text


def test_damaged_file_is_refused_with_its_name(scores, tmp_path):
    path, _ = scores.save(tmp_path)
    record = json.loads(path.read_text())
    del record["model"]["weights_sha256"]
    path.write_text(json.dumps(record))
    with pytest.raises(InvalidDataError, match=r"induction\.json.*unknown weights"):
        HeadScores.load(path)


def test_folder_that_cannot_be_written_is_named(scores, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunNotSavedError, match="--output"):
        scores.save(tmp_path / "file")


def test_frame_of_all_detectors_is_tidy(tiny_llama):
    frame = run(tiny_llama, ["induction", "first_token"], half_length=9, n_samples=3, progress=False).to_frame()
    columns = "model layer head detector score error null q_value called family unit rank percentile"
    assert list(frame.columns) == columns.split()
    assert frame.groupby("detector").size().to_dict() == {"first_token": 8, "induction": 8}
    assert frame[frame["detector"] == "induction"]["rank"].min() == 1


def test_all_detectors_are_drawn_in_one_picture(tiny_llama):
    results = run(tiny_llama, ["induction", "first_token"], half_length=9, n_samples=3, progress=False)
    assert results.plot().svg.count("<title>L0H0:") == 2
    assert results.plot("induction") == results["induction"].plot()

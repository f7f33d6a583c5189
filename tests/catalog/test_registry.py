import shutil
from pathlib import Path

import pytest

from catalog.errors import Code, DataFolderError, InvalidDataError, UnknownIdError
from catalog.registry import Registry
from catalog.runs import write_run

POND = Path(__file__).parents[1] / "fixtures" / "pond"


@pytest.fixture
def folder(tmp_path, make_run):
    """A data folder with the invented papers and one run."""
    shutil.copytree(POND, tmp_path / "data")
    write_run(tmp_path / "data" / "runs", make_run())
    return tmp_path / "data"


def mistakes(folder):
    with pytest.raises(InvalidDataError) as caught:
        Registry.load(folder)
    return [(Path(problem.file).name, problem.code) for problem in caught.value.problems]


def test_folder_is_loaded_whole_and_in_order(folder, make_run):
    registry = Registry.load(folder)
    assert list(registry.papers) == ["grebe-2021-echo", "teal-2023-ripple"]
    assert list(registry.head_types) == ["echo", "far_echo", "ripple"]
    assert registry.runs == [make_run()]


def test_folder_without_runs_is_loaded(folder):
    shutil.rmtree(folder / "runs")
    assert Registry.load(folder).runs == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("papers.yaml", r"no papers\.yaml in this folder"), ("head_types.yaml", r"head_types\.yaml: cannot be read")],
)
def test_missing_file_is_an_error_with_its_name(folder, name, message):
    (folder / name).unlink()
    with pytest.raises(DataFolderError, match=message):
        Registry.load(folder)


def test_problems_of_all_files_are_reported_together(folder):
    papers = (folder / "papers.yaml").read_text().replace("title: Echo Heads", "titel: Echo Heads", 1)
    (folder / "papers.yaml").write_text(papers.replace("head_type: ripple", "head_type: riddle"))
    head_types = (folder / "head_types.yaml").read_text().replace("name: Echo head", "name: Ripple head")
    (folder / "head_types.yaml").write_text(head_types)
    (folder / "runs" / "pond-1" / "echo.json").write_text("{}")
    (folder / "runs" / "pond-1" / "broken.json").write_text("{")
    found = mistakes(folder)
    assert ("broken.json", Code.BAD_VALUE) in found
    assert ("echo.json", Code.BAD_VALUE) in found
    assert [place for place in found if place[0].endswith(".yaml")] == [
        ("head_types.yaml", Code.SHARED_NAME),
        ("papers.yaml", Code.MISSING_FIELD),
        ("papers.yaml", Code.UNKNOWN_FIELD),
        ("papers.yaml", Code.UNKNOWN_HEAD_TYPE),
    ]


def test_unreadable_head_types_are_one_problem(folder):
    (folder / "head_types.yaml").write_text("- id: 'open")
    assert mistakes(folder) == [("head_types.yaml", Code.SYNTAX)]


@pytest.mark.parametrize("wanted", ["grebe-2021-echo", "2105.00001"], ids=["id", "arxiv-id"])
def test_paper_is_found_by_id_and_by_arxiv_id(world, wanted):
    assert world.paper(wanted).id == "grebe-2021-echo"


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("grebe-2021-ecko", "did you mean grebe-2021-echo"),
        ("2105.99999", "nothing is spelled like it; there are coot-2023-hostile, grebe-2021-echo"),
        ("", "the name is empty; there are coot-2023-hostile, grebe-2021-echo"),
    ],
    ids=repr,
)
def test_unknown_paper_is_refused_with_near_names_or_all(world, wanted, hint):
    with pytest.raises(UnknownIdError, match=f"unknown paper '{wanted}': {hint}"):
        world.paper(wanted)


def test_head_type_is_found_by_id(world):
    assert world.head_type("far_echo").broader == ["echo"]


def test_unknown_head_type_is_refused_with_near_names(world):
    with pytest.raises(UnknownIdError, match="unknown head type 'ecko': did you mean echo"):
        world.head_type("ecko")


def test_papers_on_a_head_type_start_with_the_one_to_read_first_then_the_oldest(world):
    assert [paper.id for paper in world.papers_on("echo")] == [
        "grebe-2021-echo",
        "heron-2020-old",
        "coot-2023-hostile",
    ]
    assert world.papers_on("ripple") == []


def test_runs_are_found_by_head_type_and_by_model(world):
    assert [run.model.slug for run in world.runs_on("echo")] == ["pond-1", "lake-2"]
    assert [run.probe for run in world.runs_of("pond-1")] == ["echo", "far_echo"]
    assert world.runs_on("ripple") == world.runs_of("sea-3") == []


def test_run_on_an_unknown_head_type_is_a_problem(folder, make_run):
    write_run(folder / "runs", make_run().model_copy(update={"probe": "riddle", "head_type": "riddle"}))
    assert mistakes(folder) == [("riddle.json", Code.UNKNOWN_HEAD_TYPE)]


def test_runs_of_one_slug_must_describe_one_model(folder, make_run):
    run = make_run()
    other = run.model.model_copy(update={"weights_sha256": "f" * 64})
    write_run(folder / "runs", run.model_copy(update={"probe": "ripple", "head_type": "ripple", "model": other}))
    assert mistakes(folder) == [("ripple.json", Code.BAD_VALUE)]

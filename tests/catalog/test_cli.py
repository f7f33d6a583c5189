"""The command: what it prints where, and how it ends."""

import json
import re
import shutil
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"
POND, BROKEN = FIXTURES / "pond", FIXTURES / "broken"
COMMAND = Path(sysconfig.get_path("scripts"), "headatlas")


@pytest.fixture(autouse=True)
def _environment(plain_terminal):
    """Every test here, those in a process of their own too, writes to a plain wide terminal."""


def headatlas_process(*arguments):
    """Run the real command in a process of its own."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def expected_mistakes():
    """Line and code of every mistake in the broken file, as its comments name them."""
    lines = enumerate((BROKEN / "papers.yaml").read_text(encoding="utf-8").splitlines(), 1)
    return [(number, found[1]) for number, line in lines if (found := re.search(r"# (HA\d{3})$", line))]


def test_broken_file_gives_one_line_for_each_of_its_five_mistakes():
    done = headatlas_process("paper", "validate", "--data", BROKEN)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    form = re.compile(rf"{re.escape(str(BROKEN / 'papers.yaml'))}:(\d+):(\d+): (HA\d\d\d) \S.+ \(\S.+\)")
    matches = [form.fullmatch(line) for line in lines]
    assert all(matches), lines
    assert [(int(match[1]), match[3]) for match in matches] == expected_mistakes()
    assert len(lines) == 5
    assert done.stderr == "5 problem(s)\n"


def test_broken_file_as_json_gives_the_same_mistakes():
    done = headatlas_process("paper", "validate", "--data", BROKEN, "--json")
    problems = json.loads(done.stdout)["problems"]
    assert done.returncode == 1
    assert [(problem["line"], problem["code"]) for problem in problems] == expected_mistakes()
    fields = {"file", "line", "column", "code", "message", "mend", "severity", "documentation"}
    assert all(problem.keys() == fields for problem in problems)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"- id: a\n- id: 'b\n", "3:1: HA001"),
        (b"- id: a\n- id: \xe9\n", "2:7: HA001 is not UTF-8 (save the file as UTF-8)"),
        (b"- id: a\n- id: \x01\n", r"2:7: HA001 holds the character '\x01', which YAML does not allow (delete it)"),
        (b"id: a\n", "1:1: HA003 is not a list (start each entry with '- id:')"),
        (b"- [*a]\n", "1:4: HA005"),
    ],
    ids=["syntax", "not-utf-8", "control-character", "not-a-list", "alias"],
)
def test_file_that_cannot_be_parsed_is_one_line(headatlas, tmp_path, content, place):
    (tmp_path / "papers.yaml").write_bytes(content)
    (tmp_path / "head_types.yaml").touch()
    done = headatlas("paper", "validate", "--data", tmp_path)
    assert done.returncode == 1
    [line] = done.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'papers.yaml'}:{place}")


@pytest.mark.parametrize("way", ["option", "environment"])
def test_right_folder_is_counted(headatlas, monkeypatch, way):
    if way == "environment":
        monkeypatch.setenv("HEADATLAS_DATA", str(POND))
    done = headatlas("paper", "validate", "--json", *(["--data", POND] if way == "option" else []))
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"problems": [], "papers": 2, "head_types": 3, "relations": 0, "runs": 0}


def test_own_data_are_valid():
    done = headatlas_process("paper", "validate")
    assert done.returncode == 0
    assert re.fullmatch(r"\d+ papers, \d+ head types, \d+ relations, \d+ runs: no problems\n", done.stdout)


@pytest.mark.parametrize("command", ["validate", "list"])
def test_missing_folder_is_wrong_use(tmp_path, command):
    done = headatlas_process("paper", command, "--data", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"headatlas: {tmp_path / 'nowhere'}: no papers.yaml in this folder; name another")


def test_list_of_a_broken_folder_tells_the_problems_too(headatlas):
    done = headatlas("paper", "list", "--data", BROKEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(re.findall(r"papers\.yaml:\d+:\d+: HA", done.stderr)) == 5


def test_list_starts_with_the_newest_and_prints_titles_as_they_are(headatlas):
    rows = headatlas("paper", "list", "--data", POND).stdout.splitlines()[1:]
    assert [re.split(r"\s{2,}", row.strip()) for row in rows] == [
        ["2023-02", "teal-2023-ripple", "[Re] Ripples :smile: [/bold]"],
        ["2021-05-04", "grebe-2021-echo", "Echo Heads in Small Ponds"],
    ]


def test_list_as_json_holds_whole_papers(headatlas):
    papers = json.loads(headatlas("paper", "list", "--data", POND, "--json").stdout)
    assert [paper["id"] for paper in papers] == ["teal-2023-ripple", "grebe-2021-echo"]
    assert papers[1]["arxiv_id"] == "2105.00010"
    assert papers[1]["claims"][0]["heads"] == ["L1H2", "L3H0"]


@pytest.mark.parametrize(
    ("head_type", "papers"),
    [("echo", ["teal-2023-ripple", "grebe-2021-echo"]), ("ripple", ["teal-2023-ripple"]), ("far_echo", [])],
)
def test_list_of_a_head_type_starts_with_the_paper_to_read_first(headatlas, head_type, papers):
    done = headatlas("paper", "list", "--data", POND, "--head-type", head_type, "--json")
    assert [paper["id"] for paper in json.loads(done.stdout)] == papers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "grebe-2021-ecko"], "unknown paper 'grebe-2021-ecko': did you mean grebe-2021-echo"),
        (["list", "--head-type", "ecko"], "unknown head type 'ecko': did you mean echo, far_echo?"),
    ],
    ids=["paper", "head-type"],
)
def test_unknown_id_is_wrong_use_and_names_the_near_ones(headatlas, arguments, message):
    done = headatlas("paper", *arguments, "--data", POND)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"headatlas: {message}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("wanted", ["grebe-2021-echo", "2105.00010"], ids=["id", "arxiv-id"])
def test_show_tells_the_paper_who_wrote_its_summary_and_its_claims(headatlas, wanted):
    done = headatlas("paper", "show", wanted, "--data", POND)
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[:3] == [
        "Echo Heads in Small Ponds",
        "Ada Grebe, Bo Heron",
        "2021-05-04 · PondConf 2022 · https://example.org/echo",
    ]
    assert "(This summary was written by a language model and has not yet been reviewed by a person.)" in lines
    assert "  named-heads [heads]: Two heads echo. (L1H2, L3H0 of invented/pond-1)" in lines
    assert "  beauty [untestable]: Echoes are pretty." in lines


def test_show_names_the_person_who_checked_a_summary(headatlas):
    done = headatlas("paper", "show", "teal-2023-ripple", "--data", POND)
    assert "(This summary was written by a person and checked against the paper by Di Coot.)" in done.stdout


def test_show_as_json_is_one_paper(headatlas):
    paper = json.loads(headatlas("paper", "show", "2302.00002", "--data", POND, "--json").stdout)
    assert paper["id"] == "teal-2023-ripple"


def test_version_is_that_of_the_package(headatlas):
    assert headatlas("--version").stdout.strip() == version("headatlas")


@pytest.mark.parametrize(
    "arguments", [["papers"], ["paper", "show"], ["paper", "list", "--colour"]], ids=["command", "argument", "option"]
)
def test_wrong_use_ends_with_2(headatlas, arguments):
    assert headatlas(*arguments).returncode == 2


@pytest.mark.parametrize("command", ["validate", "list", "show"])
def test_help_gives_an_example(headatlas, command):
    done = headatlas("paper", command, "--help")
    assert done.returncode == 0
    assert f"Example: headatlas paper {command}" in " ".join(done.stdout.split())


def test_broken_run_is_reported_beside_the_papers(headatlas, tmp_path):
    shutil.copytree(POND, tmp_path / "data")
    run = tmp_path / "data" / "runs" / "pond-1" / "echo.json"
    run.parent.mkdir(parents=True)
    run.write_text("{")
    done = headatlas("paper", "validate", "--data", tmp_path / "data")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{run}:1:1: HA103 the file: ")

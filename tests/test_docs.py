"""Documentation cannot drift, because these tests read it."""

import re
import shlex
import shutil
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer
import yaml

from catalog.cli import GROUPS, app
from catalog.errors import Code
from catalog.runs import read_run
from probes import detectors

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "site/docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|`)\$? ?(headatlas [a-z][^`\n]*)", re.MULTILINE)
DOCUMENTED = sorted({found.strip() for page in PAGES for found in COMMAND.findall(page.read_text())})


@pytest.fixture(scope="module")
def commands():
    """The whole command tree: (group, command) to its option names."""
    for entry_point in entry_points(group=GROUPS):
        app.add_typer(entry_point.load(), name=entry_point.name)
    groups = typer.main.get_command(app).commands
    return {
        (group, name): {option for parameter in command.params for option in parameter.opts}
        for group, contents in groups.items()
        for name, command in contents.commands.items()
    }


def test_documents_hold_commands():
    assert len(DOCUMENTED) >= 9


@pytest.mark.parametrize("line", DOCUMENTED)
def test_documented_command_exists_with_its_options(line, commands):
    words = shlex.split(line.replace("<", "'<").replace(">", ">'"))
    options = commands.get(tuple(words[1:3]))
    assert options is not None, f"{words[1:3]} is no command"
    assert {word for word in words if word.startswith("--")} <= options


def test_every_command_stands_in_the_readme(commands):
    readme = (ROOT / "README.md").read_text()
    missing = [f"headatlas {group} {name}" for group, name in commands if f"headatlas {group} {name}" not in readme]
    assert missing == []


def test_every_command_shows_an_example():
    from probes import cli, experiment_cli

    for typer_app in (*(group.typer_instance for group in app.registered_groups), cli.app, experiment_cli.app):
        for command in typer_app.registered_commands:
            assert "Example: headatlas" in command.callback.__doc__, command.callback


def test_every_rule_of_the_data_files_is_explained():
    rows = re.findall(
        r'^\| <a id="(ha\d{3})"></a>(HA\d{3}) \| \S', (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    assert [code for _, code in rows] == sorted(Code)
    assert [f"CONTRIBUTING.md#{anchor}" for anchor, _ in rows] == [code.documentation for code in sorted(Code)]


def test_every_detector_belongs_to_a_head_type(catalogue):
    named = {name for head_type in catalogue.head_types.values() for name in head_type.detectors}
    assert named == set(detectors.names())


def test_pages_of_detectors_are_up_to_date(catalogue):
    from probes import pages

    folder = ROOT / "site/docs/detectors"
    written = {path.name: path.read_text() for path in folder.glob("*.md")}
    assert written == pages.collect(catalogue), "run: headatlas probe docs"


def test_pages_are_written_once_and_removed_with_their_detector(catalogue, tmp_path):
    from probes import pages

    (tmp_path / "gone.md").write_text("a detector that is no more")
    changed = pages.write(catalogue, tmp_path)
    assert {path.name for path in changed} >= {"index.md", "induction.md", "gone.md"}
    assert not (tmp_path / "gone.md").exists()
    assert pages.write(catalogue, tmp_path) == []


@pytest.mark.parametrize("word", ["a_b", "`x*y`", "plain"])
def test_words_of_a_docstring_stay_as_they_are(word):
    from probes import pages

    assert pages._text(word) == word


def test_markup_in_a_docstring_is_text():
    from probes import pages

    assert pages._text("<b> *x* |g| `<i>` _e_") == "&lt;b&gt; &#42;x&#42; &#124;g&#124; `<i>` &#95;e&#95;"


def test_guide_has_a_question_for_every_detector_and_no_other():
    guide = (ROOT / "site/docs/which-detector.md").read_text()
    assert set(re.findall(r"detectors/([a-z_]+)\.md", guide)) - {"index"} == set(detectors.names())


@pytest.fixture
def guide_code() -> dict[str, str]:
    """Code of the guide "Add a detector" by the file that it names."""
    text = (ROOT / "site/docs/add-a-detector.md").read_text()
    return dict(re.findall(r'```python title="([^"]+)"\n(.*?)```', text, re.DOTALL))


@pytest.fixture
def detectors_and_one_more(guide_code, tmp_path, monkeypatch):
    """A copy of the folder of detectors that holds the guide's, in place of ours."""
    folder = tmp_path / "detectors"
    shutil.copytree(Path(detectors.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "latest_follower.py").write_text(guide_code["probes/detectors/latest_follower.py"])
    monkeypatch.setattr(detectors, "__file__", str(folder / "__init__.py"))
    monkeypatch.setattr(detectors, "__path__", [str(folder)])
    yield folder
    sys.modules.pop("probes.detectors.latest_follower", None)


def test_detector_of_the_guide_is_found_described_and_passes_its_own_tests(guide_code, detectors_and_one_more):
    assert "latest_follower" in detectors.names()
    for word in ("Score:", "From ", " to ", "Source:"):
        assert word in detectors.describe("latest_follower")
    names = {}
    exec(guide_code["tests/probes/detectors/test_latest_follower.py"], names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == citation["version"]


def test_constraints_pin_every_requirement_of_the_readme():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["probes"], *extras["site"], *extras["dev"]]
    names = {re.split(r"[\[<>=~! ]", requirement)[0].lower().replace("_", "-") for requirement in wanted}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert names - {"headatlas"} <= pinned
    assert "torch==2.13.0" in lines


README_EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_readme_example_of_an_experiment_runs_as_printed(tmp_path, monkeypatch):
    from catalog.experiments import read_experiments
    from probes.experiments import counting
    from probes.experiments.report import Report

    record = read_experiments(ROOT / "data" / "experiments")[0]
    made = []

    def recorded(seeds, **chosen):
        made.append(counting.EXPERIMENT.settings.make(chosen))
        return Report(record)

    shutil.copy(ROOT / "data" / "papers.yaml", tmp_path)
    monkeypatch.setenv("HEADATLAS_DATA", str(tmp_path))
    monkeypatch.setattr(counting, "run", recorded)
    (example,) = README_EXAMPLES[1:]
    exec(example, {})
    for figure in re.findall(r'"(\w+)"', example.partition("plot")[2]):
        assert figure in record.figures
    assert made[0].n_heads == 8
    assert [path.stem for path in tmp_path.rglob("*.json")] == [record.key]


def test_readme_example_runs_as_printed(demo, tmp_path, monkeypatch):
    import shutil

    import probes

    data = shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.setenv("HEADATLAS_DATA", str(data))
    monkeypatch.setattr(probes, "load_model", lambda name: demo, raising=False)
    example = README_EXAMPLES[0]
    names = {}
    exec(example, names)
    best = names["result"]["induction"].top(5)
    assert f"{best!r}".splitlines()[0] in example
    assert sorted(path.name for path in (data / "runs").rglob("*.json")) == ["induction.json", "previous_token.json"]
    for name in ("induction", "previous_token"):
        recorded = read_run(ROOT / "data/runs" / demo.record.slug / f"{name}.json")
        assert names["result"][name].run.repeats(recorded), "this code measures something else than is committed"

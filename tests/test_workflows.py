"""The workflows keep the rules that untrusted text asks for; read from the files, without a network."""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TRIGGERED_BY_ANYONE = {"submission-check.yml", "submission-accept.yml"}
SCRIPTS = sysconfig.get_path("scripts")


def tool(name):
    found = shutil.which(name, path=SCRIPTS) or shutil.which(name)
    assert found, f"install the dev extra: {name} is part of it"
    return found


def run(*command):
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def load(path):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # "on" stays text


def walk(value, path=()):
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from walk(child, (*path, key))


def jobs_of(path):
    return load(path)["jobs"].items()


def steps_of(path):
    return [step for _, job in jobs_of(path) for step in job["steps"]]


def test_there_are_the_four_workflows():
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "site.yml", *TRIGGERED_BY_ANYONE}


each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


@each_workflow
def test_a_workflow_follows_the_public_schemas(path):
    for schema in ("vendor.github-workflows", "custom.github-workflows-require-timeout"):
        run(tool("check-jsonschema"), "--builtin-schema", schema, path)


def test_zizmor_finds_nothing_without_a_network():
    run(tool("zizmor"), "--offline", "--no-config", "--persona=pedantic", *WORKFLOWS)


@each_workflow
def test_no_expression_stands_in_a_script(path):
    scripts = [(way, value) for way, value in walk(load(path)) if way and way[-1] in {"run", "script"}]
    assert scripts
    assert [way for way, value in scripts if "${{" in value] == []


@each_workflow
def test_expressions_read_no_text_that_people_write(path):
    written = r"github\.(head_ref|event\.(issue|comment|pull_request|review|discussion)\.(title|body|user|head))"
    named = r"github\.(event_path|event)\s*\}\}|toJSON\(github"
    assert re.findall(f"{written}|{named}", path.read_text()) == []


@each_workflow
def test_every_action_is_pinned_by_commit_with_its_version_beside_it(path):
    used = re.findall(r"^\s*(?:- )?uses:\s*(.*)$", path.read_text(), re.MULTILINE)
    assert len(used) == sum("uses" in step for step in steps_of(path))
    for line in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version_everywhere():
    used = {line for path in WORKFLOWS for line in re.findall(r"uses:\s*(\S+)", path.read_text())}
    assert len({line.partition("@")[0] for line in used}) == len(used)


@each_workflow
def test_permissions_are_none_unless_a_job_asks(path):
    assert load(path)["permissions"] == {}
    for name, job in jobs_of(path):
        assert isinstance(job["permissions"], dict), name
        assert "write-all" not in job["permissions"].values()


@each_workflow
def test_checkout_leaves_no_credentials(path):
    for step in steps_of(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"
            assert "ref" not in step["with"]


@each_workflow
def test_nothing_runs_for_ever_or_twice_at_once(path):
    workflow = load(path)
    assert workflow["concurrency"]["group"]
    assert all(int(job["timeout-minutes"]) <= 45 for job in workflow["jobs"].values())


@each_workflow
def test_no_workflow_runs_a_strangers_code_with_rights(path):
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(load(path)["on"])


@pytest.mark.parametrize("name", sorted(TRIGGERED_BY_ANYONE))
def test_a_job_that_can_write_does_not_run_our_code_on_what_people_wrote(name):
    path = ROOT / ".github" / "workflows" / name
    assert "github.event.issue.number" in load(path)["concurrency"]["group"]
    for job_name, job in jobs_of(path):
        can_write = "write" in job["permissions"].values()
        scripts = " ".join(step.get("run", "") for step in job["steps"])
        runs_code = re.search(r"\b(python|pip|headatlas)\b", scripts) is not None
        assert runs_code is not can_write, job_name


@pytest.mark.parametrize("name", sorted(TRIGGERED_BY_ANYONE))
def test_a_token_is_given_to_single_steps_and_never_to_our_code(name):
    path = ROOT / ".github" / "workflows" / name
    assert not [
        way for way, value in walk(load(path)) if "github.token" in str(value) and way[-1:] == ("env",) and len(way) < 5
    ]
    for step in steps_of(path):
        if "GH_TOKEN" in step.get("env", {}):
            assert not re.search(r"\b(python|pip|headatlas)\b", step["run"])


def test_the_check_only_comments_and_the_label_goes_on_an_edit():
    workflow = load(ROOT / ".github" / "workflows" / "submission-check.yml")
    assert workflow["on"] == {"issues": {"types": ["opened", "edited"]}}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert rights == {"withdraw": {"issues": "write"}, "check": {"contents": "read"}, "answer": {"issues": "write"}}
    assert "github.event.action == 'edited'" in workflow["jobs"]["withdraw"]["if"]
    assert "--remove-label accepted" in workflow["jobs"]["withdraw"]["steps"][0]["run"]


def test_acceptance_waits_for_the_label_and_commits_one_file():
    workflow = load(ROOT / ".github" / "workflows" / "submission-accept.yml")
    assert workflow["on"] == {"issues": {"types": ["labeled"]}}
    assert workflow["jobs"]["prepare"]["if"] == "github.event.label.name == 'accepted'"
    opening = workflow["jobs"]["open"]["steps"][-1]["run"]
    assert "submit/issue-$ISSUE" in opening
    assert "-- data/papers.yaml" in opening
    assert "--force" not in opening


def test_ci_runs_the_same_script_as_everybody():
    assert ".ci/run" in [step.get("run") for step in steps_of(ROOT / ".github" / "workflows" / "ci.yml")]

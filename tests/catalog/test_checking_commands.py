"""The commands paper validate, format, schema and release, on invented files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from catalog import files
from catalog.json_schema import CONTENTS

POND = Path(__file__).parents[1] / "fixtures" / "pond"


@pytest.fixture
def pond(tmp_path):
    """A copy of the invented data, which a test may change."""
    return Path(shutil.copytree(POND, tmp_path / "data"))


def headatlas(*arguments):
    command = [sys.executable, "-m", "catalog.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_warning_is_shown_and_passes(pond):
    edit(pond / "papers.yaml", "title: '[Re] Ripples :smile: [/bold]'", "title: Echo Heads in Small Pond")
    done = headatlas("paper", "validate", "--data", pond)
    assert done.returncode == 0
    assert "HA208 warning: title is much like that of another paper: 'Echo Heads in Small Ponds'" in done.stdout
    assert done.stderr == "1 problem(s), 1 only to look at\n"
    done = headatlas("paper", "validate", "--data", pond, "--format", "github")
    assert (done.returncode, done.stdout[:15]) == (0, "::warning file=")


def test_order_is_checked_and_format_mends_it(pond):
    edit(
        pond / "papers.yaml",
        "date: '2021-05-04'\n  date_basis: submission",
        "date: '2024'\n  date_basis: publication page",
    )
    before = headatlas("paper", "validate", "--data", pond, "--format", "json")
    assert before.returncode == 1
    [problem] = json.loads(before.stdout)["problems"]
    assert (problem["code"], problem["severity"]) == ("HA212", "error")
    assert problem["mend"] == "run headatlas paper format"
    assert headatlas("paper", "list", "--data", pond).returncode == 0  # the data can be used all the same
    check = headatlas("paper", "format", "--data", pond, "--check")
    assert (check.returncode, check.stdout) == (1, f"would change {pond / 'papers.yaml'}\n")
    written = headatlas("paper", "format", "--data", pond)
    assert (written.returncode, written.stdout) == (0, f"changed {pond / 'papers.yaml'}\n")
    assert headatlas("paper", "format", "--data", pond, "--check").returncode == 0
    assert headatlas("paper", "validate", "--data", pond).returncode == 0


def test_conflict_that_cannot_be_settled_changes_no_file(pond):
    edit(pond / "head_types.yaml", "name: Echo head", "name:   Echo head")
    edit(pond / "papers.yaml", "  venue: PondConf 2022\n", "<<<<<<< a\n  venue: A\n=======\n  venue: B\n>>>>>>> b\n")
    before = {path: path.read_bytes() for path in pond.iterdir() if path.is_file()}
    done = headatlas("paper", "format", "--data", pond)
    assert done.returncode == 1
    assert f"{pond / 'papers.yaml'}:3:1: HA006 both sides of the merge changed 'grebe-2021-echo'" in done.stderr
    assert {path: path.read_bytes() for path in before} == before
    [line] = headatlas("paper", "validate", "--data", pond).stdout.splitlines()
    assert line.startswith(f"{pond / 'papers.yaml'}:9:1: HA006 git left both sides of a merge here")


def test_schema_is_printed_or_written(pond):
    assert json.loads(headatlas("paper", "schema", "head_types").stdout)["items"] == {"$ref": "#/$defs/HeadType"}
    unknown = headatlas("paper", "schema", "paper")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "did you mean papers" in unknown.stderr
    written = headatlas("paper", "schema", "--write", "--data", pond)
    assert [Path(line).exists() for line in written.stdout.splitlines()] == [True] * len(CONTENTS)


def test_paper_of_a_release_cannot_vanish(pond):
    assert headatlas("paper", "release", "--data", pond).returncode == 0
    assert yaml.safe_load((pond / "released.yaml").read_text())[0]["papers"] == ["grebe-2021-echo", "teal-2023-ripple"]
    assert headatlas("paper", "validate", "--data", pond).returncode == 0
    edit(pond / "papers.yaml", "- id: grebe-2021-echo", "- id: grebe-2021-echoes")
    done = headatlas("paper", "validate", "--data", pond)
    assert done.returncode == 1
    assert "released.yaml:" in done.stdout
    assert "HA213 paper 'grebe-2021-echo' was released and is gone" in done.stdout
    tombstone = (
        "- {id: grebe-2021-echo, kind: paper, reason: renamed, date: '2026-11-22', replaced_by: grebe-2021-echoes}\n"
    )
    (pond / "tombstones.yaml").write_text(tombstone)
    assert headatlas("paper", "validate", "--data", pond).returncode == 0


@pytest.fixture
def installed(pond, monkeypatch):
    """The pond as the copy in an installed package."""
    package = pond.parent / "installed" / "catalog"
    package.mkdir(parents=True)
    monkeypatch.delenv(files.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(files, "PACKAGE", package)
    return Path(shutil.copytree(pond, package / "packaged_data"))


@pytest.mark.parametrize("command", ["format", "schema --write", "release"])
def test_copy_in_the_package_is_never_changed(installed, command, request):
    edit(installed / "papers.yaml", "venue: PondConf 2022", "venue:   PondConf 2022")
    before = {path: path.read_bytes() for path in installed.rglob("*") if path.is_file()}
    done = request.getfixturevalue("headatlas")("paper", *command.split())
    assert done.returncode == 2
    assert "belongs to the installed package; name a folder of your own" in done.stderr
    assert {path: path.read_bytes() for path in installed.rglob("*") if path.is_file()} == before


def test_copy_in_the_package_can_be_checked(installed, request):
    assert request.getfixturevalue("headatlas")("paper", "format", "--check").returncode == 0


def test_date_in_the_future_is_refused_and_hinders_nobody_else(pond):
    edit(pond / "papers.yaml", "added: '2026-11-22'", "added: '2999-01-01'")
    done = headatlas("paper", "validate", "--data", pond)
    assert done.returncode == 1
    assert "HA215 added '2999-01-01' lies in the future" in done.stdout
    assert headatlas("paper", "list", "--data", pond).returncode == 0


def test_file_that_is_not_utf_8_is_refused(pond):
    (pond / "left_out.yaml").write_bytes(b"- title: \xe9\n")
    done = headatlas("paper", "format", "--data", pond, "--check")
    assert done.returncode == 1
    assert "left_out.yaml:1:10: HA001 is not UTF-8" in done.stderr

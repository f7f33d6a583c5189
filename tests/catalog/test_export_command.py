"""The command paper export: what it writes where, and how it ends."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalog import cli, exporters
from catalog.registry import Registry

POND = Path(__file__).parents[1] / "fixtures/pond"


@pytest.fixture
def export(monkeypatch, capsys):
    """Function that runs the command in this process, on the invented pond."""

    def export(*arguments, data=POND):
        command = ["headatlas", "paper", "export", *map(str, arguments), "--data", str(data)]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setattr(cli.app, "registered_groups", list(cli.app.registered_groups))
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(command, caught.value.code or 0, printed.out, printed.err)

    return export


@pytest.mark.parametrize("name", exporters.names())
def test_export_prints_the_file_and_nothing_else(export, name):
    done = export(name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == exporters.load(name).export(Registry.load(POND))


def test_output_is_written_whole_and_told_on_stderr(export, tmp_path):
    file = tmp_path / "new" / "papers.csv"
    done = export("csv-table", "--output", file)
    assert (done.returncode, done.stdout) == (0, "")
    assert str(file) in done.stderr
    assert file.read_bytes().decode() == exporters.load("csv_table").export(Registry.load(POND))
    assert [path.name for path in file.parent.iterdir()] == ["papers.csv"]


def test_list_names_every_format(export):
    done = export("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == exporters.names()
    assert json.loads(export("--list", "--json").stdout).keys() == set(exporters.names())


def test_unknown_format_names_the_nearest(export):
    done = export("bibtx")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown export format 'bibtx': did you mean bibtex" in done.stderr


@pytest.mark.parametrize(("wanted", "near"), [("json", "json_api"), ("csv", "csv_table"), ("atom", "atom_papers")])
def test_short_name_finds_its_format(export, wanted, near):
    assert near in export(wanted).stderr


def test_no_format_is_wrong_use_and_names_them_all(export):
    done = export()
    assert done.returncode == 2
    assert "bibtex" in done.stderr


def test_broken_data_leaves_the_old_file_alone(export, tmp_path):
    data = shutil.copytree(POND, tmp_path / "data")
    (data / "papers.yaml").write_text("- id: broken\n", encoding="utf-8")
    file = tmp_path / "papers.bib"
    file.write_text("old", encoding="utf-8")
    assert export("bibtex", "--output", file, data=data).returncode == 1
    assert file.read_text(encoding="utf-8") == "old"


def test_folder_as_output_is_told_without_a_traceback(export, tmp_path):
    done = export("bibtex", "--output", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"headatlas: {tmp_path}: Is a directory")

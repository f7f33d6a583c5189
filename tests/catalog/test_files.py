import errno
import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from catalog import files
from catalog.errors import DataFolderError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv(files.ENVIRONMENT_VARIABLE, raising=False)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Package folder of an installation without a clone."""
    package = tmp_path / "site-packages" / "catalog"
    (package / "packaged_data").mkdir(parents=True)
    (package / "packaged_data" / "papers.yaml").touch()
    monkeypatch.setattr(files, "PACKAGE", package)
    return package


def make_data(folder):
    folder.mkdir()
    (folder / "papers.yaml").touch()
    return folder


def test_data_folder_of_a_clone_lies_beside_the_package():
    assert files.data_folder() == Path(files.__file__).parents[1] / "data"
    assert files.runs_folder() == files.data_folder() / "runs"


def test_data_folder_that_was_chosen_wins_over_the_environment(tmp_path, monkeypatch):
    chosen, environment = make_data(tmp_path / "chosen"), make_data(tmp_path / "environment")
    monkeypatch.setenv(files.ENVIRONMENT_VARIABLE, str(environment))
    assert files.data_folder(chosen) == chosen
    assert files.data_folder() == environment
    assert files.runs_folder() == environment / "runs"


def test_data_folder_of_an_installation_is_the_copy_in_the_package(installed):
    assert files.data_folder() == installed / "packaged_data"


def test_runs_of_an_installation_are_not_written_into_the_package(installed):
    assert files.runs_folder() == Path("data", "runs")


@pytest.mark.parametrize("is_chosen", [True, False], ids=["chosen", "environment"])
def test_data_folder_without_papers_is_refused_with_the_way_out(tmp_path, monkeypatch, is_chosen):
    if not is_chosen:
        monkeypatch.setenv(files.ENVIRONMENT_VARIABLE, str(tmp_path))
    with pytest.raises(DataFolderError, match=r"no papers\.yaml.*--data or HEADATLAS_DATA") as caught:
        files.data_folder(tmp_path if is_chosen else None)
    assert caught.value.folder == tmp_path


def test_own_folder_is_the_data_folder_unless_it_belongs_to_the_package(tmp_path, installed):
    chosen = make_data(tmp_path / "chosen")
    assert files.own_folder(chosen) == chosen
    with pytest.raises(DataFolderError, match=r"belongs to the installed package; name a folder of your own"):
        files.own_folder()


def test_project_folder_is_the_clone():
    assert (files.project_folder() / "pyproject.toml").is_file()


def test_project_folder_without_a_clone_is_refused(installed):
    with pytest.raises(DataFolderError, match="needs a clone"):
        files.project_folder()


def test_text_is_written_as_utf8_with_plain_newlines_into_a_new_folder(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    files.write_text(path, "é\nü\n")
    assert path.read_bytes() == "é\nü\n".encode()


def test_text_replaces_what_was_there_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("a much longer old text")
    files.write_text(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
def test_written_file_can_be_read_by_everyone(tmp_path):
    files.write_text(tmp_path / "file.txt", "new")
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o644


FAILURES = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]


@pytest.mark.parametrize("failure", FAILURES, ids=["disk-full", "ctrl-c"])
@pytest.mark.parametrize("moment", ["write", "replace"])
@pytest.mark.parametrize("old", ["the old text", None], ids=["old-file", "no-file"])
def test_failure_while_writing_keeps_the_old_text_and_leaves_no_part(tmp_path, monkeypatch, failure, moment, old):
    path = tmp_path / "file.txt"
    if old is not None:
        path.write_text(old)
    open_file = os.fdopen
    reached = []

    def fail(*_):
        reached.append(os.listdir(tmp_path))
        raise failure

    @contextmanager
    def open_file_that_fills_up(*args, **options):
        with open_file(*args, **options) as file:
            yield SimpleNamespace(write=lambda text: (file.write(text[:3]), file.flush(), fail()))

    if moment == "write":
        monkeypatch.setattr(os, "fdopen", open_file_that_fills_up)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(failure)):
        files.write_text(path, "the new text")
    monkeypatch.undo()
    assert any(name.endswith(".part") for name in reached[0])
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == ({} if old is None else {"file.txt": old})

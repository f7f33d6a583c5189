import errno
import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from catalog import files
from catalog.errors import BusyDataError, DataFolderError


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
    with pytest.raises(DataFolderError, match=r"belongs to the installed package"):
        files.own_folder(installed / ".." / "catalog" / "packaged_data")


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


only_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes, pipes or links")


@only_posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)], ids=oct)
def test_new_file_has_the_rights_that_the_umask_leaves(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "file.txt", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == mode


@only_posix
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755], ids=oct)
def test_old_file_keeps_its_rights(tmp_path, mode):
    path = tmp_path / "file.txt"
    path.write_text("old")
    path.chmod(mode)
    files.write_text(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", mode)


@only_posix
@pytest.mark.parametrize("old", ["the old text", None], ids=["file", "nothing-yet"])
def test_link_stays_and_the_file_that_it_leads_to_is_written(tmp_path, old):
    target, link = tmp_path / "target.txt", tmp_path / "place" / "link.txt"
    if old:
        target.write_text(old)
    link.parent.mkdir()
    link.symlink_to("../target.txt")
    files.write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert os.listdir(link.parent) == ["link.txt"]


@only_posix
def test_pipe_gets_the_text_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_text(pipe, "new\n")
    assert os.read(reader, 100) == b"new\n"
    os.close(reader)
    assert pipe.is_fifo()


@only_posix
def test_device_gets_the_text_and_stays_a_device(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(os.devnull)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert Path(os.devnull).is_char_device()


def test_folder_is_refused_with_its_own_name(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        files.write_text(tmp_path, "new")
    assert str(caught.value.filename) == str(tmp_path)


def test_changes_of_several_processes_follow_each_other(run_together, tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    script = """
from catalog.files import changing_data, write_text

path = pathlib.Path(sys.argv[4])
ready()
with changing_data():
    number = int(path.read_text())
    time.sleep(0.1)
    write_text(path, str(number + 1))
"""
    run_together(script, *[counter] * 4)
    assert counter.read_text() == "4"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of our own for the lock."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(files, "user_cache_path", lambda *_, **__: folder)
    return folder


def test_process_that_never_ends_its_change_is_told_with_the_lock(cache, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(files, "LONGEST_TURN", 0.05)
    with (
        FileLock(cache / "data.lock"),
        pytest.raises(BusyDataError, match=r"holds .*data\.lock; wait for it, or end it"),
        files.changing_data(),
    ):
        raise AssertionError("it is not our turn")
    with files.changing_data():
        pass


def test_cache_that_cannot_be_used_is_told_and_hinders_nobody(cache, capsys):
    cache.rmdir()
    cache.write_text("no folder")
    with files.changing_data():
        pass
    assert "headatlas: no lock on the data files" in capsys.readouterr().err


FAILURES = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]


@pytest.mark.parametrize("failure", FAILURES, ids=["disk-full", "ctrl-c"])
@pytest.mark.parametrize("moment", ["write", "replace"])
@pytest.mark.parametrize("old", ["the old text", None], ids=["old-file", "no-file"])
def test_failure_while_writing_keeps_the_old_text_and_leaves_no_part(tmp_path, monkeypatch, failure, moment, old):
    path = tmp_path / "file.txt"
    if old is not None:
        path.write_text(old)
    open_file = Path.open
    reached = []

    def fail(*_):
        reached.append(os.listdir(tmp_path))
        raise failure

    @contextmanager
    def open_file_that_fills_up(*args, **options):
        with open_file(*args, **options) as file:
            yield SimpleNamespace(write=lambda text: (file.write(text[:3]), file.flush(), fail()))

    if moment == "write":
        monkeypatch.setattr(Path, "open", open_file_that_fills_up)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(failure)):
        files.write_text(path, "the new text")
    monkeypatch.undo()
    assert any(name.endswith(".part") for name in reached[0])
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == ({} if old is None else {"file.txt": old})

"""The command group probe: what it prints, what it writes, how it refuses."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.cli import main
from catalog.runs import read_run
from probes import forward

from .conftest import make_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny-llama"
    make_tiny("llama").save_pretrained(path)
    return path


@pytest.fixture
def headatlas(monkeypatch, capsys):
    """Run the command in this process; gives exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["headatlas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


SHORT = ("--samples", 3, "--half-length", 9)


def test_list_names_every_detector_with_a_line(headatlas):
    code, out, _ = headatlas("probe", "list")
    assert code == 0
    assert re.search(r"^induction +Attention from a token's later occurrence", out, re.MULTILINE)
    assert len(out.splitlines()) == len(json.loads(headatlas("probe", "list", "--json")[1]))


def test_describe_gives_definition_threshold_and_papers(headatlas):
    code, out, _ = headatlas("probe", "describe", "induction")
    assert code == 0
    assert "0.4 (our choice" in out
    assert "olsson-2022-induction" in out


def test_run_writes_a_record_for_each_detector(headatlas, folder, tmp_path):
    names = ("duplicate_token", "first_token", "induction", "previous_token")
    code, out, err = headatlas("probe", "run", *names, "--model", folder, *SHORT, "--output", tmp_path)
    assert code == 0
    assert "induction on tiny-llama:" in out
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))
    assert files == [f"tiny-llama/{name}.json" for name in names]
    assert err.count("written: ") == 4


def test_run_says_how_much_memory_it_needed(headatlas, folder, tmp_path):
    err = headatlas("probe", "run", "induction", "--model", folder, *SHORT, "--output", tmp_path)[2]
    (peak,) = re.findall(r"^peak memory: ([\d,]+) MiB$", err, re.MULTILINE)
    assert 100 < int(peak.replace(",", "")) < 2**16


def test_second_run_confirms_the_record_and_leaves_it_alone(headatlas, folder, tmp_path):
    request = ("probe", "run", "induction", "--model", folder, *SHORT, "--output", tmp_path)
    headatlas(*request)
    record = (tmp_path / "tiny-llama/induction.json").read_text()
    _, _, err = headatlas(*request)
    assert "confirmed, not measured again" in err
    assert "confirmed, nothing changed" in headatlas(*request, "--again")[2]
    assert (tmp_path / "tiny-llama/induction.json").read_text() == record


def test_json_is_the_record(headatlas, folder, tmp_path):
    _, out, _ = headatlas("probe", "run", "induction", "--model", folder, *SHORT, "--output", tmp_path, "--json")
    (printed,) = json.loads(out)
    assert printed == read_run(tmp_path / "tiny-llama/induction.json").model_dump(mode="json", exclude_none=True)


def test_other_than_the_standard_run_is_only_recorded_where_asked(headatlas, folder, tmp_path, monkeypatch):
    shutil.copytree(Path(__file__).parents[2] / "data", tmp_path / "data", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.setenv("HEADATLAS_DATA", str(tmp_path / "data"))
    code, out, err = headatlas("probe", "run", "induction", "--model", folder, *SHORT)
    assert code == 0
    assert "induction on tiny-llama" in out
    assert "not recorded" in err
    assert "not recorded" in headatlas("probe", "run", "induction", "--model", folder, "--dtype", "bf16")[2]
    headatlas("probe", "run", "induction", "--model", folder)
    assert [path.name for path in (tmp_path / "data/runs").rglob("*.json")] == ["induction.json"]


def test_run_on_other_weights_of_the_same_name_is_not_overwritten(headatlas, folder, tmp_path):
    other = tmp_path / "other" / "tiny-llama"
    make_tiny("llama_wide_heads").save_pretrained(other)
    headatlas("probe", "run", "induction", "--model", folder, *SHORT, "--output", tmp_path / "runs")
    request = ("probe", "run", "induction", "--model", other, *SHORT, "--output", tmp_path / "runs")
    code, _, err = headatlas(*request)
    assert code == 1
    assert "other weights under the name tiny-llama" in err
    assert headatlas(*request, "--name", "Wide")[0] == 0


def test_another_seed_gives_another_record(headatlas, folder, tmp_path):
    request = ("probe", "run", "induction", "--model", folder, *SHORT, "--output", tmp_path)
    headatlas(*request)
    _, _, err = headatlas(*request, "--seed", 1)
    assert "written: " in err
    assert read_run(tmp_path / "tiny-llama/induction.json").seed == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["inductoin"], "did you mean induction"),
        (["--model", "no such model"], "neither a folder"),
        (["induction", "--model", "FOLDER", "--samples", 1], "at least 2"),
        (["induction", "--model", "FOLDER", "--half-length", 1], "at least 2"),
        (["induction", "--model", "FOLDER", "--half-length", 97], "only 96 token ids"),
        (["--model", "FOLDER", "--dtype", "float31"], "float32, bfloat16, float16"),
        (["--model", "FOLDER", "--device", "gpuu"], "use auto, cpu, cuda"),
        (["--model", "FOLDER", "--texts", "/nonexistent.txt"], "nonexistent.txt: cannot be read"),
        (["--model", "FOLDER", "--texts", "EMPTY"], "holds no text"),
    ],
    ids=[
        "detector",
        "model",
        "samples",
        "half length",
        "vocabulary",
        "dtype",
        "device",
        "no text file",
        "empty text file",
    ],
)
def test_wrong_use_exits_with_2_and_one_line(headatlas, folder, tmp_path, arguments, words):
    (tmp_path / "empty.txt").touch()
    places = {"FOLDER": folder, "EMPTY": tmp_path / "empty.txt"}
    code, out, err = headatlas(
        "probe", "run", *(places.get(part, part) for part in arguments), "--output", tmp_path / "runs"
    )
    assert code == 2
    assert out == ""
    assert words in err.splitlines()[-1]
    assert "Traceback" not in err
    assert not list((tmp_path / "runs").rglob("*.json"))


def test_folder_that_cannot_be_written_is_refused_before_measuring(headatlas, folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(forward, "read", lambda *_, **__: pytest.fail("measured in vain"))
    code, _, err = headatlas("probe", "run", "--model", folder, "--output", tmp_path / "file")
    assert code == 1
    assert "choose another folder with --output" in err


def test_full_disk_leaves_the_old_record(headatlas, folder, tmp_path, monkeypatch):
    import errno

    import catalog.runs

    request = ("probe", "run", "induction", "--model", folder, *SHORT, "--output", tmp_path)
    headatlas(*request)
    before = (tmp_path / "tiny-llama/induction.json").read_text()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(catalog.runs, "write_text", full)
    code, _, err = headatlas(*request, "--seed", 1)
    assert code == 1
    assert "No space left on device" in err
    assert (tmp_path / "tiny-llama/induction.json").read_text() == before


def test_all_runs_what_can_be_run_and_fp32_is_the_standard_format(headatlas, folder, tmp_path):
    request = ("probe", "run", "all", "--model", folder, *SHORT, "--dtype", "fp32", "--output", tmp_path)
    code, _, err = headatlas(*request)
    assert code == 0
    assert read_run(tmp_path / "tiny-llama/induction.json").provenance.dtype == "float32"
    assert "left out: name_mover: " in err


def test_recorded_run_is_drawn(headatlas, folder, tmp_path):
    headatlas("probe", "run", "induction", "--model", folder, *SHORT, "--output", tmp_path)
    code, out, _ = headatlas("probe", "plot", tmp_path / "tiny-llama/induction.json", "--output", tmp_path / "map.svg")
    assert (code, out.strip()) == (0, str(tmp_path / "map.svg"))
    assert "<svg" in (tmp_path / "map.svg").read_text()


def test_interrupt_tells_how_many_detectors_are_kept(headatlas, folder, tmp_path, monkeypatch):
    from probes import session

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "measure_weights", interrupt)
    request = ("probe", "run", "induction", "copying", "--model", folder, *SHORT, "--output", tmp_path)
    code, _, err = headatlas(*request)
    assert code == 130
    assert f"interrupted; 1 detectors are finished and kept in {tmp_path}, run the same command again to go on" in err
    monkeypatch.undo()


def test_interrupt_says_so_and_leaves_no_file(folder, tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else a test run in the background hands on to ignore it
    command = [sys.executable, "-m", "catalog.cli", "probe", "run", "--model", str(folder), "--samples", "40000"]
    with subprocess.Popen(
        [*command, "--output", str(tmp_path / "runs")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        first = process.stderr.read(20)  # the weights are being loaded
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, first + err
    assert "headatlas: interrupted; no file was written" in (first + err).splitlines()[-1]
    assert out == ""
    assert list((tmp_path / "runs").rglob("*")) == []

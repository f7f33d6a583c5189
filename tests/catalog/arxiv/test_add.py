"""paper add: what it puts into papers.yaml, and that it puts nothing there when anything goes wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalog import files
from catalog.arxiv.drafts import check_drafts
from catalog.arxiv.lookup import BATCH
from catalog.documents import read_document
from catalog.errors import Code
from catalog.registry import Registry

POND = Path(__file__).parents[2] / "fixtures" / "pond"
NEW = "2405.00001"


@pytest.fixture
def data(tmp_path, manners):
    """The data of a small pond, which may be changed."""
    return shutil.copytree(POND, tmp_path / "data")


@pytest.fixture
def papers(data):
    """papers.yaml, which has a comment that must stay."""
    path = data / "papers.yaml"
    path.write_text(f"# A remark of somebody.\n{path.read_text()}\n# The end.\n")
    return path


@pytest.fixture
def add(headatlas, data):
    return lambda *arguments: headatlas("paper", "add", *arguments, "--data", data)


def arxiv_ids(path):
    return [entry.get("arxiv_id") for _, entry in read_document(path).entries()]


def test_draft_holds_the_facts_and_placeholders(server, add, papers, data):
    extra = {"journal_ref": "PondConf 2024", "doi": "10.1/pond"}
    server.add(NEW, title="On the Ripples: A Study", authors=("Cy van der Pond Jr.", "Bo Heron"), extra=extra)
    done = add(NEW)
    assert (done.returncode, done.stderr) == (0, "")
    assert "pond-2024-ripples: On the Ripples: A Study" in done.stdout
    assert "Still to be written: summary.innovation, summary.tasks, summary.result, claims.0" in done.stdout
    entry = next(entry for _, entry in read_document(papers).entries() if entry["id"] == "pond-2024-ripples")
    assert entry["arxiv_id"] == NEW
    assert entry["doi"] == "10.1/pond"
    assert entry["venue"] == "PondConf 2024"
    assert (entry["date"], entry["date_basis"]) == ("2024-05-06", "submission")
    assert entry["authors"] == ["Cy van der Pond Jr.", "Bo Heron"]
    assert entry["links"] == {"paper": f"https://arxiv.org/abs/{NEW}"}
    assert entry["facts_from"] == ["arXiv record"]


def test_draft_is_valid_but_for_what_is_still_to_be_written(server, add, papers):
    server.add(NEW)
    add(NEW)
    problems = list(check_drafts(read_document(papers)))
    assert {problem.code for problem in problems} == {Code.TO_BE_WRITTEN}
    lines = papers.read_text().splitlines()
    assert all("to be written" in lines[problem.line - 1].lower().replace("-", " ") for problem in problems)
    assert len(problems) == 6


def test_every_byte_around_the_draft_stays(server, add, papers):
    before = papers.read_text()
    server.add(NEW)
    add(NEW)
    after = papers.read_text()
    start, end = after.index("- id: grebe-2024-echoes"), after.index("# The end.")
    assert f"arxiv_id: '{NEW}'" in after[start:end]
    assert after[:start].rstrip("\n") + "\n\n" + after[end:] == before


def test_240_ids_in_batches_give_240_entries_in_canonical_order(server, add, papers):
    ids = [f"24{1 + number % 12:02}.{number:05}" for number in range(240)]
    for arxiv_id in ids:
        server.add(arxiv_id, title=f"Pond {arxiv_id}", submitted=f"20{arxiv_id[:2]}-{arxiv_id[2:4]}-15T00:00:00Z")
    listing = papers.with_name("ids.txt")
    listing.write_text("# to add\n" + "\n".join(f"https://arxiv.org/abs/{each}v2  # seen" for each in ids))
    done = add("--file", listing)
    assert done.returncode == 0
    assert "240 drafts were added" in done.stdout
    assert [len(asked) for asked in server.asked] == [BATCH] * 4 + [40]
    entries = [entry for _, entry in read_document(papers).entries()]
    assert sorted(ids) == sorted({entry["arxiv_id"] for entry in entries} - {"2105.00010", "2302.00002"})
    assert len({entry["id"] for entry in entries}) == 242
    assert entries == sorted(entries, key=lambda entry: (entry["date"], entry["id"]))


def test_drafts_come_in_order_into_a_file_without_papers(server, add, papers):
    papers.write_text("# No paper yet.\n")
    server.add("2405.00002")
    server.add(NEW, submitted="2024-04-30T00:00:00Z")
    assert add("2405.00002", NEW).returncode == 0
    assert arxiv_ids(papers) == [NEW, "2405.00002"]
    assert papers.read_text().startswith("# No paper yet.\n\n- id: ")


def test_newlines_of_windows_stay(server, add, papers):
    papers.write_bytes(papers.read_bytes().replace(b"\n", b"\r\n"))
    server.add(NEW)
    assert add(NEW).returncode == 0
    content = papers.read_bytes()
    assert NEW.encode() in content
    assert content.count(b"\n") == content.count(b"\r\n")


def test_draft_can_follow_a_draft(server, add, papers):
    server.add(NEW, "2405.00002")
    assert add(NEW).returncode == add("2405.00002").returncode == 0
    assert {NEW, "2405.00002"} <= set(arxiv_ids(papers))


def test_every_spelling_of_an_id_means_the_same_paper(server, add, papers):
    server.add(NEW)
    add(f"arXiv:{NEW}", f"https://arxiv.org/pdf/{NEW}v3", NEW)
    assert server.asked == [[NEW]]
    assert arxiv_ids(papers).count(NEW) == 1


def test_paper_of_the_catalogue_is_skipped_and_named(server, add, papers):
    before = papers.read_bytes()
    done = add("2105.00010v2")
    assert (done.returncode, done.stdout) == (0, "nothing to add\n")
    assert done.stderr == "2105.00010 is in the catalogue: grebe-2021-echo\n"
    assert server.requests == []
    assert papers.read_bytes() == before


def test_paper_that_was_left_out_is_skipped_with_the_reason(server, add, papers):
    (papers.parent / "left_out.yaml").write_text(f"- title: Dry Land\n  arxiv_id: '{NEW}'\n  reason: no heads in it\n")
    done = add(NEW)
    assert done.stdout == "nothing to add\n"
    assert "left out on purpose: no heads in it" in done.stderr


def test_paper_that_joined_in_the_meantime_is_not_added_twice(server, add, papers, monkeypatch):
    server.add(NEW)
    answer = server.answer

    def answer_late(query):
        entry = papers.read_text().replace("'2105.00010'", f"'{NEW}'")
        papers.write_text(entry)
        return answer(query)

    monkeypatch.setattr(server, "answer", answer_late)
    assert add(NEW).stdout == "nothing to add\n"
    assert arxiv_ids(papers).count(NEW) == 1


def test_dry_run_prints_the_entry_and_writes_nothing(server, add, papers):
    before = papers.read_bytes()
    server.add(NEW)
    done = add(NEW, "--dry-run")
    assert done.returncode == 0
    assert done.stdout.startswith("- id: grebe-2024-echoes\n")
    assert papers.read_bytes() == before


@pytest.mark.parametrize(
    "choose",
    [
        lambda failures: failures.status(429),
        lambda failures: failures.status(500),
        lambda failures: failures.refusal,
        lambda failures: failures.empty_page,
        lambda failures: failures.truncated,
        lambda failures: failures.web_page,
        lambda failures: failures.silence,
        lambda failures: failures.break_off,
    ],
    ids=["429", "500", "400", "empty-page", "truncated", "web-page", "silence", "broken-off"],
)
@pytest.mark.parametrize("good_batches", [0, 1], ids=["first-batch", "second-batch"])
def test_failure_leaves_the_file_as_it_was(server, add, papers, failures, choose, good_batches):
    before, ids = papers.read_bytes(), [f"2405.{number:05}" for number in range(BATCH + 2)]
    server.add(*ids)
    server.fail(*[lambda handler, body: handler.reply(body)] * good_batches, choose(failures), for_ever=True)
    done = add(*ids)
    assert (done.returncode, done.stdout) == (1, "")
    assert server.url in done.stderr
    assert "papers.yaml is as it was" in done.stderr
    assert papers.read_bytes() == before


def test_unknown_id_is_named_and_nothing_is_added(server, add, papers):
    before = papers.read_bytes()
    server.add(NEW)
    done = add(NEW, "2405.00009")
    assert done.returncode == 1
    assert "arXiv has no complete entry for 2405.00009" in done.stderr
    assert papers.read_bytes() == before


def test_server_that_is_not_there_is_named(server, add, papers, monkeypatch):
    monkeypatch.setenv("HEADATLAS_ARXIV_URL", "http://127.0.0.1:9/query")
    before = papers.read_bytes()
    done = add(NEW)
    assert done.returncode == 1
    assert "http://127.0.0.1:9/query: cannot be reached" in done.stderr
    assert papers.read_bytes() == before


def test_wrong_ids_are_all_named_before_anything_is_asked(server, add, papers):
    (papers.parent / "ids.txt").write_bytes("2405.1\n\xff\n".encode("latin-1"))
    done = add("2413.00001", NEW, "--file", papers.parent / "ids.txt")
    assert done.returncode == 2
    assert "'2413.00001', '2405.1', '\N{REPLACEMENT CHARACTER}'" in done.stderr
    assert server.requests == []


@pytest.mark.parametrize("arguments", [[], ["--file", "no-such-file"]], ids=["nothing", "no-file"])
def test_wrong_use_ends_with_2(add, arguments):
    assert add(*arguments).returncode == 2


def test_ctrl_c_loses_nothing(server, add, papers, monkeypatch):
    before = papers.read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("catalog.arxiv.lookup.ArxivLookup.fetch", interrupt)
    done = add(NEW)
    assert done.returncode in {1, 130}
    assert papers.read_bytes() == before
    assert sorted(os.listdir(papers.parent)) == sorted(os.listdir(POND))


def test_full_disk_loses_nothing(server, add, papers, monkeypatch):
    before = papers.read_bytes()
    server.add(NEW)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    done = add(NEW)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert papers.read_bytes() == before


def test_broken_papers_file_is_named_and_left_alone(server, add, papers):
    papers.write_text("- id: [\n")
    done = add(NEW)
    assert done.returncode == 1
    assert "HA001" in done.stderr
    assert papers.read_text() == "- id: [\n"
    assert server.requests == []


def test_copy_inside_the_package_is_not_changed(server, headatlas, data, tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "catalog"
    shutil.copytree(data, package / "packaged_data")
    monkeypatch.setattr(files, "PACKAGE", package)
    done = headatlas("paper", "add", NEW)
    assert done.returncode == 2
    assert "belongs to the installed package" in done.stderr


def test_registry_reads_the_file_with_drafts(server, add, papers, data):
    server.add(NEW)
    add(NEW)
    document = read_document(papers)
    assert document.problems == []
    (data / "papers.yaml").write_text(papers.read_text().replace("To be written: ", "We say ").replace("to-be-w", "w"))
    assert Registry.load(data).paper(NEW).id == "grebe-2024-echoes"


def test_real_command_adds_without_a_word_on_stderr(server, papers, tmp_path):
    server.add(NEW)
    done = subprocess.run(
        [sys.executable, "-m", "catalog.cli", "paper", "add", NEW, "--data", papers.parent],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "home")},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert NEW in papers.read_text()

"""The lookup against a server on this machine: what it reads, how it asks, what it does when things go wrong."""

import contextlib
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from catalog.arxiv.lookup import ArxivLookup
from catalog.arxiv.manners import ADDRESS, ADDRESS_VARIABLE, Manners
from catalog.arxiv.records import ArxivRecord
from catalog.errors import ArxivError, MissingPackageError

IDS = ["2405.00001", "2405.00002"]


@pytest.fixture
def lookup(manners):
    with contextlib.closing(ArxivLookup(manners())) as lookup:
        yield lookup


@pytest.fixture
def pauses(monkeypatch):
    """Every pause that was made, without making it."""
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def test_record_holds_what_the_entry_says_on_one_line_each(server, lookup):
    extra = {"comment": "12 pages,\n 3 ponds", "journal_ref": "PondConf\n 2024", "doi": "https://doi.org/10.1/pond"}
    server.add("2405.00001", title="Echoes &\n  Ripples", version=3, updated="2024-06-01T00:00:00Z", extra=extra)
    assert lookup.fetch(["2405.00001"])["2405.00001"] == ArxivRecord(
        arxiv_id="2405.00001",
        version=3,
        title="Echoes & Ripples",
        authors=["Ada Grebe", "Bo Heron"],
        submitted=date(2024, 5, 6),
        updated=date(2024, 6, 1),
        comment="12 pages, 3 ponds",
        journal_ref="PondConf 2024",
        doi="10.1/pond",
    )


def test_record_of_the_old_form_keeps_its_archive(server, lookup):
    server.add("hep-th/9901001")
    assert list(lookup.fetch(["hep-th/9901001"])) == ["hep-th/9901001"]


def test_more_ids_than_the_package_fetches_by_itself_come_in_one_request(server, lookup):
    ids = [f"2405.{number:05}" for number in range(150)]
    server.add(*ids)
    assert lookup.fetch(ids).keys() == set(ids)
    assert len(server.requests) == 1


def test_request_says_who_asks_and_how_many_results_are_wanted(server, lookup):
    server.add(*IDS)
    lookup.fetch(IDS)
    ((query, headers),) = server.requests
    assert query["id_list"] == ",".join(IDS)
    assert query["max_results"] == "2"
    assert headers["User-Agent"].startswith("headatlas/")


def test_unknown_id_is_asked_for_once_more_and_then_missing(server, lookup):
    server.add("2405.00001")
    assert lookup.fetch(IDS).keys() == {"2405.00001"}
    assert server.asked == [IDS, ["2405.00002"]]


def test_entry_that_a_page_lost_is_fetched_after_all(server, lookup, failures):
    server.add(*IDS)
    server.fail(failures.dropped_entry)
    assert lookup.fetch(IDS).keys() == set(IDS)


def test_entry_without_dates_is_missing_and_no_second_page_is_asked_for(server, lookup):
    server.add("2405.00001")
    server.add("2405.00002", submitted=None)
    assert lookup.fetch(IDS).keys() == {"2405.00001"}
    assert {query["start"] for query, _ in server.requests} == {"0"}


def test_nothing_is_asked_for_no_ids(server, lookup):
    assert lookup.fetch([]) == {}
    assert server.requests == []


def test_single_unknown_id_is_asked_for_once(server, lookup):
    assert lookup.fetch(["2405.00009"]) == {}
    assert len(server.requests) == 1


PASSING = {
    "429": (lambda failures: failures.status(429), "answered 429 Too Many Requests"),
    "500": (lambda failures: failures.status(500), "answered 500 Internal Server Error"),
    "503": (lambda failures: failures.status(503), "answered 503 Service Unavailable"),
    "empty-page": (lambda failures: failures.empty_page, "empty page, though asked for 2 papers"),
    "truncated": (lambda failures: failures.truncated, "damaged or cut off"),
    "web-page": (lambda failures: failures.web_page, "a web page and no Atom feed"),
    "other-xml": (lambda failures: failures.other_xml, "no Atom feed but <html>"),
    "no-totals": (lambda failures: failures.no_totals, "does not say how many results"),
    "low-total": (lambda failures: failures.low_total, "announces 1 results and holds 2"),
    "stranger": (lambda failures: failures.stranger, r"papers nobody asked for \(1901\.99999\)"),
    "no-authors": (lambda failures: failures.no_authors, "no title or no authors for 2405"),
    "bad-date": (lambda failures: failures.bad_date, "cannot be read"),
    "silence": (lambda failures: failures.silence, r"no answer within 0\.5 seconds"),
    "broken-off": (lambda failures: failures.break_off, "broke off"),
}


@pytest.mark.parametrize(("choose", "message"), PASSING.values(), ids=PASSING)
def test_passing_trouble_is_waited_out(server, lookup, failures, choose, message):
    server.add(*IDS)
    server.fail(choose(failures))
    assert lookup.fetch(IDS).keys() == set(IDS)
    assert server.asked == [IDS, IDS]


@pytest.mark.parametrize(("choose", "message"), PASSING.values(), ids=PASSING)
def test_trouble_that_stays_ends_in_an_error_with_place_and_way_out(server, lookup, failures, choose, message):
    server.add(*IDS)
    server.fail(choose(failures), for_ever=True)
    with pytest.raises(ArxivError, match=rf"{message}.*\(tried 3 times\); nothing is wrong with your ids") as caught:
        lookup.fetch(IDS)
    assert caught.value.address == server.url
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda failures: failures.refusal, r"refused with 400 Bad Request \(incorrect id format for 2405\.x\)"),
        (lambda failures: failures.status(404), "refused with 404 Not Found"),
    ],
    ids=["400", "404"],
)
def test_refusal_is_not_repeated(server, lookup, failures, choose, message):
    server.fail(choose(failures))
    with pytest.raises(ArxivError, match=message):
        lookup.fetch(IDS)
    assert len(server.requests) == 1


def test_refused_connection_is_named_at_once(manners, pauses):
    with (
        contextlib.closing(ArxivLookup(manners(address="http://127.0.0.1:9/query"))) as lookup,
        pytest.raises(
            ArxivError, match=rf"127\.0\.0\.1:9/query: cannot be reached.*check the network.*{ADDRESS_VARIABLE}"
        ),
    ):
        lookup.fetch(IDS)
    assert not any(pauses)


@pytest.mark.parametrize("address", ["not-an-address", "ftp://127.0.0.1/query", "http://"])
def test_address_that_is_none_is_named(manners, address):
    with (
        contextlib.closing(ArxivLookup(manners(address=address))) as lookup,
        pytest.raises(ArxivError, match="cannot be reached"),
    ):
        lookup.fetch(IDS)


def test_waits_grow_and_vary_and_are_announced(server, manners, failures, pauses):
    said = []
    server.fail(failures.status(503), for_ever=True)
    with (
        contextlib.closing(ArxivLookup(manners(back_off=8, tries=4), on_wait=said.append)) as lookup,
        pytest.raises(ArxivError),
    ):
        lookup.fetch(IDS)
    assert [6 <= pauses[0] <= 10, 12 <= pauses[1] <= 20, 24 <= pauses[2] <= 40] == [True] * 3
    assert len(said) == len(pauses) == 3
    assert f"trying again in {pauses[0]:.0f} seconds" in said[0]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_server_that_asks_for_patience_gets_it(server, lookup, failures, pauses, form):
    wait = "30" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.add(*IDS)
    server.fail(failures.status(429, Retry_After=wait))
    assert lookup.fetch(IDS)
    assert [pytest.approx(30, abs=5)] == pauses


@pytest.mark.parametrize("wait", ["soon", "-5", ""])
def test_wish_for_patience_that_says_nothing_is_passed_over(server, lookup, failures, pauses, wait):
    server.add(*IDS)
    server.fail(failures.status(429, Retry_After=wait))
    assert lookup.fetch(IDS)
    assert pauses == [0]


def test_server_that_asks_for_too_much_patience_is_not_waited_for(server, lookup, failures, pauses):
    server.fail(failures.status(429, Retry_After="3600"))
    with pytest.raises(ArxivError, match="asks to wait 3600 seconds; try again after that time"):
        lookup.fetch(IDS)
    assert pauses == []


def test_interval_holds_between_requests_of_one_process(server, manners, pauses):
    server.add(*IDS)
    with contextlib.closing(ArxivLookup(manners(interval=3))) as lookup:
        lookup.fetch(IDS)
        lookup.fetch(IDS)
    assert pauses == [pytest.approx(3, abs=1)]


TURNS = """
import sys
from contextlib import contextmanager
from pathlib import Path
from catalog.arxiv import lookup
from catalog.arxiv.manners import Manners

turn = lookup.turn

@contextmanager
def told(manners):
    with turn(manners):
        print((manners.folder / "arxiv-last-request").read_text())
        yield

lookup.turn = told
one = lookup.ArxivLookup(Manners(address=sys.argv[1], interval=0.3, folder=Path(sys.argv[2])))
for _ in range(3):
    one.fetch(["2405.00001", "2405.00002"])
"""
"""Asks three times and prints when each of its turns began."""


def test_interval_holds_between_two_processes(server, tmp_path):
    server.add(*IDS)
    command = [sys.executable, "-c", TURNS, server.url, str(tmp_path)]
    arrivals, answer = [], server.answer
    server.answer = lambda query: (arrivals.append(time.time()), answer(query))[1]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [len(times) for times in told] == [3, 3]
    turns = sorted(float(one) for times in told for one in times)
    assert min(later - earlier for earlier, later in pairwise(turns)) > 0.3 - 1e-3
    assert len(arrivals) == 6
    assert all(arrival >= turn for arrival, turn in zip(arrivals, turns, strict=True))


@pytest.mark.parametrize("stamp", ["", "no time", "9999999999"], ids=["empty", "damaged", "from-the-future"])
def test_time_stamp_that_cannot_be_right_holds_nobody_up(server, manners, pauses, stamp):
    folder = manners().folder
    folder.mkdir()
    (folder / "arxiv-last-request").write_text(stamp)
    server.add(*IDS)
    with contextlib.closing(ArxivLookup(manners(interval=3))) as lookup:
        lookup.fetch(IDS)
    assert sum(pauses) <= 3


def test_cache_folder_that_cannot_be_used_is_told_and_the_interval_kept(server, manners, pauses, tmp_path, capsys):
    (tmp_path / "file").touch()
    server.add(*IDS)
    with contextlib.closing(ArxivLookup(manners(interval=3, folder=tmp_path / "file"))) as lookup:
        assert lookup.fetch(IDS)
    assert pauses == [3]
    assert "cannot be used" in capsys.readouterr().err


def test_lock_that_another_process_keeps_is_named(server, manners):
    from filelock import FileLock

    quick = manners(timeout=0.02)
    quick.folder.mkdir()
    with (
        FileLock(quick.folder / "arxiv-last-request.lock"),
        contextlib.closing(ArxivLookup(quick)) as lookup,
        pytest.raises(ArxivError, match=r"another process.*arxiv-last-request\.lock; wait for that process"),
    ):
        lookup.fetch(IDS)
    assert server.requests == []


@pytest.mark.parametrize("package", ["arxiv", "requests"])
def test_missing_package_is_named_with_its_extra(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MissingPackageError, match=rf"{package} is not installed; run: pip install 'headatlas\[arxiv\]'"
    ):
        ArxivLookup()


def test_left_to_itself_it_asks_arxiv_as_arxiv_wants(monkeypatch):
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)
    manners = Manners()
    assert manners.address == ADDRESS
    assert manners.interval >= 3
    assert manners.folder != Path()

"""What arXiv knows about papers, asked politely: the one file that knows the package arxiv.

The package asks and reads; what it leaves open is done here: a time-out, our own name, pauses between requests that
hold across processes, waiting after a refusal, and a look at the answer itself, because the package mends damaged XML
and drops incomplete entries without a word.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from platformdirs import user_cache_path

from catalog.dois import bare_doi
from catalog.errors import ArxivError, ArxivIdError, MissingPackageError
from catalog.ids import parse_arxiv_id
from catalog.texts import one_line

if TYPE_CHECKING:
    from arxiv import Client, Result
    from requests import RequestException, Response

BATCH = 50
"""Ids in one request."""

ADDRESS = "https://export.arxiv.org/api/query"
ADDRESS_VARIABLE = "HEADATLAS_ARXIV_URL"
"""Environment variable that names another address of arXiv's query interface."""

ATOM = "{http://www.w3.org/2005/Atom}"
OPEN_SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Refusals after which asking again makes sense."""

LATER = "nothing is wrong with your ids: try again in some minutes"


@dataclass(frozen=True)
class Manners:
    """How arXiv is asked; all times in seconds."""

    address: str = field(default_factory=lambda: os.environ.get(ADDRESS_VARIABLE) or ADDRESS)
    interval: float = 3.0
    """Least time between two requests, whichever process makes them."""
    timeout: float = 60.0
    """Longest silence of the server."""
    tries: int = 4
    back_off: float = 5.0
    """Wait before the second try, doubled before each further one, give or take a quarter."""
    longest_wait: float = 120.0
    """A server that asks for more patience than this is not waited for."""
    folder: Path = field(default_factory=lambda: user_cache_path("headatlas"))
    """Holds the time of the last request, for all processes."""


@dataclass(frozen=True)
class ArxivRecord:
    """What arXiv says about one paper today."""

    arxiv_id: str
    version: int
    title: str
    authors: list[str]
    submitted: date
    updated: date
    """Day of the newest version."""
    comment: str | None
    journal_ref: str | None
    doi: str | None

    @property
    def is_withdrawn(self) -> bool:
        """Whether the comment says so; arXiv has no other sign."""
        return "withdrawn" in (self.comment or "").lower()


@dataclass(frozen=True)
class _Page:
    """What the answer itself holds, before the package reads it."""

    n_entries: int
    n_complete: int


class _PassingTroubleError(Exception):
    """Something went wrong that may be gone at the next try."""

    def __init__(self, reason: str, wanted_wait: float = 0.0) -> None:
        self.wanted_wait = wanted_wait
        super().__init__(reason)


class ArxivLookup:
    """Asks arXiv for batches of ids, one request at a time.

    Args:
        manners: How to ask; left out, as arXiv wants it.
        on_wait: Called with a sentence before a long wait.

    Raises:
        MissingPackageError: arxiv or requests is not installed.
    """

    def __init__(self, manners: Manners | None = None, on_wait: Callable[[str], object] = lambda _: None) -> None:
        self.manners = manners or Manners()
        self._on_wait = on_wait
        self._page: _Page | None = None
        self._client = self._make_client()

    def fetch(self, ids: Sequence[str]) -> dict[str, ArxivRecord]:
        """What arXiv says about these papers; ids that it left out are asked for once more.

        Args:
            ids: At most BATCH ids in plain form.

        Returns:
            By id; an id that is missing is unknown to arXiv, or its entry there is incomplete.

        Raises:
            ArxivError: no answer, or none that can be relied on.
        """
        if not ids:
            return {}
        found = self._fetch_patiently(ids, may_be_empty=len(ids) == 1)
        missing = [arxiv_id for arxiv_id in ids if arxiv_id not in found]
        if missing and len(ids) > 1:  # unknown to arXiv, or a page that lost something: its totals do not tell
            found |= self._fetch_patiently(missing, may_be_empty=True)
        return found

    def close(self) -> None:
        """Let go of the connection; `contextlib.closing` does it in time."""
        self._client._session.close()

    def _fetch_patiently(self, ids: Sequence[str], *, may_be_empty: bool) -> dict[str, ArxivRecord]:
        for tried in range(1, self.manners.tries + 1):
            try:
                return self._ask(ids, may_be_empty)
            except _PassingTroubleError as trouble:
                self._wait_or_give_up(trouble, tried)
        raise AssertionError("the last try returns or raises")

    def _wait_or_give_up(self, trouble: _PassingTroubleError, tried: int) -> None:
        manners = self.manners
        if trouble.wanted_wait > manners.longest_wait:
            reason = f"{trouble}, and it asks to wait {trouble.wanted_wait:.0f} seconds"
            raise ArxivError(manners.address, reason, "try again after that time") from trouble
        if tried == manners.tries:
            times = "once" if tried == 1 else f"{tried} times"
            raise ArxivError(manners.address, f"{trouble} (tried {times})", LATER) from trouble
        pause = max(manners.back_off * 2 ** (tried - 1) * random.uniform(0.75, 1.25), trouble.wanted_wait)
        self._on_wait(f"{manners.address}: {trouble}; trying again in {pause:.0f} seconds")
        time.sleep(pause)

    def _ask(self, ids: Sequence[str], may_be_empty: bool) -> dict[str, ArxivRecord]:
        with _turn(self.manners):
            results = self._request(ids)
        records = [_record(result) for result in results]
        strangers = {record.arxiv_id for record in records} - set(ids)
        if strangers:
            raise _PassingTroubleError(f"it answered with papers nobody asked for ({', '.join(sorted(strangers))})")
        if not records and not may_be_empty:
            raise _PassingTroubleError(f"it answered with an empty page, though asked for {len(ids)} papers")
        return {record.arxiv_id: record for record in records}

    def _request(self, ids: Sequence[str]) -> list[Result]:
        from arxiv import Search
        from requests import RequestException

        self._page, results = None, []
        self._client.page_size = len(ids)
        try:
            for result in self._client.results(Search(id_list=list(ids), max_results=len(ids))):
                results.append(result)
                if self._page and len(results) == self._page.n_complete:
                    break  # or the package asks for a second page, on which arXiv repeats itself
        except RequestException as error:
            raise self._network_trouble(error) from error
        except ValueError as error:  # a date that is none
            raise _PassingTroubleError(f"the answer cannot be read ({error})") from error
        return results

    def _network_trouble(self, error: RequestException) -> Exception:
        """Trouble that may pass if a connection was made; without one, waiting would only annoy."""
        from requests.exceptions import ChunkedEncodingError, ContentDecodingError, Timeout
        from urllib3.exceptions import ProtocolError, ReadTimeoutError

        cause = error.args[0] if error.args else None
        if isinstance(error, Timeout) or isinstance(cause, ReadTimeoutError):
            return _PassingTroubleError(f"no answer within {self.manners.timeout:g} seconds")
        if isinstance(error, ChunkedEncodingError | ContentDecodingError) or isinstance(cause, ProtocolError):
            return _PassingTroubleError(f"the connection broke off ({_innermost(error)})")
        way_out = f"check the network, and the address in {ADDRESS_VARIABLE} if set"
        return ArxivError(self.manners.address, f"cannot be reached ({_innermost(error)})", way_out)

    def _make_client(self) -> Client:
        try:
            import arxiv
            from requests import PreparedRequest
            from requests.adapters import HTTPAdapter
        except ImportError as error:
            raise MissingPackageError(error.name or "arxiv", "arxiv") from error

        name, timeout = f"headatlas/{version('headatlas')} arxiv.py/{arxiv.__version__}", self.manners.timeout

        class Adapter(HTTPAdapter):
            """Sets what the package gives no way to set: the time-out and the name we go by."""

            def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
                request.headers["User-Agent"] = name
                return super().send(request, *args, **options | {"timeout": timeout})

        client = arxiv.Client(delay_seconds=0, num_retries=0)  # pauses and further tries are ours
        client.query_url_format = self.manners.address + "?{}"
        for scheme in ("https://", "http://"):
            client._session.mount(scheme, Adapter())
        client._session.hooks["response"].append(self._look_at)
        return client

    def _look_at(self, response: Response, **_: object) -> None:
        """See the answer before the package does."""
        if response.is_redirect:
            return
        content = response.content  # read in any case, so that the connection can be used again
        if response.status_code in PASSING:
            wait = _wanted_wait(response.headers.get("Retry-After", ""))
            raise _PassingTroubleError(f"it answered {response.status_code} {response.reason}", wait)
        if response.status_code != 200:
            reason = f"it refused with {response.status_code} {response.reason}{_error_text(content)}"
            raise ArxivError(
                self.manners.address, reason, f"check the ids, and the address in {ADDRESS_VARIABLE} if set"
            )
        self._page = _read_page(content)


def _read_page(content: bytes) -> _Page:
    """Totals and entries of an Atom answer; whatever is damaged about it is trouble that may pass."""
    feed = _parse_feed(content)
    entries = feed.findall(f"{ATOM}entry")
    total = (feed.findtext(f"{OPEN_SEARCH}totalResults") or "").strip()
    if not total.isdecimal():
        raise _PassingTroubleError("the answer does not say how many results it has")
    if int(total) < len(entries):  # more than entries is no fault: arXiv counts ids that it does not know
        raise _PassingTroubleError(f"the answer announces {total} results and holds {len(entries)}")
    return _Page(len(entries), sum(map(_is_complete, entries)))


def _parse_feed(content: bytes) -> ElementTree.Element:
    try:
        feed = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        kind = "a web page" if b"<html" in content[:1000].lower() else "damaged or cut off"
        raise _PassingTroubleError(f"the answer is {kind} and no Atom feed ({error})") from error
    if feed.tag != f"{ATOM}feed":
        raise _PassingTroubleError(f"the answer is no Atom feed but <{feed.tag.rpartition('}')[2]}>")
    return feed


def _is_complete(entry: ElementTree.Element) -> bool:
    return all(entry.findtext(f"{ATOM}{name}") for name in ("id", "published", "updated"))


def _error_text(content: bytes) -> str:
    """What arXiv's own error entry says, if the answer holds one."""
    with suppress(ElementTree.ParseError):
        text = ElementTree.fromstring(content).findtext(f"{ATOM}entry/{ATOM}summary")
        return f" ({_one_line(text)})" if text else ""
    return ""


def _record(result: Result) -> ArxivRecord:
    match = re.search(r"v(\d+)$", result.entry_id)
    try:
        arxiv_id = parse_arxiv_id(result.entry_id)
    except ArxivIdError as error:
        raise _PassingTroubleError(f"the answer holds an entry with the id '{result.entry_id}'") from error
    authors = [_one_line(author.name) for author in result.authors if author.name.strip()]
    if not (result.title.strip() and authors):
        raise _PassingTroubleError(f"the answer has no title or no authors for {arxiv_id}")
    return ArxivRecord(
        arxiv_id=arxiv_id,
        version=int(match[1]) if match else 1,
        title=_one_line(result.title),
        authors=authors,
        submitted=result.published.date(),
        updated=result.updated.date(),
        comment=_one_line(result.comment) or None,
        journal_ref=_one_line(result.journal_ref) or None,
        doi=bare_doi(_one_line(result.doi)) or None,
    )


def _one_line(text: str | None) -> str:
    return one_line(text or "")


def _wanted_wait(header: str) -> float:
    """Seconds that a Retry-After header asks for, written as a number or as a date; 0 if it says nothing usable."""
    if header.strip().isdecimal():
        return float(header)
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    return 0.0


def _innermost(error: BaseException) -> str:
    """The plainest words for an error of the network, which lie below several wrappings."""
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def _turn(manners: Manners) -> Iterator[None]:
    """One request at a time and the interval kept, among all processes of this user."""
    from filelock import FileLock, Timeout

    stamp = manners.folder / "arxiv-last-request"
    with ExitStack() as stack:
        try:
            manners.folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(stamp.with_suffix(".lock"), timeout=5 * manners.timeout))
            _keep_interval(stamp, manners.interval)
        except Timeout as error:
            reason = f"another process is asking it and holds {error.lock_file}"
            raise ArxivError(manners.address, reason, "wait for that process, or end it") from error
        except (OSError, NotImplementedError) as error:
            sys.stderr.write(f"headatlas: {manners.folder} cannot be used ({error}); run one process at a time\n")
            time.sleep(manners.interval)
        yield


def _keep_interval(stamp: Path, interval: float) -> None:
    try:
        since = time.time() - float(stamp.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        since = interval
    if since < interval:
        time.sleep(min(interval, interval - since))  # a clock that was put back must not hold us up
    stamp.write_text(str(time.time()), encoding="ascii")

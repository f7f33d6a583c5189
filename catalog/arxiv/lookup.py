"""What arXiv knows about papers, asked politely; with `records`, all that knows the package arxiv.

The package asks and reads; what it leaves open is done here: a time-out, our own name, waiting after a refusal, pauses
between requests that hold across processes (`manners`), and a look at the answer itself (`answers`), because the
package mends damaged XML and drops incomplete entries without a word.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from catalog.arxiv.answers import Page, PassingTroubleError, error_text, read_page
from catalog.arxiv.manners import ADDRESS_VARIABLE, Manners, turn
from catalog.arxiv.records import ArxivRecord, read_record
from catalog.errors import ArxivError, MissingPackageError

if TYPE_CHECKING:
    from arxiv import Client, Result
    from requests import RequestException, Response

BATCH = 50
"""Ids in one request."""

PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Refusals after which asking again makes sense."""

LATER = "nothing is wrong with your ids: try again in some minutes"


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
        self._page: Page | None = None
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
            except PassingTroubleError as trouble:
                self._wait_or_give_up(trouble, tried)
        raise AssertionError("the last try returns or raises")

    def _wait_or_give_up(self, trouble: PassingTroubleError, tried: int) -> None:
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
        with turn(self.manners):
            results = self._request(ids)
        records = [read_record(result) for result in results]
        strangers = {record.arxiv_id for record in records} - set(ids)
        if strangers:
            raise PassingTroubleError(f"it answered with papers nobody asked for ({', '.join(sorted(strangers))})")
        if not records and not may_be_empty:
            raise PassingTroubleError(f"it answered with an empty page, though asked for {len(ids)} papers")
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
            raise PassingTroubleError(f"the answer cannot be read ({error})") from error
        return results

    def _network_trouble(self, error: RequestException) -> Exception:
        """Trouble that may pass if a connection was made; without one, waiting would only annoy."""
        from requests.exceptions import ChunkedEncodingError, ContentDecodingError, Timeout
        from urllib3.exceptions import ProtocolError, ReadTimeoutError

        cause = error.args[0] if error.args else None
        if isinstance(error, Timeout) or isinstance(cause, ReadTimeoutError):
            return PassingTroubleError(f"no answer within {self.manners.timeout:g} seconds")
        if isinstance(error, ChunkedEncodingError | ContentDecodingError) or isinstance(cause, ProtocolError):
            return PassingTroubleError(f"the connection broke off ({_innermost(error)})")
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
            raise PassingTroubleError(f"it answered {response.status_code} {response.reason}", wait)
        if response.status_code != 200:
            reason = f"it refused with {response.status_code} {response.reason}{error_text(content)}"
            raise ArxivError(
                self.manners.address, reason, f"check the ids, and the address in {ADDRESS_VARIABLE} if set"
            )
        self._page = read_page(content)


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

"""A server on this machine that speaks arXiv's query interface, with its quirks and its failures."""

import functools
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest

from catalog.arxiv import lookup

HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"
      xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/invented</id>
  <title>arXiv Query: id_list={ids}</title>
  <updated>2026-11-22T00:00:00Z</updated>
  <opensearch:itemsPerPage>{total}</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
"""
REFUSAL = """<entry><id>https://arxiv.org/api/errors#incorrect_id_format</id><title>Error</title>
<summary>incorrect id format for {wrong}</summary><updated>2026-11-22T00:00:00Z</updated>
<author><name>arXiv api core</name></author></entry></feed>"""


@dataclass
class Invented:
    """One paper as the server knows it."""

    arxiv_id: str
    title: str = "Echoes of\n  the Pond"
    authors: tuple[str, ...] = ("Ada Grebe", "Bo Heron")
    version: int = 1
    submitted: str | None = "2024-05-06T17:59:46Z"
    updated: str | None = None
    """When the newest version came; left out, when the first one did."""
    extra: dict[str, str] = field(default_factory=dict)

    def entry(self):
        authors = "".join(f"<author><name>{escape(name)}</name></author>" for name in self.authors)
        updated = f"<updated>{self.updated or self.submitted}</updated>"
        dates = f"<published>{self.submitted}</published>{updated}" if self.submitted else ""
        extra = "".join(f"<arxiv:{name}>{escape(text)}</arxiv:{name}>" for name, text in self.extra.items())
        place = f"http://arxiv.org/abs/{self.arxiv_id}v{self.version}"
        link = f'<link href="{place}" rel="alternate" type="text/html"/>'
        return (
            f"<entry><id>{place}</id><title>{escape(self.title)}</title>{dates}{link}"
            f"<summary>An abstract that nobody needs.</summary>{authors}{extra}</entry>\n"
        )


class ArxivServer(ThreadingHTTPServer):
    """Answers from its papers; failures that are waiting come first, one for each request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.papers, self.requests = {}, []
        self.failures, self.lasting_failure = deque(), None
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/api/query"

    @property
    def asked(self):
        """The ids of every request."""
        return [query["id_list"].split(",") for query, _ in self.requests]

    def add(self, *ids, **facts):
        self.papers |= {arxiv_id: Invented(arxiv_id, **facts) for arxiv_id in ids}

    def fail(self, *failures, for_ever=False):
        self.failures.extend(failures)
        self.lasting_failure = failures[-1] if for_ever else None

    def answer(self, query):
        ids = [arxiv_id for arxiv_id in query["id_list"].split(",") if arxiv_id]
        found = [self.papers[arxiv_id].entry() for arxiv_id in reversed(ids) if arxiv_id in self.papers]
        limit = int(query["max_results"])
        head = HEAD.format(ids=",".join(ids), total=len(ids))  # arXiv counts what was asked, not what was found
        return head + "".join(found[:limit]) + "</feed>"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.requests.append((query, self.headers))
        failure = self.server.failures.popleft() if self.server.failures else self.server.lasting_failure
        body = self.server.answer(query)
        wrong = [arxiv_id for arxiv_id in query["id_list"].split(",") if "." not in arxiv_id and "/" not in arxiv_id]
        if failure is not None:
            failure(self, body)
        elif wrong:
            self.reply(HEAD.format(ids="", total=1) + REFUSAL.format(wrong=wrong[0]), 400)
        else:
            self.reply(body)

    def reply(self, body, status=200, length=None, **headers):
        content = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


class Failures:
    """What may go wrong with an answer; each takes the request's handler and the answer that would have been right."""

    @staticmethod
    def status(code, **headers):
        return lambda handler, _: handler.reply("Rate exceeded.", code, **headers)

    @staticmethod
    def refusal(handler, _):
        handler.reply(HEAD.format(ids="", total=1) + REFUSAL.format(wrong="2405.x"), 400)

    @staticmethod
    def empty_page(handler, _):
        handler.reply(HEAD.format(ids="", total=0) + "</feed>")

    @staticmethod
    def no_totals(handler, body):
        handler.reply(body.replace("opensearch:totalResults", "opensearch:other"))

    @staticmethod
    def low_total(handler, body):
        handler.reply(body.replace(">2<", ">1<"))

    @staticmethod
    def truncated(handler, body):
        handler.reply(body[: body.rindex("</entry>") - 40])

    @staticmethod
    def dropped_entry(handler, body):
        start = body.index("<entry>")
        handler.reply(body[:start] + body[body.index("</entry>") + len("</entry>") :])

    @staticmethod
    def stranger(handler, _):
        handler.reply(HEAD.format(ids="", total=1) + Invented("1901.99999").entry() + "</feed>")

    @staticmethod
    def no_authors(handler, body):
        handler.reply(body.replace("author>", "person>"))

    @staticmethod
    def bad_date(handler, body):
        handler.reply(body.replace("2024-05-06", "2024-45-06"))

    @staticmethod
    def web_page(handler, _):
        handler.reply("<!doctype html><html><body>Please log in<br></body></html>")

    @staticmethod
    def other_xml(handler, _):
        handler.reply("<html><body>We are back soon</body></html>")

    @staticmethod
    def silence(handler, _):
        handler.server.released.wait(10)

    @staticmethod
    def break_off(handler, body):
        handler.reply(body[:200], length=len(body))
        handler.close_connection = True


@pytest.fixture
def server(monkeypatch):
    """The server, which the lookup of this process asks from now on, without pauses worth the name."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ArxivServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv(lookup.ADDRESS_VARIABLE, server.url)
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def manners(server, monkeypatch, tmp_path):
    """Function that makes quick manners; commands get them too."""
    quick = functools.partial(lookup.Manners, interval=0, back_off=0, tries=3, timeout=0.5, folder=tmp_path / "cache")
    monkeypatch.setattr(lookup, "Manners", quick)
    return quick


@pytest.fixture
def failures():
    """What may go wrong with an answer."""
    return Failures

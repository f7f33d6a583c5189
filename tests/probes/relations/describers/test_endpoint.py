"""The describer that asks an endpoint, against a fake one on this machine."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from catalog.head_operations import SalientToken
from probes.errors import BadInputError, DescriberError
from probes.relations.describers.base import LONGEST, Evidence, description_in
from probes.relations.describers.endpoint import EndpointDescriber

EVIDENCE = Evidence("L1H2", [SalientToken(token=" red", saliency=1.0, raised=[" Red"], lowered=[" the"])], [])


def chat(content):
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


class Fake(HTTPServer):
    """Answers every question in the same way, and keeps what it was asked."""

    def __init__(self, reply, status=200, wait=0.0):
        self.asked, self.status, self.parts, self.wait = [], status, reply, wait
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server_port}/v1"


class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()
        for part in self.server.parts:
            time.sleep(self.server.wait)
            try:
                self.wfile.write(part)
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *_):
        pass


@pytest.fixture
def fake(request):
    server = Fake(**request.param)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("fake", [{"reply": [chat('Sure: {"description": "Repeats\\n colours."}')]}], indirect=True)
def test_good_answer_is_marked_as_generated_with_model_and_prompt(fake, monkeypatch):
    monkeypatch.setenv("HEADATLAS_DESCRIBER_KEY", "secret")
    found = EndpointDescriber(fake.address, "tiny").describe(EVIDENCE)
    assert (found.text, found.is_generated, found.model) == ("Repeats colours.", True, "tiny")
    path, headers, asked = fake.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert asked["messages"][0]["content"] == found.prompt
    assert "' red' -> raises [' Red'], lowers [' the']" in found.prompt


BAD = {
    "nonsense": ({"reply": [chat("I like trains")]}, "but 'I like trains'"),
    "empty": ({"reply": [chat("")]}, "but 'nothing'"),
    "no chat": ({"reply": [b'{"hello": 1}']}, "not that of a chat endpoint"),
    "no json": ({"reply": [b"<html>"]}, "not that of a chat endpoint"),
    "refuses": ({"reply": [b"{}"], "status": 503}, "refused with status 503"),
    "slow": ({"reply": [chat("late")], "wait": 0.5}, "no whole answer within 0.2 s"),
    "drips": ({"reply": [b" "] * 30, "wait": 0.05}, "no whole answer within 0.2 s"),
}


@pytest.mark.parametrize(("fake", "words"), BAD.values(), ids=BAD, indirect=["fake"])
def test_bad_answer_is_one_error_that_names_the_endpoint(fake, words):
    with pytest.raises(DescriberError, match=words) as raised:
        EndpointDescriber(fake.address, "tiny", timeout=0.2).describe(EVIDENCE)
    assert f"endpoint {fake.address}/chat/completions, model 'tiny'" in str(raised.value)
    assert "leave --describer out" in str(raised.value)


def test_endpoint_that_is_down_cannot_be_reached():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    with pytest.raises(DescriberError, match="cannot be reached"):
        EndpointDescriber(address, "tiny").describe(EVIDENCE)


def test_address_without_a_scheme_is_refused():
    with pytest.raises(BadInputError, match="write it like http"):
        EndpointDescriber("localhost:8000", "tiny")


@pytest.mark.parametrize("answer", ['{"description": 5}', '{"description": " "}', "{", "[]", '{"text": "x"}'])
def test_json_without_a_description_is_refused(answer):
    with pytest.raises(DescriberError, match="no JSON with a description"):
        description_in(answer, "somebody")


def test_description_that_is_too_long_is_refused():
    with pytest.raises(DescriberError):
        description_in(json.dumps({"description": "x" * (LONGEST + 1)}), "somebody")

"""Descriptions by a language model behind an address that speaks the chat protocol of OpenAI."""

import json
import os
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from catalog.head_operations import Description
from probes.errors import BadInputError, DescriberError
from probes.relations.describers.base import Evidence, description_in, prompt_for

KEY_VARIABLE = "HEADATLAS_DESCRIBER_KEY"
"""Environment variable with the key that an endpoint may ask for."""

LARGEST_ANSWER = 1 << 20
"""Bytes of an answer that are read."""

BYTES_AT_ONCE = 1 << 12


class EndpointDescriber:
    """Asks an OpenAI-compatible endpoint."""

    def __init__(self, address: str, model: str, *, timeout: float = 60.0) -> None:
        """Prepare.

        Args:
            address: Where the endpoint lies, such as http://localhost:8000/v1.
            model: Name of the model there.
            timeout: Seconds until it must have answered in full.

        Raises:
            BadInputError: the address is no web address.
        """
        if not address.startswith(("http://", "https://")):
            raise BadInputError(f"endpoint '{address}' is no web address; write it like http://localhost:8000/v1")
        self._address = address.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self._model = model
        self._timeout = timeout
        self._who = f"endpoint {self._address}, model '{model}'"

    def describe(self, evidence: Evidence) -> Description:
        """A description by the model behind the endpoint."""
        prompt = prompt_for(evidence)
        text = description_in(self._content(self._ask(prompt)), self._who)
        return Description(text=text, is_generated=True, model=self._model, prompt=prompt)

    def _ask(self, prompt: str) -> bytes:
        question = {"model": self._model, "temperature": 0, "messages": [{"role": "user", "content": prompt}]}
        key = os.environ.get(KEY_VARIABLE)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = Request(self._address, json.dumps(question).encode(), headers)
        try:
            with urlopen(request, timeout=self._timeout) as reply:
                return self._read(reply)
        except HTTPError as error:
            error.close()
            raise DescriberError(self._who, f"refused with status {error.code}") from error
        except TimeoutError as error:
            raise self._too_slow() from error
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._too_slow() from error
            raise DescriberError(self._who, f"cannot be reached ({reason})") from error

    def _read(self, reply: Any) -> bytes:
        """The whole answer, as long as it comes in time."""
        deadline, content = time.monotonic() + self._timeout, b""
        while part := reply.read1(BYTES_AT_ONCE):
            content += part
            if time.monotonic() > deadline:
                raise self._too_slow()
            if len(content) > LARGEST_ANSWER:
                raise DescriberError(self._who, f"answered with more than {LARGEST_ANSWER} bytes")
        return content

    def _too_slow(self) -> DescriberError:
        return DescriberError(self._who, f"no whole answer within {self._timeout:g} s")

    def _content(self, answer: bytes) -> str:
        try:
            content = json.loads(answer)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            content = None
        if not isinstance(content, str):
            raise DescriberError(self._who, "its answer is not that of a chat endpoint")
        return content

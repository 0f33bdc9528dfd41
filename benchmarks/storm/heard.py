"""What a page hears: the product's server-sent events, each with the instant at which it came."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tests.another_system import Document

QUIET_S: Final = 60.0
"""The stream says something at least so often."""


@dataclass(frozen=True, slots=True)
class Event:
    at_s: float
    """When it was heard, seconds of the wall clock."""
    name: str
    data: Document


@dataclass(slots=True)
class Heard:
    """All events up to now; ``broken`` says why there will be no more."""

    events: list[Event] = field(default_factory=list)
    broken: str = ""
    ready: threading.Event = field(default_factory=threading.Event)

    def of(self, name: str) -> Iterator[Event]:
        return (event for event in [*self.events] if event.name == name)

    def follow(self, answer: http.client.HTTPResponse) -> None:
        """Every event until the stream ends."""
        name, data = "", ""
        for line in answer:
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                name = text[7:]
            elif text.startswith("data: "):
                data = text[6:]
            elif not text and name:
                self.events.append(Event(time.time(), name, _document(data)))
                name = ""
        self.broken = "the stream ended"


def _document(data: str) -> Document:
    found: Any = json.loads(data or "null")
    return found if isinstance(found, dict) else {"value": found}


@contextmanager
def listening(url: str, token: str) -> Iterator[Heard]:
    """Events at ``url`` from now on."""
    heard, address = Heard(), urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=QUIET_S)
    connection.request("GET", address.path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert answer.status == http.client.OK, answer.read()

    def run() -> None:
        try:
            heard.follow(answer)
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as problem:
            heard.broken = f"{type(problem).__name__}: {problem}"

    threading.Thread(target=run, daemon=True, name="page").start()
    try:
        yield heard
    finally:
        connection.close()

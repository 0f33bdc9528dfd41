"""Another system: what it can do with the product from outside, and how it waits."""

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, TypeVar

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.product import Product

PATIENCE_S: Final = 300.0
"""The machine may do much else; what works does not wait for it."""
ASK_S: Final = 60.0
LOOK_S: Final = 0.25
PART_BYTES: Final = 64 * 1024

Found = TypeVar("Found")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    document: Any


def await_found(look: Callable[[], Found | None], what: str, patience_s: float = PATIENCE_S) -> Found:
    """What ``look`` finds, as soon as it finds something."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        found = look()
        if found:
            return found
        time.sleep(LOOK_S)
    raise AssertionError(f"not within {patience_s:.0f} s: {what}")


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def now() -> str:
    return iso(datetime.now(UTC))


@dataclass(slots=True)
class Login:
    """Somebody who asks over HTTP."""

    product: Product
    token: str = ""
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def of(cls, product: Product, username: str, password: str) -> "Login":
        body = {"username": username, "password": password}
        return cls(product, cls(product).post("tokens", body)["token"])

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """The answer, refusals too; asked again where the server was only busy."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        told = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if self.token:
            told["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.product.url}api/v1/{path}", data, told, method=method)
        try:
            with urllib.request.urlopen(request, timeout=ASK_S) as answer:
                return Answer(answer.status, json.loads(answer.read() or b"null"))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, json.loads(refusal.read() or b"null"))

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.document

    def post(self, path: str, body: object) -> Any:
        answer = self.ask("POST", path, body)
        assert answer.status < 300, answer
        return answer.document

    def all(self, path: str) -> list[Document]:
        """Every page of a list."""
        items: list[Document] = []
        path, cursor = f"{path}{'&' if '?' in path else '?'}limit=500", ""
        while True:
            page = self.get(f"{path}{cursor}")
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    def metrics(self) -> dict[str, float]:
        """What Prometheus would get: name with labels → value."""
        with urllib.request.urlopen(f"{self.product.url}metrics", timeout=ASK_S) as answer:
            lines = answer.read().decode().splitlines()
        told = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in told}

    def name(self, what: str) -> str:
        """An operation's id that nobody used before."""
        return f"journey-{what}-{time.time_ns()}-{next(self._numbers)}"

    # What a journey looks for.

    def customers_below(self, element: str) -> list[str]:
        found: list[str] = self.get(f"elements/{element}/trace?direction=down")["customer_ids"]
        return found

    def outages_at(self, element: str) -> list[Document]:
        """Outages that this element explains, ended ones too; merged ones are another's."""
        listed = self.all("outages?state=all")
        return [one for one in listed if element in one["cause"]["equivalent"] and one["state"] not in AWAY]

    def crew(self, identifier: str) -> Document:
        return next(one for one in self.all("crews") if one["id"] == identifier)

    def notices_of(self, outages: set[str]) -> list[Document]:
        return [one for one in self.all("notices") if one["outage_id"] in outages]

    def repair_of(self, outage_id: str) -> Document | None:
        orders = self.all(f"orders?state=all&outage_id={outage_id}&type=repair")
        assert len(orders) < 2, "one outage, one repair"
        return orders[0] if orders else None

    def step(self, order: Document, step: str, **more: object) -> Answer:
        body = {"operation_id": self.name(step), "step": step, "at": now(), "sent_at": now()}
        return self.ask("POST", f"orders/{order['id']}/steps", body | {"revision": order["revision"], **more})

    def upload(self, photo: Document, data: bytes) -> Document:
        """All of a picture, part by part from where the server stands."""
        received = self.get(f"photos/{photo['id']}")["received"]
        while received < len(data):
            part = data[received : received + PART_BYTES]
            place = f"bytes {received}-{received + len(part) - 1}/{len(data)}"
            sent = {"Content_Type": "application/octet-stream", "Content_Range": place}
            answer = self.ask("PUT", f"photos/{photo['id']}/content", part, **sent)
            assert answer.status == 200, answer
            received = answer.document["received"]
        found: Document = self.get(f"photos/{photo['id']}")
        return found


AWAY: Final = frozenset({"merged", "retracted"})


def announcement(photo_id: str, data: bytes) -> Document:
    return {
        "id": photo_id, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
        "content_type": "image/jpeg", "taken_at": now(),
    }  # fmt: skip


@contextmanager
def terminal(product: Product, name: str) -> Iterator[Callable[[str, Document], None]]:
    """A terminal of another maker at the product's broker; the call returns once a frame is acknowledged."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"{name}-{time.time_ns()}")
    client.connect("127.0.0.1", int(product.environment["GRIDCREW_MQTT__PORT"]))
    client.loop_start()

    def tell(channel: str, body: Document) -> None:
        told = client.publish(f"gridcrew/v1/{name}/{channel}", json.dumps(body), qos=1)
        told.wait_for_publish(ASK_S)
        assert told.is_published()

    try:
        yield tell
    finally:
        client.disconnect()
        client.loop_stop()

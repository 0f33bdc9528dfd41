"""A phone that was offline: its operations come out of order, twice, with answers lost; each counts once."""

import io
import json
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.another_system import PART_BYTES, Document, Login, announcement, await_found, now

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("product")]

KIND: Final = "meter_exchange"
BASE_32: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_an_offline_phones_day_counts_once_in_whatever_order_it_arrives(desk: Login, phone: Login) -> None:
    """Fault 28: replayed twice, reordered, an answer lost on the way, pictures in parts."""
    order = _order_of(desk, phone)
    cursor = _pulled_all(phone)
    story, pictures = _story(phone, order)
    _, _, photo, arrive, close = story

    (early,) = _push(phone, close)
    assert (early["status"], early["waits_for"]) == (425, close["after"]), "it is not judged before its turn"
    assert [one["status"] for one in _push(phone, arrive, photo)] == [425, 425]
    # All at once, so that no simulated crew takes up what is resumed.
    _push_and_hang_up(phone, *story[::-1])
    first = await_found(lambda: _last_words(phone, story[::-1]), "the day is told")
    assert {one["status"] for one in first.values()} == {200}
    for _ in range(2):
        again = _last_words(phone, story)
        assert again == first, "the same operation, the same answer"

    for identifier, data in pictures.items():
        assert phone.upload({"id": identifier}, data)["state"] == "complete"
    found = desk.get(f"orders/{order['id']}")
    after_the_wait = [one["step"] for one in found["history"]]
    assert after_the_wait[after_the_wait.index("wait") :] == ["wait", "resume", "remark", "arrive", "close"]
    assert (found["state"], found["photos_missing"]) == ("closed", [])
    page = phone.get(f"sync/pull?cursor={cursor}")
    assert (order["id"], "closed") in {(one["id"], one["removed"]) for one in page["items"]}


def _order_of(desk: Login, phone: Login) -> Document:
    """An order for that phone's crew, about a customer of its cell; it waits, as simulated crews leave it."""
    crew = phone.get("session")["user"]["crew_id"]
    (grid_id,) = desk.crew(crew)["grid_ids"]
    customer = desk.get(f"grid-cells/{grid_id}/customers?segment=resident&limit=1")["items"][0]["id"]
    body = {"operation_id": desk.name("open"), "type": KIND, "subject_id": customer}
    opened: Document = desk.post("orders", body)
    assert opened["crew_id"] == crew

    def waiting() -> Document | None:
        order: Document = desk.get(f"orders/{opened['id']}")
        if order["state"] == "waiting":
            return order
        desk.step(order, "accept" if order["state"] == "assigned" else "wait", note="客户不在家")
        return None

    return await_found(waiting, "the order waits for the customer")


def _story(phone: Login, order: Document) -> tuple[list[Document], dict[str, bytes]]:
    """It goes on: resume, a remark, a picture announced, arrive, close with two pictures and the form."""
    pictures = {_ulid(phone, n): _picture(n) for n in range(2)}
    announced = [announcement(identifier, data) for identifier, data in pictures.items()]
    place = {"lon": order["lon"], "lat": order["lat"], "accuracy_m": 4.0}
    done: list[tuple[str, Document]] = [
        ("step", {"step": "resume", "revision": order["revision"]}),
        ("remark", {"note": "钥匙在邻居处"}),
        ("photo", announced[0]),
        ("step", {"step": "arrive", "revision": order["revision"], "position": place}),
        ("step", {
            "step": "close", "revision": order["revision"], "position": place, "photos": [*pictures],
            "answers": {"old_meter": "110033445566", "old_reading_kwh": "8123.45",
                        "new_meter": "110099887766", "new_reading_kwh": "0.00"},
        }),
    ]  # fmt: skip
    phone.post("photos", announced[1] | {"order_id": order["id"]})
    told: list[Document] = []
    for kind, body in done:
        told.append({
            "operation_id": phone.name(kind), "kind": kind, "at": now(), "order_id": order["id"],
            "after": [told[-1]["operation_id"]] if told else [], "body": body,
        })  # fmt: skip
    return told, pictures


def _push(phone: Login, *operations: Document) -> list[Document]:
    items: list[Document] = phone.post("sync/push", {"sent_at": now(), "operations": operations})["items"]
    return items


def _last_words(phone: Login, story: list[Document]) -> dict[str, Any] | None:
    """Each operation's answer by its id, once all are answered for good; a picture's tells its progress."""
    items = _push(phone, *story)
    if any(one["retry"] for one in items):
        return None
    kinds = {one["operation_id"]: one["kind"] for one in story}
    return {
        one["operation_id"]: one if kinds[one["operation_id"]] != "photo" else {"status": one["status"]}
        for one in items
    }


def _push_and_hang_up(phone: Login, *operations: Document) -> None:
    """The server gets it whole; nobody hears the answer."""
    address = urlsplit(phone.product.url)
    body = json.dumps({"sent_at": now(), "operations": operations}).encode()
    head = (
        f"POST /api/v1/sync/push HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {phone.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), int(address.port or 80))) as line:
        line.sendall(head.encode() + body)


def _pulled_all(phone: Login) -> str:
    cursor, more = "", True
    while more:
        page = phone.get(f"sync/pull?limit=100{cursor and f'&cursor={cursor}'}")
        cursor, more = page["next_cursor"], page["more"]
    return str(cursor)


def _picture(number: int) -> bytes:
    """More than one part long: noise does not compress."""
    image = Image.effect_noise((640, 480), 80 + number).convert("RGB")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    assert len(out.getvalue()) > PART_BYTES
    return out.getvalue()


def _ulid(phone: Login, number: int) -> str:
    name = int.from_bytes(phone.name(f"photo-{number}").encode()[-15:], "big")
    return "0" + "".join(BASE_32[(name >> shift) & 31] for shift in range(120, -1, -5))

"""Pictures arrive in parts, are kept as pixels alone, and never hold up the work (fault 27)."""

import io
import os
import random
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from field_api.adapters.photo_store import FolderPhotoStore, clean_picture
from field_api.adapters.sql_desk import SqlDesk
from field_api.orders.photo_content import foreign_content
from field_api.orders.photo_ports import BadPhoto, ContentLost
from field_api.orders.photos import Photo, PhotoState
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import OrderFilter
from tests.conftest import DatabaseFactory
from tests.field_api.pictures import announcement, picture, send_part, send_picture
from tests.field_api.world import Person, World


def _stored(world: World) -> list[Path]:
    folder = world.home.data_dir / "photos"
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _crew_and_order(world: World) -> tuple[Person, str]:
    order = world.confirmed()
    return world.log_in("crew-02"), order["id"]


def test_a_picture_in_parts_with_lost_answers_and_a_new_beginning(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    data = picture()
    told = announcement(1, order_id, data)
    assert crew.send("POST", "/api/v1/photos", told).status_code == 201
    assert crew.send("POST", "/api/v1/photos", told).status_code == 200, "the answer was lost"
    photo = told["id"]
    assert send_part(crew, photo, data, 0, 300).get_json()["received"] == 300
    assert send_part(crew, photo, data, 0, 300).get_json()["received"] == 300, "the answer was lost"
    gap = send_part(crew, photo, data, 400, 500)
    assert (gap.status_code, gap.get_json()["current"]["received"]) == (409, 300)
    head = crew.client.head(f"/api/v1/photos/{photo}")
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("300", str(len(data)))
    done = send_part(crew, photo, data, 200, len(data)).get_json()
    assert (done["state"], done["received"], done["width"]) == ("complete", len(data), 64)
    listed = world.log_in("dispatcher").get(f"/api/v1/orders/{order_id}/photos").get_json()["items"]
    assert [one["by_name"] for one in listed] == [done["by_name"]] == [crew.user["name"]]
    assert send_part(crew, photo, data, 0, len(data)).get_json() == done, "again is as good as once"


def test_a_list_takes_pictures_small(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    assert send_picture(crew, 1, order_id, picture(size=(640, 480))).status_code == 200
    path = f"/api/v1/photos/{announcement(1, order_id, b'x')['id']}/content"
    sizes = {}
    for asked in ("", "?edge=120", "?edge=1024"):
        with Image.open(io.BytesIO(crew.get(f"{path}{asked}").data)) as image:
            sizes[asked] = image.size
    assert sizes == {"": (640, 480), "?edge=120": (120, 90), "?edge=1024": (640, 480)}
    assert crew.get(f"{path}?edge=9999").status_code == 422


def test_only_pixels_are_kept(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    assert send_picture(crew, 1, order_id, picture(size=(64, 48), turned=True)).status_code == 200
    shown = crew.get(f"/api/v1/photos/{announcement(1, order_id, b'x')['id']}/content")
    assert (shown.status_code, shown.content_type) == (200, "image/jpeg")
    assert b"secret" not in shown.data
    kept = Image.open(io.BytesIO(shown.data))
    assert not kept.getexif()
    assert kept.size == (48, 64), "turned upright before the note of it was dropped"
    (file,) = _stored(world)
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    assert order_id not in str(file)


def test_a_step_names_what_has_not_arrived_yet(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    data = picture()
    told = announcement(1, order_id, data)
    crew.send("POST", "/api/v1/photos", told)
    step = {
        "operation_id": "op-accept-1", "step": "accept", "at": "2026-11-22T08:00:00Z", "revision": 1,
        "photos": [told["id"], "01JDA0000000000000000000ZZ"],
    }  # fmt: skip
    assert crew.send("POST", f"/api/v1/orders/{order_id}/steps", step).status_code == 200
    missing = crew.get(f"/api/v1/orders/{order_id}").get_json()["photos_missing"]
    assert missing == [told["id"], "01JDA0000000000000000000ZZ"]
    send_part(crew, told["id"], data, 0, len(data))
    assert crew.get(f"/api/v1/orders/{order_id}").get_json()["photos_missing"] == missing[1:]
    listed = crew.get(f"/api/v1/orders/{order_id}/photos").get_json()["items"]
    assert [(one["id"], one["state"]) for one in listed] == [(told["id"], "complete")]


def test_only_who_sees_the_order_sees_its_pictures(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    data = picture()
    send_picture(crew, 1, order_id, data)
    photo = announcement(1, order_id, data)["id"]
    stranger, colleague = world.log_in("crew-01"), world.log_in("dispatcher")
    for path in (f"/api/v1/photos/{photo}", f"/api/v1/photos/{photo}/content"):
        assert stranger.get(path).status_code == 404
        assert colleague.get(path).status_code == 200
    assert stranger.send("POST", "/api/v1/photos", announcement(2, order_id, data)).status_code == 404
    assert send_part(stranger, photo, data, 0, 10).status_code == 404
    assert send_part(colleague, photo, data, 0, 10).status_code == 403, "only who announced it"


def _zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.sh", "id")
    return out.getvalue()


def _bomb() -> bytes:
    """A PNG of a few bytes that says to be 60,000 pixels square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _in_comment(data: bytes, text: bytes) -> bytes:
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + data[2:]


HOSTILE = {
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "image/png"),
    "page": (b"<!DOCTYPE html><script>alert(1)</script>", "image/jpeg"),
    "archive behind": (picture() + _zipped(), "image/jpeg"),
    "script in a comment": (_in_comment(picture(), b"<script>alert(1)</script>"), "image/jpeg"),
    "document in a comment": (_in_comment(picture(), b"%PDF-1.4"), "image/jpeg"),
    "archive behind a png": (picture("PNG") + _zipped(), "image/png"),
    "archive behind a webp": (picture("WEBP") + _zipped(), "image/webp"),
    "bomb": (_bomb(), "image/png"),
    "other than announced": (picture("PNG"), "image/jpeg"),
    "cut": (picture()[:400], "image/jpeg"),
    "gif": (b"GIF89a" + b"\0" * 100, "image/png"),
}


@pytest.fixture(scope="module")
def hostile_world(busy_world: World) -> tuple[World, Person, str]:
    order = busy_world.log_in("dispatcher").get("/api/v1/orders").get_json()["items"][0]
    crew = busy_world.log_in(order["crew_id"])
    return busy_world, crew, order["id"]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_refused_and_gone(name: str, hostile_world: tuple[World, Person, str]) -> None:
    world, crew, order_id = hostile_world
    data, content_type = HOSTILE[name]
    number = 10 + list(HOSTILE).index(name)
    answer = send_picture(crew, number, order_id, data, content_type=content_type)
    assert answer.status_code == 422, answer.text
    assert answer.content_type == "application/problem+json"
    state = crew.get(f"/api/v1/photos/{announcement(number, order_id, data)['id']}").get_json()
    assert (state["state"], state["received"]) == ("refused", 0)
    assert state["problem"]
    assert _stored(world) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "../../etc/passwd"}, {"id": "01JDA0000000000000000000"}, {"content_type": "image/svg+xml"},
        {"size": 0}, {"size": 10**9}, {"sha256": "Z" * 64},
    ],
    ids=str,
)  # fmt: skip
def test_an_announcement_outside_its_limits_is_refused(
    wrong: dict[str, object], hostile_world: tuple[World, Person, str]
) -> None:
    _, crew, order_id = hostile_world
    answer = crew.send("POST", "/api/v1/photos", announcement(99, order_id, picture()) | wrong)
    assert answer.status_code == 422


def test_a_wrong_hash_begins_anew(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    data = picture()
    told = announcement(1, order_id, data)
    crew.send("POST", "/api/v1/photos", told)
    spoilt = data[:-1] + bytes([data[-1] ^ 1])
    answer = send_part(crew, told["id"], spoilt, 0, len(data))
    assert answer.status_code == 409
    assert crew.get(f"/api/v1/photos/{told['id']}").get_json()["received"] == 0
    assert send_part(crew, told["id"], data, 0, len(data)).get_json()["state"] == "complete"


def test_parts_say_where_they_belong(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    data = picture()
    told = announcement(1, order_id, data)
    crew.send("POST", "/api/v1/photos", told)
    path = f"/api/v1/photos/{told['id']}/content"
    csrf = {"X-CSRF-Token": crew.csrf_token, "Content-Type": "application/octet-stream"}
    assert crew.client.put(path, data=data, headers=csrf).status_code == 400
    wrong = csrf | {"Content-Range": f"bytes 0-4/{len(data)}"}
    assert crew.client.put(path, data=data, headers=wrong).status_code == 400
    other = csrf | {"Content-Range": "bytes 0-4/5"}
    assert crew.client.put(path, data=data[:5], headers=other).status_code == 422
    big = csrf | {"Content-Range": "bytes 0-2097151/2097152"}
    assert crew.client.put(path, data=b"x" * 2_097_152, headers=big).status_code == 413


def _photo(data: bytes, **more: object) -> Photo:
    told = announcement(1, "ord-1", data)
    fields = {
        "id": told["id"], "order_id": "ord-1", "user_id": "u", "size": len(data), "sha256": told["sha256"],
        "content_type": "image/jpeg", "taken_ms": 0, "lon": None, "lat": None, "accuracy_m": None,
        "caption": "", "announced_ms": 0,
    }  # fmt: skip
    return Photo(**{**fields, **more})


@given(cuts=st.lists(st.tuples(st.integers(0, 999), st.integers(1, 400)), max_size=20))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_parts_in_any_order_never_spoil_what_is_here(cuts: list[tuple[int, int]], tmp_path: Path) -> None:
    data = picture()
    store = FolderPhotoStore(tmp_path / str(len(list(tmp_path.iterdir()))))
    photo, here = _photo(data), 0
    for first, length in cuts:
        received = store.add(photo.id, first, data[first : first + length])
        assert received >= here
        here = received
    assert store.add(photo.id, here, data[here:]) == len(data) or here == len(data)
    kept = store.finish(photo)
    assert (kept.width, kept.height) == (64, 48)
    with pytest.raises(ContentLost):
        store.finish(photo)


def test_what_never_arrives_is_forgotten_and_may_begin_anew(tmp_path: Path) -> None:
    store, data = FolderPhotoStore(tmp_path), picture()
    for photo_id in ("old", "new"):
        store.add(photo_id, 0, data[:100])
    os.utime(store._part("old"), (1, 1))
    store.forget_parts(2_000)
    assert (store.received("old"), store.received("new")) == (0, 100)


def test_pixels_that_look_like_an_archive_are_pixels() -> None:
    data = picture()
    scan = data.index(b"\xff\xda") + 20
    assert foreign_content(data[:scan] + b"PK\x03\x04" + data[scan:], "image/jpeg") == ""
    assert foreign_content(data + b"PK\x03\x04", "image/jpeg") == "pk\x03\x04"


def test_large_pictures_become_smaller() -> None:
    _, width, height = clean_picture(picture(size=(6000, 3000)), "image/jpeg")
    assert max(width, height) <= 4096
    with pytest.raises(BadPhoto, match="pixels"):
        clean_picture(picture("PNG", size=(9000, 8000)), "image/png")


def test_a_part_may_be_larger_than_any_other_request(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    noise = random.Random(1).randbytes(3 * 500 * 400)
    out = io.BytesIO()
    Image.frombytes("RGB", (500, 400), noise).save(out, "PNG")
    data = out.getvalue()
    assert len(data) > 500_000
    answer = send_picture(crew, 1, order_id, data, content_type="image/png")
    assert (answer.status_code, answer.get_json()["state"]) == (200, "complete")


def test_a_full_store_takes_nothing_more(world: World) -> None:
    crew, order_id = _crew_and_order(world)
    object.__setattr__(world.services.keep_photo, "quota_bytes", 10)
    answer = crew.send("POST", "/api/v1/photos", announcement(1, order_id, picture()))
    assert (answer.status_code, answer.get_json()["code"]) == (507, "photo.no_room")


def test_pictures_are_known_on_every_server(database: DatabaseFactory) -> None:
    desk = SqlDesk(database("desk"))
    announced, old = _photo(picture()), _photo(picture(), id="01JDA0000000000000000000ZZ")
    with desk.writing() as session:
        session.photos.announce(replace(announced, announced_ms=1_000))
        session.photos.announce(old)
    kept = replace(announced, state=PhotoState.COMPLETE, file="ab.jpg", kept_bytes=7, completed_ms=2_000)
    with desk.writing() as session:
        assert session.photos.promised_bytes(500) == announced.size
        session.photos.settle(kept)
    with desk.reading() as session:
        assert session.photos.get(kept.id) == kept
        assert session.photos.promised_bytes(500) == 7
        assert session.photos.promised_bytes(0) == 7 + old.size
        assert session.photos.counting("ord-1") == {announced.id, old.id}
        assert session.photos.of_orders([]) == {}
        since = OrderFilter(True, crew_id="crew-01", updated_since_ms=1)
        assert session.orders.found(WHOLE_COMPANY, since, None, 10) == ()
        assert session.incidents.outages("none") == ()

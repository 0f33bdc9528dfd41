"""Pictures as phones make them, with what must not be kept."""

import hashlib
import io
from typing import Any

from PIL import Image
from werkzeug.test import TestResponse

from tests.field_api.world import Person

ULID = "01JDA0000000000000000000"
"""With two more characters an id."""
PLACE = 0x8825
"""The EXIF block of the position."""


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), turned: bool = False) -> bytes:
    """A picture with the phone's place and model, a comment, and a mark in its upper left corner."""
    image = Image.new("RGB", size, (200, 200, 200))
    image.paste((255, 0, 0), (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[0x0110] = "secret phone"
    exif.get_ifd(PLACE)[1] = "N"
    if turned:
        exif[0x0112] = 6
    out = io.BytesIO()
    more: dict[str, Any] = {"comment": b"secret comment"} if kind == "JPEG" else {}
    image.save(out, kind, exif=exif, **more)
    return out.getvalue()


def announcement(number: int, order_id: str, data: bytes, **more: object) -> dict[str, Any]:
    return {
        "id": f"{ULID}{number:02d}", "order_id": order_id, "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(), "content_type": "image/jpeg",
        "taken_at": "2026-11-22T08:00:00Z", "position": {"lon": 116.0, "lat": 39.0, "accuracy_m": 5.0},
        **more,
    }  # fmt: skip


def send_part(who: Person, photo_id: str, data: bytes, first: int, last: int) -> TestResponse:
    """Bytes ``first`` up to before ``last``."""
    return who.client.put(
        f"/api/v1/photos/{photo_id}/content",
        data=data[first:last],
        headers={
            "X-CSRF-Token": who.csrf_token,
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {first}-{last - 1}/{len(data)}",
        },
    )


def send_picture(who: Person, number: int, order_id: str, data: bytes, **more: object) -> TestResponse:
    """Announced and sent at once."""
    told = announcement(number, order_id, data, **more)
    answer = who.send("POST", "/api/v1/photos", told)
    assert answer.status_code in {200, 201}, answer.text
    return send_part(who, told["id"], data, 0, len(data))

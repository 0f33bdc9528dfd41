"""What is in a picture's file besides the picture: documents that hide there are found before it is decoded.

A file may be two things at once (an image and an archive, a page, a program). Pixels are compressed and are
left alone; everything around them is looked through: the segments before a JPEG's scan and what follows its
end (ISO/IEC 10918-1, B.1), the ancillary chunks of PNG (ISO/IEC 15948, 5.3) and of WebP (RFC 9649, 2.3).
"""

from collections.abc import Callable, Mapping
from typing import Final

CONTENT_TYPES: Final[Mapping[str, str]] = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
"""What is accepted, and the decoder's name of it. SVG is a document with scripts and no picture."""
FOREIGN: Final = (
    b"<script", b"<html", b"<!doctype", b"<svg", b"<?php", b"<iframe", b"%pdf-", b"pk\x03\x04", b"pk\x05\x06",
    b"\x7felf", b"rar!\x1a", b"7z\xbc\xaf", b"javascript:",
)  # fmt: skip
"""Beginnings of documents, archives and programs, in lower case."""
_PIXELS_OF_PNG: Final = frozenset({b"IDAT", b"fdAT"})
_PIXELS_OF_WEBP: Final = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANMF"})
_SCAN, _END = 0xDA, b"\xff\xd9"


def foreign_content(data: bytes, content_type: str) -> str:
    """The first sign of something else in the file; empty: none was found."""
    around = _AROUND[CONTENT_TYPES[content_type]](data).lower()
    return next((sign.decode("latin-1") for sign in FOREIGN if sign in around), "")


def _around_jpeg(data: bytes) -> bytes:
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != _SCAN:
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    end = data.find(_END, place)
    return data[:place] + (data[end:] if end >= 0 else b"")


def _around_png(data: bytes) -> bytes:
    found, place = [data[:8]], 8
    while place + 12 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        found.append(b"" if kind in _PIXELS_OF_PNG else data[place : place + 12 + length])
        place += 12 + length
    return b"".join([*found, data[place:]])


def _around_webp(data: bytes) -> bytes:
    found, place = [data[:12]], 12
    while place + 8 <= len(data):
        kind, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        found.append(b"" if kind in _PIXELS_OF_WEBP else data[place : place + 8 + length])
        place += 8 + length + length % 2
    return b"".join([*found, data[place:]])


_AROUND: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "JPEG": _around_jpeg,
    "PNG": _around_png,
    "WEBP": _around_webp,
}

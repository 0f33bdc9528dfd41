"""Pictures as files of the data directory: parts until they are whole, then JPEG under random names.

Nothing that a client says becomes a name. Files are the owner's alone (0600), folders too (0700).
"""

import fcntl
import hashlib
import io
import os
import secrets
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from field_api.orders.photo_content import CONTENT_TYPES, foreign_content
from field_api.orders.photo_ports import BadPhoto, ContentLost, Kept
from field_api.orders.photos import Photo

MAX_PIXELS: Final = 60_000_000
"""A phone's largest sensors; a bomb of a few kilobytes decodes to many more."""
MAX_EDGE: Final = 4096
QUALITY: Final = 85
MIN_FREE_BYTES: Final = 512 * 1024 * 1024
_UNREADABLE: Final = (
    OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)  # fmt: skip
_DECODER: Final = Lock()
"""One picture at a time: decoded, each needs as much memory as a hundred requests."""


class FolderPhotoStore:
    """``PhotoStore`` below one folder, which is made when the first picture comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def received(self, photo_id: str) -> int:
        part = self._part(photo_id)
        return part.stat().st_size if part.exists() else 0

    def add(self, photo_id: str, offset: int, part: bytes) -> int:
        with self._alone(photo_id) as file:
            here = os.fstat(file).st_size
            if not offset <= here < offset + len(part):
                return here
            os.lseek(file, here, os.SEEK_SET)
            _write_all(file, part[here - offset :])
            os.fsync(file)
            return offset + len(part)

    def finish(self, photo: Photo) -> Kept:
        try:
            data = self._part(photo.id).read_bytes()
        except FileNotFoundError as problem:
            raise ContentLost("photo.nothing_here") from problem
        try:
            if len(data) != photo.size or hashlib.sha256(data).hexdigest() != photo.sha256:
                raise ContentLost("photo.other_hash")
            with _DECODER:
                clean = clean_picture(data, photo.content_type)
            kept = self._keep(*clean)
        finally:
            self._part(photo.id).unlink(missing_ok=True)
        return kept

    def content(self, file: str, edge: int | None = None) -> bytes:
        try:
            data = self._named(file).read_bytes()
        except FileNotFoundError as problem:
            raise LookupError(f"the picture {file!r} is not in its folder") from problem
        return data if edge is None else _small(data, edge)

    def forget_parts(self, before_ms: int) -> None:
        for part in self._folder.glob("parts/*"):
            try:
                if part.stat().st_mtime * 1000 < before_ms:
                    part.unlink()
            except FileNotFoundError:  # finished, or forgotten by another request
                continue

    def has_room_for(self, size: int) -> bool:
        self._made(self._folder)
        return shutil.disk_usage(self._folder).free - size >= MIN_FREE_BYTES

    def _keep(self, encoded: bytes, width: int, height: int) -> Kept:
        name = f"{secrets.token_hex(16)}.jpg"
        target = self._named(name)
        self._made(target.parent)
        draft = target.with_suffix(".new")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_all(file, encoded)
            os.fsync(file)
        finally:
            os.close(file)
        draft.rename(target)
        return Kept(name, width, height, len(encoded))

    @contextmanager
    def _alone(self, photo_id: str) -> Iterator[int]:
        """The part's file, for one request at a time, whichever process it is in."""
        part = self._part(photo_id)
        self._made(part.parent)
        file = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _part(self, photo_id: str) -> Path:
        return self._folder / "parts" / hashlib.sha256(photo_id.encode()).hexdigest()[:32]

    def _named(self, file: str) -> Path:
        return self._folder / file[:2] / Path(file).name

    def _made(self, folder: Path) -> None:
        for one in (self._folder, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)


def clean_picture(data: bytes, content_type: str) -> tuple[bytes, int, int]:
    """The pixels alone as JPEG, upright, with width and height; raises ``BadPhoto``."""
    if found := foreign_content(data, content_type):
        raise BadPhoto("photo.more_than_a_picture", found=found)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=_formats(content_type)) as image:
            warnings.simplefilter("error")
            return _encoded(image)
    except _UNREADABLE as problem:
        raise BadPhoto("photo.unreadable", content_type=content_type) from problem


def _formats(content_type: str) -> list[str]:
    return [CONTENT_TYPES[content_type]]


def _encoded(image: Image.Image) -> tuple[bytes, int, int]:
    if image.width * image.height > MAX_PIXELS:
        raise BadPhoto("photo.too_many_pixels", width=image.width, height=image.height, most=MAX_PIXELS)
    image.draft("RGB", (MAX_EDGE, MAX_EDGE))
    upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((MAX_EDGE, MAX_EDGE))
    # A fresh picture has no EXIF, no place, no comment, no profile: nothing is carried over but pixels.
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    text = io.BytesIO()
    clean.save(text, "JPEG", quality=QUALITY, optimize=True)
    return text.getvalue(), clean.width, clean.height


def _small(data: bytes, edge: int) -> bytes:
    """Of a picture that is ours; ``draft`` lets the decoder skip what is too fine."""
    text = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.draft("RGB", (edge, edge))
        image.thumbnail((edge, edge))
        image.save(text, "JPEG", quality=QUALITY)
    return text.getvalue()


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]

"""Taking files of another installation from the inbox: whole, once, and what is missing is written down."""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from gateway.codecs import crossing as codec
from gateway.crossing import (
    EVIDENCE,
    MAX_ROW_BYTES,
    CrossingRefused,
    Head,
    Received,
    Tail,
    in_parts,
    pack_received,
    read_head,
    read_tail,
    unpack_received,
)
from gateway.exports.lines import FileRefused
from gateway.frames import MAX_BODY_BYTES, Frame, Lane

GROUP_FRAMES: Final = 32
_SLICE_BYTES: Final = 200_000


def received_file(folder: Path) -> Path:
    """Where a data folder keeps what has arrived."""
    return folder / "crossing" / "received.json"


def gaps_file(folder: Path) -> Path:
    """Where a data folder shows what must be sent again."""
    return folder / "crossing" / "gaps.json"


def load_received(folder: Path) -> Received:
    """What has arrived; nothing at first. Raises CrossingRefused where the record is damaged."""
    file = received_file(folder)
    return unpack_received(file.read_bytes()) if file.exists() else Received()


def checked(path: Path) -> tuple[Head, Tail]:
    """First and last line of a file whose hash and number of rows are right; raises CrossingRefused."""
    digest, rows, newest = hashlib.sha256(), -1, b""
    with path.open("rb") as handle:
        head = read_head(handle.readline(MAX_ROW_BYTES + 1))
        handle.seek(0)
        for line in _whole_lines(handle):
            digest.update(newest)
            rows, newest = rows + 1, line
    tail = read_tail(newest)
    if digest.hexdigest() != tail.sha256:
        raise CrossingRefused(f"expected SHA-256 {tail.sha256}, found {digest.hexdigest()}: it was altered")
    if rows - 1 != tail.rows:
        raise CrossingRefused(f"expected {tail.rows} rows, found {rows - 1}")
    return head, tail


def _whole_lines(handle: IO[bytes]) -> Iterator[bytes]:
    while line := handle.readline(MAX_ROW_BYTES + 1):
        if not line.endswith(b"\n"):
            raise CrossingRefused("expected whole lines; the file was cut off or a row is too long")
        yield line


class CrossingImport:
    """``TakeCrossing`` for the file drop. One thread."""

    def __init__(self, folder: Path) -> None:
        """``folder``: the data folder, which keeps what has arrived."""
        self._folder = folder

    def take(self, path: Path, hand_over: Callable[[Lane, Sequence[Frame]], None]) -> list[str]:
        """Hand the rows over; the reasons against the file, or none. Raises FileRefused."""
        try:
            received = load_received(self._folder)
            head, tail = checked(path)
        except CrossingRefused as problem:
            raise FileRefused(str(problem)) from None
        verdict = received.judge(head, tail.sha256)
        if verdict:
            return [verdict]
        if verdict is None:
            self._hand_over(path, head, hand_over)
            received.add(head, tail.sha256)
            self._note(received)
        return []

    def _hand_over(self, path: Path, head: Head, hand_over: Callable[[Lane, Sequence[Frame]], None]) -> None:
        lane = Lane.EVENTS if head.stream == EVIDENCE else Lane.BACKFILL
        frames: list[Frame] = []
        with path.open("rb") as handle:
            lines = (line.rstrip(b"\n") for line in itertools.islice(_whole_lines(handle), 1, None))
            for frame in _frames(head, _without_last(lines)):
                frames.append(frame)
                if len(frames) >= GROUP_FRAMES:
                    hand_over(lane, frames)
                    frames = []
        if frames:
            hand_over(lane, frames)

    def _note(self, received: Received) -> None:
        gaps = msgspec.json.format(msgspec.json.encode(received.gaps()), indent=2) + b"\n"
        for file, content in (
            (received_file(self._folder), pack_received(received)),
            (gaps_file(self._folder), gaps),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(".new")
            draft.write_bytes(content)
            draft.replace(file)


def _without_last(lines: Iterator[bytes]) -> Iterator[bytes]:
    held: bytes | None = None
    for line in lines:
        if held is not None:
            yield held
        held = line


def _frames(head: Head, lines: Iterator[bytes]) -> Iterator[Frame]:
    number = 2
    for part in in_parts(lines, _SLICE_BYTES):
        for piece in _fitting(part):
            topic = codec.topic(head.installation, head.stream, head.number, number)
            yield Frame(
                topic, codec.fold(piece), time.time_ns() // 1_000_000, f"{codec.CROSSING}:{head.installation}"
            )
            number += len(piece)


def _fitting(lines: list[bytes]) -> Iterator[list[bytes]]:
    """The rows in as few frames as their size allows."""
    if len(codec.fold(lines)) <= MAX_BODY_BYTES:
        yield lines
    elif len(lines) > 1:
        middle = len(lines) // 2
        yield from _fitting(lines[:middle])
        yield from _fitting(lines[middle:])
    else:
        raise FileRefused(f"row: expected at most {MAX_BODY_BYTES} bytes folded")

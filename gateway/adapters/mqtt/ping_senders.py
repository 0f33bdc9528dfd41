"""How a ping leaves: as an MQTT command, as a line of a request file, or not at all."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from gateway.contract.payloads import Command
from gateway.contract.topics import COMMAND, TERMINAL_PATTERN, topic
from telemetry.pings import PingWish

MAX_REQUEST_FILES: Final = 10_000


class MqttPings:
    """``PingSender``: the command ``ping`` of the contract. A silence after it means something."""

    expects_answers = True

    def __init__(self, say: Callable[[str, bytes], bool]) -> None:
        """``say(topic, body)`` of a door with the right to speak; False: not now."""
        self._say = say

    def send(self, wish: PingWish) -> bool:
        """False where it cannot be said now."""
        if not TERMINAL_PATTERN.fullmatch(wish.terminal):
            return True  # Nobody listens there: its expiry and silence tell.
        body = msgspec.json.encode(Command(v=1, id=wish.key, command="ping", devices=wish.devices))
        return self._say(topic(wish.terminal, COMMAND), body)


class FilePings:
    """``PingSender``: a file of requests per wish in an outbox, for a zone that is crossed by files.

    Whether anybody carries the file on is not known, so a silence means nothing: answers come as events.
    """

    expects_answers = False

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox

    def send(self, wish: PingWish) -> bool:
        """False while the folder takes no more or cannot be written."""
        try:
            self._outbox.mkdir(parents=True, exist_ok=True)
            if sum(1 for _ in self._outbox.glob("pings-*.jsonl")) >= MAX_REQUEST_FILES:
                return False
            self._write(wish)
        except OSError:
            return False
        return True

    def _write(self, wish: PingWish) -> None:
        asked = {
            "key": wish.key,
            "terminal": wish.terminal,
            "devices": wish.devices,
            "asked_at": _iso(wish.asked_ms),
            "expires_at": _iso(wish.expires_ms),
        }
        name = f"pings-{time.time_ns()}.jsonl"
        draft = self._outbox / f".{name}.new"
        with draft.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(asked, ensure_ascii=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._outbox / name)


class NoPings:
    """``PingSender`` where nothing may be asked: wishes are noted and nothing is concluded."""

    expects_answers = False

    def send(self, wish: PingWish) -> bool:  # noqa: ARG002
        """As good as done."""
        return True


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")

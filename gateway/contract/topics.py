"""MQTT topics of our own contract (docs/asyncapi.yaml): ``gridcrew/v1/{terminal}/…``, QoS 1."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

ROOT: Final = "gridcrew/v1"
TERMINAL_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")

READINGS: Final = "readings"
EVENTS: Final = "events"
STATUS: Final = "status"
HPLC: Final = "hplc"
"""Outage reports of a power-line carrier network, as the terminal got them."""
DLT645: Final = "dlt645"
"""DL/T 645 frames that a terminal passes through from its meters."""
COMMAND: Final = "command"

UP_CHANNELS: Final = frozenset({READINGS, EVENTS, STATUS, HPLC, DLT645})

MAX_FRAME_BYTES: Final = 65_536
"""The broker refuses larger frames; a terminal splits a larger batch."""


@dataclass(frozen=True, slots=True)
class Address:
    terminal: str
    channel: str


def topic(terminal: str, channel: str) -> str:
    """The topic on which ``terminal`` speaks or listens."""
    return f"{ROOT}/{terminal}/{channel}"


@lru_cache(maxsize=16_384)
def parse(name: str) -> Address | None:
    """The terminal and channel of an up topic, or None where it is not one of ours."""
    parts = name.split("/")
    if len(parts) != 4 or "/".join(parts[:2]) != ROOT:
        return None
    if parts[3] not in UP_CHANNELS or not TERMINAL_PATTERN.fullmatch(parts[2]):
        return None
    return Address(terminal=parts[2], channel=parts[3])

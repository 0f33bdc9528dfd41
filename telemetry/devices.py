"""Devices as such: what they tell of themselves, and whether they are to be believed.

A device is a terminal, a meter, a line of a bus, a sensor; ``parent`` is who speaks for it.
"""

from dataclasses import dataclass
from enum import StrEnum


class DeviceKind(StrEnum):
    TERMINAL = "terminal"
    METER = "meter"
    SENSOR = "sensor"


class Approval(StrEnum):
    """First contact makes a device known; a rule or a person makes it believed."""

    PENDING = "pending"
    APPROVED = "approved"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class DeviceNote:
    """What was said of a device; an empty field was not said and changes nothing."""

    device: str
    kind: DeviceKind
    parent: str = ""
    """Terminal id of a meter; empty for a terminal."""
    model: str = ""
    maker: str = ""
    firmware: str = ""
    foreign_id: str = ""
    """Its name in the world that it speaks from, where that differs from ours."""
    online: bool | None = None

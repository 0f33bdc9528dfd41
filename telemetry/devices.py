"""Devices as such: what they tell of themselves, and whether they are to be believed.

A device is a terminal, a meter, a line of a bus, a sensor; ``parent`` is who speaks for it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class DeviceKind(StrEnum):
    TERMINAL = "terminal"
    METER = "meter"
    SENSOR = "sensor"


class Approval(StrEnum):
    """First contact makes a device known; a rule or a person makes it believed."""

    PENDING = "pending"
    APPROVED = "approved"
    BLOCKED = "blocked"


HELD_BACK: Final = "held back: terminal "


def held_back_reason(terminal: str, approval: Approval) -> str:
    """The problem under which frames of a terminal that is not believed lie among the dead letters."""
    return f"{HELD_BACK}{terminal} is {_WORDS[approval]}"


_WORDS: Final = {
    Approval.PENDING: "pending approval",
    Approval.BLOCKED: "blocked",
    Approval.APPROVED: "approved",
}


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


class Link(StrEnum):
    """Whether a device can be heard now. Silence that others explain is unknown, never offline."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why a device is not heard."""

    NONE = ""
    POWER = "power"
    COMMUNICATION = "communication"
    TERMINAL = "terminal"
    GATEWAY = "gateway"


class LostBy(StrEnum):
    """How the gateway learned that a terminal is gone."""

    NOTHING = ""
    WILL = "will"
    """The broker noticed that the connection broke."""
    OVERDUE = "overdue"
    """The connection may stand, but the terminal says nothing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A device's link, why, since when; ``alarm`` only where the fault is the device's own.

    ``since_ms`` None: it was never heard.
    """

    link: Link
    cause: Cause = Cause.NONE
    since_ms: int | None = None
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds around a device at the moment of asking; None: does not hold, or never happened."""

    gateway_down_ms: int | None = None
    """Since when the gateway, or the door by which the device speaks, takes nothing."""
    outage_ms: int | None = None
    """Since when an open outage covers the device."""


def terminal_condition(around: Surroundings, heard_ms: int | None, lost: LostBy) -> Condition:
    """Whether a terminal can be heard; ``lost`` says how it was missed since it was last heard.

    A door that is down hides all behind it. An outage explains silence. A broken connection is the fault of
    communication; a terminal that is connected and says nothing is at fault itself.
    """
    if around.gateway_down_ms is not None:
        return Condition(Link.UNKNOWN, Cause.GATEWAY, around.gateway_down_ms)
    if heard_ms is None:
        return Condition(Link.UNKNOWN)
    if lost is LostBy.NOTHING:
        return Condition(Link.ONLINE, since_ms=heard_ms)
    if around.outage_ms is not None:
        return Condition(Link.OFFLINE, Cause.POWER, heard_ms)
    cause = Cause.COMMUNICATION if lost is LostBy.WILL else Cause.TERMINAL
    return Condition(Link.OFFLINE, cause, heard_ms, alarm=True)


@dataclass(frozen=True, slots=True)
class Hearing:
    """When a meter and its neighbours were heard; None: never."""

    now_ms: int
    limit_ms: int
    """Silence longer than this is noticed."""
    heard_ms: int | None
    siblings_heard_ms: int | None
    """The newest of any other meter of the same terminal."""

    def silent(self, heard_ms: int | None) -> bool:
        """Whether that instant lies too far back."""
        return heard_ms is None or self.now_ms - heard_ms > self.limit_ms


def meter_condition(around: Surroundings, parent: Condition, hearing: Hearing) -> Condition:
    """Whether a meter can be heard, given the condition of the terminal that speaks for it.

    A terminal that is not heard hides its meters: unknown since then, with the terminal's cause, no alarm.
    """
    if not hearing.silent(hearing.heard_ms) and parent.link is Link.ONLINE:
        return Condition(Link.ONLINE, since_ms=hearing.heard_ms)
    if parent.cause is Cause.GATEWAY:
        return Condition(Link.UNKNOWN, Cause.GATEWAY, parent.since_ms)
    if around.outage_ms is not None and _silent_since(around.outage_ms, hearing.heard_ms):
        return Condition(Link.OFFLINE, Cause.POWER, around.outage_ms)
    if parent.link is not Link.ONLINE:
        return Condition(Link.UNKNOWN, parent.cause, parent.since_ms)
    if hearing.silent(hearing.siblings_heard_ms):
        return Condition(Link.UNKNOWN, Cause.TERMINAL, hearing.heard_ms)
    return Condition(Link.OFFLINE, Cause.COMMUNICATION, hearing.heard_ms, alarm=True)


def _silent_since(instant_ms: int, heard_ms: int | None) -> bool:
    return heard_ms is None or heard_ms < instant_ms

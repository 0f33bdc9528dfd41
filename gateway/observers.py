"""A foreign broker that is observed: its file, checked. Pure.

Observing is one account, a durable subscription, and silence: nothing is ever published there.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.frames import Lane
from gateway.site_toml import SiteFileRefused, read_toml

RESERVED: Final = frozenset({"events", "bulk", "observers"})
"""Names of our own sessions and doors."""
MAX_TOPICS: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
Format = Literal["state_grid", "app_bus", "flat", "own"]


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One filter and in which lane its frames travel."""

    filter: str
    lane: Literal["events", "bulk", "backfill"] = "bulk"


class _Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    client_id: str
    username: str = ""
    password: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    broker: _Broker
    format: Format
    topics: tuple[Topic, ...]
    enabled: bool = True
    zone: str = "Asia/Shanghai"
    signals: str = "default"
    system: str = ""
    terminal: str = ""
    terminal_pattern: str = ""
    device_pattern: str = ""


@dataclass(frozen=True, slots=True)
class Observer:
    """One foreign broker, as its file says."""

    name: str
    broker: _Broker
    format: Format
    topics: tuple[Topic, ...]
    enabled: bool
    zone: ZoneInfo
    signals: str
    """Name of the table of signals."""
    system: str
    """Name of the foreign ids in the crosswalk."""
    terminal: str
    """Whose topics these are, where no topic says it."""
    terminal_pattern: re.Pattern[str] | None
    """Group ``terminal`` finds who speaks, group ``topic`` the topic without what a bridge put before."""
    device_pattern: re.Pattern[str] | None
    """Its group ``device`` finds the id within what the foreign platform calls a device."""

    def lane_of(self, topic: str) -> Lane:
        """The lane of the first filter that matches."""
        found = next((each.lane for each in self.topics if matches(each.filter, topic)), Lane.BULK)
        return Lane(found)

    def addressed(self, topic: str) -> tuple[str, str]:
        """(foreign id of the terminal or nothing, topic without what a bridge put before)."""
        found = self.terminal_pattern.search(topic) if self.terminal_pattern else None
        if found is None:
            return self.terminal, topic
        groups = found.groupdict()
        return groups.get("terminal") or self.terminal, groups.get("topic") or topic

    def device(self, foreign: str) -> str:
        """The id within a foreign device name."""
        found = self.device_pattern.fullmatch(foreign) if self.device_pattern else None
        return found["device"] if found else foreign


def read_observer(name: str, text: str) -> Observer:
    """An observer's file; raises SiteFileRefused with the field, what was expected and what was found."""
    file = read_toml(text, _File)
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise SiteFileRefused(f"name: expected 1 to 32 of A-Z, a-z, 0-9, _, - and not {sorted(RESERVED)}")
    _check_broker(file.broker)
    if not 0 < len(file.topics) <= MAX_TOPICS:
        raise SiteFileRefused(f"topics: expected 1 to {MAX_TOPICS}, found {len(file.topics)}")
    for place, topic in enumerate(file.topics):
        _check_filter(topic.filter, f"topics[{place}].filter")
    if file.format == "app_bus" and not (file.terminal or file.terminal_pattern):
        raise SiteFileRefused("terminal: expected with format app_bus, whose topics do not name the terminal")
    if file.format == "flat" and not (file.device_pattern and (file.terminal or file.terminal_pattern)):
        raise SiteFileRefused("device_pattern, terminal: expected with format flat: topics name the device")
    return Observer(
        name=name,
        broker=file.broker,
        format=file.format,
        topics=file.topics,
        enabled=file.enabled,
        zone=_zone(file.zone),
        signals=file.signals,
        system=file.system or name,
        terminal=file.terminal,
        terminal_pattern=_pattern(file.terminal_pattern, "terminal_pattern", ("terminal", "topic")),
        device_pattern=_pattern(file.device_pattern, "device_pattern", ("device",)),
    )


def _check_broker(broker: _Broker) -> None:
    parts = urlsplit(broker.url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise SiteFileRefused(f"broker.url: expected mqtt://host:port or mqtts://…, found {broker.url!r}")
    if parts.username or parts.password:
        raise SiteFileRefused(
            "broker.url: expected without user and password, which have fields of their own"
        )
    if not 0 < len(broker.client_id.encode()) <= 128:
        raise SiteFileRefused("broker.client_id: expected 1 to 128 bytes: a durable session needs its own id")
    if broker.password and broker.password_file:
        raise SiteFileRefused("broker.password_file: expected either this or password")
    if bool(broker.cert_file) != bool(broker.key_file):
        raise SiteFileRefused("broker.key_file: expected together with cert_file")
    if (broker.ca_file or broker.cert_file) and parts.scheme != "mqtts":
        raise SiteFileRefused("broker.ca_file: expected with mqtts:// only")


def _check_filter(name: str, field: str) -> None:
    levels = name.split("/")
    wrong = any("+" in level and level != "+" for level in levels) or any(
        "#" in level and (level != "#" or place != len(levels) - 1) for place, level in enumerate(levels)
    )
    if not name or len(name) > 1_000 or wrong or "\x00" in name:
        raise SiteFileRefused(f"{field}: expected an MQTT topic filter, found {name[:80]!r}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SiteFileRefused(f"zone: expected a name such as Asia/Shanghai, found {name!r}") from None


def _pattern(text: str, field: str, groups: tuple[str, ...]) -> re.Pattern[str] | None:
    if not text:
        return None
    try:
        made = re.compile(text)
    except re.error as problem:
        raise SiteFileRefused(f"{field}: expected a regular expression: {problem}") from None
    if not set(groups) & set(made.groupindex):
        raise SiteFileRefused(f"{field}: expected a group named {' or '.join(groups)}, found {text!r}")
    return made


def matches(name: str, topic: str) -> bool:
    """Whether an MQTT topic filter takes a topic."""
    levels, given = name.split("/"), topic.split("/")
    for place, level in enumerate(levels):
        if level == "#":
            return True
        if place >= len(given) or level not in {"+", given[place]}:
            return False
    return len(levels) == len(given)

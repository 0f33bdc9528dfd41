"""A connection file: one line or gateway and the devices on it (``connections/*.toml`` of the site). Pure."""

import re
from decimal import Decimal
from typing import Final, Literal

import msgspec

from gateway.contract.topics import TERMINAL_PATTERN
from gateway.site_toml import OtherDoor, SiteFileRefused, kind_of, read_toml

OTHER_KINDS: Final = frozenset({"dlt645_tcp", "dlt645_listen", "dlt698_listen"})
"""Kinds of connection files that other doors take."""
MAX_DEVICES: Final = 1_000
_DEVICE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_LARGEST_RATIO: Final = Decimal(1_000_000)


class DeviceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One device on the line."""

    id: str
    """The meter's id in the network; readings are stored under it."""
    unit: int
    model: str
    """Name of a device model, without ``.toml``."""
    every_s: float = 60.0
    ct: Decimal | None = None
    """Ratio of the current transformers, such as 40 for 200/5; absent = the device's registers, or 1."""
    pt: Decimal | None = None
    enabled: bool = True


class ConnectionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file; ``parse_connection`` checks what the types cannot say."""

    kind: Literal["tcp", "rtu_over_tcp", "serial"]
    terminal: str = ""
    """As whose readings they count; empty = the file's name."""
    host: str = ""
    port: int = 502
    path: str = ""
    """The serial port, such as /dev/ttyUSB0."""
    baud: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    timeout_s: float = 1.0
    """How long an answer may take to begin."""
    gap_ms: float = 0.0
    """Silence kept between requests; serial lines have at least 3.5 characters."""
    device: tuple[DeviceEntry, ...] = ()

    @property
    def link(self) -> tuple[object, ...]:
        """What the connection itself depends on: while it is the same, the line stays open."""
        return (self.kind, self.host, self.port, self.path, self.baud, self.parity, self.stop_bits)

    @property
    def framed_by_silence(self) -> bool:
        """RTU framing: answers carry no number that ties them to their request."""
        return self.kind != "tcp"

    def answer_s(self, registers: int) -> float:
        """How long to wait for the whole answer with so many registers."""
        if self.kind != "serial":
            return self.timeout_s
        return self.timeout_s + (2 * registers + 13) * 11 / self.baud

    def pause_s(self) -> float:
        """Silence between two requests."""
        least = 3.5 * 11 / self.baud if self.kind == "serial" else 0.0
        return max(least, self.gap_ms / 1000)


def parse_connection(name: str, content: str) -> ConnectionFile:
    """The text of a connection file; SiteFileRefused names field, expectation and finding.

    Raises OtherDoor for a file that is not about Modbus.
    """
    if kind_of(content) in OTHER_KINDS:
        raise OtherDoor
    found = read_toml(content, ConnectionFile)
    terminal = found.terminal or name
    if not TERMINAL_PATTERN.fullmatch(terminal):
        raise SiteFileRefused(f"terminal: expected 1 to 32 of A–Z a–z 0–9 _ -, found {terminal!r}")
    _check_link(found)
    if len(found.device) > MAX_DEVICES:
        raise SiteFileRefused(f"device: expected at most {MAX_DEVICES}, found {len(found.device)}")
    for at, device in enumerate(found.device):
        _check_device(f"device[{at}]", device, found.kind)
    ids = [device.id for device in found.device]
    for device_id in ids:
        if ids.count(device_id) > 1:
            raise SiteFileRefused(f"device: id {device_id!r} occurs {ids.count(device_id)} times")
    return msgspec.structs.replace(found, terminal=terminal)


def _check_link(found: ConnectionFile) -> None:
    if found.kind == "serial":
        if not found.path:
            raise SiteFileRefused("path: expected the serial port, such as /dev/ttyUSB0")
    elif not found.host:
        raise SiteFileRefused("host: expected an address or a name")
    _within("port", found.port, 1, 65_535)
    _within("baud", found.baud, 300, 4_000_000)
    _within("timeout_s", found.timeout_s, 0.02, 30)
    _within("gap_ms", found.gap_ms, 0, 10_000)


def _check_device(field: str, device: DeviceEntry, kind: str) -> None:
    if not _DEVICE.fullmatch(device.id):
        raise SiteFileRefused(f"{field}.id: expected 1 to 64 printable characters, found {device.id[:80]!r}")
    # Unit 0 is everybody on a serial line, and nobody answers; behind TCP it is often the device itself.
    least, most = (0, 255) if kind == "tcp" else (1, 247)
    _within(f"{field}.unit", device.unit, least, most)
    _within(f"{field}.every_s", device.every_s, 0.1, 86_400)
    for name, ratio in (("ct", device.ct), ("pt", device.pt)):
        if ratio is not None and not (ratio.is_finite() and 0 < ratio <= _LARGEST_RATIO):
            raise SiteFileRefused(f"{field}.{name}: expected more than 0 to {_LARGEST_RATIO}, found {ratio}")


def _within(field: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SiteFileRefused(f"{field}: expected {least} to {most}, found {value}")

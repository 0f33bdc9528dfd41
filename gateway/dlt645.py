"""Meters of DL/T 645-2007 behind a DTU: connection files, and when which meter is asked what. Pure.

A line is a serial bus behind a transparent TCP converter (DTU). ``dlt645_tcp``: we connect to it;
``dlt645_listen``: DTUs dial in and name themselves by their registration packet, or by which meters answer.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from gateway.backpressure import Pressure
from gateway.codecs.dlt645_items import BLOCKS, POWER_DOWNS, READS, USUAL_READS
from gateway.contract.topics import TERMINAL_PATTERN
from gateway.site_toml import SiteFileRefused, read_toml

DIAL: Final = "dlt645_tcp"
LISTEN: Final = "dlt645_listen"
MAX_LINES: Final = 500
"""Each line has a thread of its own."""
MAX_METERS: Final = 1_024
_ADDRESS: Final = re.compile(r"[0-9]{12}")
BACKOFF_S: Final = (10.0, 300.0)
"""A meter that did not answer is tried again after the first; doubling, at most the second."""
SILENT_AFTER: Final = 2
"""Polls without any answer after which the meter is reported silent."""
ASK_AGAIN_S: Final = 86_400.0
"""What a meter refused is not asked of it for so long."""
SLOWER: Final = 4
RECORDS: Final = 10
"""A meter keeps so many loss records."""
FIRST_CONTACT_MS: Final = 72 * 3_600_000
"""Losses that lie further back when a meter is first met are history, not news."""


class Meter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter of a line; 0 and empty mean what the line says."""

    address: str
    interval_s: float = 0
    reads: tuple[str, ...] = ()
    enabled: bool = True


class _Dial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["dlt645_tcp"]
    host: str
    port: int
    meters: tuple[Meter, ...]
    line: str = ""
    enabled: bool = True
    interval_s: float = 900
    timeout_s: float = 2
    gap_s: float = 0.05
    tries: int = 2
    reads: tuple[str, ...] = USUAL_READS


class _DialledIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: str
    meters: tuple[Meter, ...]
    registration: str = ""
    enabled: bool = True
    interval_s: float = 900
    timeout_s: float = 5
    gap_s: float = 0.05
    tries: int = 2
    reads: tuple[str, ...] = USUAL_READS


class _Listen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["dlt645_listen"]
    lines: tuple[_DialledIn, ...]
    port: int
    host: str = "127.0.0.1"
    enabled: bool = True
    max_connections: int = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One bus of meters, whoever connects to whom."""

    name: str
    meters: tuple[Meter, ...]
    interval_s: float
    timeout_s: float
    gap_s: float
    tries: int
    reads: tuple[str, ...]
    host: str = ""
    port: int = 0
    registration: bytes = b""


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that DTUs dial; its lines wait for one each."""

    host: str
    port: int
    max_connections: int
    lines: tuple[Line, ...]


Connection = Line | Listener | None
"""None: a file of another door, or one that is switched off."""


def read_connection(name: str, text: str) -> Connection:
    """A file of ``connections/``; raises SiteFileRefused with the field and what was expected."""
    try:
        kind = tomllib.loads(text).get("kind")
    except tomllib.TOMLDecodeError as problem:
        raise SiteFileRefused(f"not TOML: {problem}") from problem
    if kind == DIAL:
        return _dial(name, read_toml(text, _Dial))
    if kind == LISTEN:
        return _listen(read_toml(text, _Listen))
    return None


def _dial(name: str, file: _Dial) -> Line | None:
    line = _line(file, file.line or name, host=file.host, port=_port(file.port, least=1))
    return line if file.enabled else None


def _listen(file: _Listen) -> Listener | None:
    _expect(0 < len(file.lines) <= MAX_LINES, "lines", f"1 to {MAX_LINES}", len(file.lines))
    _expect(0 < file.max_connections <= 2_000, "max_connections", "1 to 2000", file.max_connections)
    names = [line.line for line in file.lines]
    _expect(len(set(names)) == len(names), "lines", "each line once", names)
    lines = tuple(
        _line(line, line.line, registration=_registration(line.registration))
        for line in file.lines
        if line.enabled
    )
    listener = Listener(file.host, _port(file.port, least=0), file.max_connections, lines)
    return listener if file.enabled else None


def _line(
    file: _Dial | _DialledIn, name: str, host: str = "", port: int = 0, registration: bytes = b""
) -> Line:
    _expect(bool(TERMINAL_PATTERN.fullmatch(name)), "line", "1 to 32 of A–Z a–z 0–9 _ -", name)
    _expect(0.05 <= file.timeout_s <= 60, "timeout_s", "0.05 to 60", file.timeout_s)
    _expect(0 <= file.gap_s <= 10, "gap_s", "0 to 10", file.gap_s)
    _expect(1 <= file.tries <= 5, "tries", "1 to 5", file.tries)
    _expect(1 <= file.interval_s <= 86_400, "interval_s", "1 to 86400", file.interval_s)
    _expect(0 < len(file.meters) <= MAX_METERS, "meters", f"1 to {MAX_METERS}", len(file.meters))
    _reads("reads", file.reads)
    for place, meter in enumerate(file.meters):
        where = f"meters[{place}]"
        _expect(bool(_ADDRESS.fullmatch(meter.address)), f"{where}.address", "12 digits", meter.address)
        _expect(0 <= meter.interval_s <= 86_400, f"{where}.interval_s", "0 to 86400", meter.interval_s)
        _reads(f"{where}.reads", meter.reads)
    addresses = [meter.address for meter in file.meters]
    _expect(len(set(addresses)) == len(addresses), "meters", "each address once", len(addresses))
    return Line(
        name,
        tuple(meter for meter in file.meters if meter.enabled),
        file.interval_s,
        file.timeout_s,
        file.gap_s,
        file.tries,
        file.reads,
        host,
        port,
        registration,
    )


def _reads(where: str, reads: Iterable[str]) -> None:
    for name in reads:
        _expect(name in READS, where, f"some of {', '.join(READS)}", name)


def _port(port: int, least: int) -> int:
    _expect(least <= port <= 65_535, "port", f"{least} to 65535", port)
    return port


def _registration(text: str) -> bytes:
    """What a DTU says first: text as it is, or ``hex:…``."""
    if not text.startswith("hex:"):
        return text.encode()
    try:
        return bytes.fromhex(text[4:])
    except ValueError:
        raise SiteFileRefused(
            f"registration: expected hex: and pairs of digits, found {text[:40]!r}"
        ) from None


def _expect(holds: bool, field_: str, expected: str, found: object) -> None:
    if not holds:
        raise SiteFileRefused(f"{field_}: expected {expected}, found {str(found)[:80]!r}")


@dataclass(slots=True)
class MeterState:
    """What a line remembers of a meter; times are of the monotonic clock."""

    due_s: float
    failures: int = 0
    """Polls in a row without any answer."""
    refused_until_s: dict[int, float] = field(default_factory=dict)
    losses: int | None = None
    """The meter's count of supply losses as last seen and spooled; None before first contact."""


def plan(meter: Meter, line: Line, state: MeterState, now_s: float) -> list[int]:
    """Data identifiers to ask in this poll; refused blocks as their members, never nothing."""
    wanted = [identifier for name in meter.reads or line.reads for identifier in READS[name]]
    asked: list[int] = []
    for identifier in wanted or [POWER_DOWNS]:
        if state.refused_until_s.get(identifier, 0) > now_s:
            asked.extend(
                part for part in BLOCKS.get(identifier, ()) if state.refused_until_s.get(part, 0) <= now_s
            )
        else:
            asked.append(identifier)
    return asked or [POWER_DOWNS]


def refuse(state: MeterState, identifier: int, now_s: float) -> tuple[int, ...]:
    """The meter has no such item: remember it; what to ask instead, now."""
    state.refused_until_s[identifier] = now_s + ASK_AGAIN_S
    return BLOCKS.get(identifier, ())


def answered(meter: Meter, line: Line, state: MeterState, now_s: float, pressure: Pressure) -> None:
    """Plan the next poll after one that was answered; no catching up of polls that were missed."""
    interval_s = (meter.interval_s or line.interval_s) * (SLOWER if pressure >= Pressure.SLOW else 1)
    state.failures = 0
    in_turn_s = state.due_s + interval_s
    state.due_s = in_turn_s if in_turn_s > now_s else now_s + interval_s


def failed(state: MeterState, now_s: float) -> bool:
    """Plan the next try of a meter that gave no answer; True once, when it is to be reported silent."""
    state.failures += 1
    first_s, most_s = BACKOFF_S
    state.due_s = now_s + min(most_s, first_s * 2 ** min(state.failures - 1, 10))
    return state.failures == SILENT_AFTER


def records_to_read(state: MeterState, count: int) -> int:
    """How many of the newest loss records are news; a counter that fell back was reset."""
    if state.losses is None:
        return min(count, RECORDS)
    grown = count - state.losses if count >= state.losses else count
    return min(grown, RECORDS)

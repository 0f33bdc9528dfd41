"""Files of the offline doors: events as JSON lines; planned work, interruptions and orders as CSV.

A mistake is told with file, line and field; nothing is guessed.
"""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec

from telemetry.evidence import Evidence, EvidenceKind, Volts
from telemetry.interruption_steps import Interruption
from telemetry.planned_work import PlannedWork
from telemetry.rehearsal import Report
from telemetry.reliability import InterruptionCause

MAX_LINES: Final = 5_000_000
MAX_LINE_CHARS: Final = 65_536
_FILE_SOURCE: Final = "file"


class BadFile(ValueError):
    """A line that cannot be read; the message names file, line and field."""


def read_events(file: Path) -> list[Evidence]:
    """Events of ``gridcrew scope``; raises BadFile. Two equal lines are one fact."""
    return [_event(where, line) for where, line in _lines(file)]


def read_planned(file: Path, zone: tzinfo | None = None) -> list[PlannedWork]:
    """``element,starts_at,ends_at,kind``; ``zone`` of times that name none; raises BadFile."""
    return [_planned(where, row, zone) for where, row in _rows(file, ("element", "starts_at", "ends_at"))]


def read_interruptions(file: Path, zone: tzinfo | None = None) -> list[Interruption]:
    """``started_at,restored_at,customers,cause[,interruption_id]``; raises BadFile."""
    wanted = ("started_at", "restored_at", "customers", "cause")
    return [_interruption(where, row, zone) for where, row in _rows(file, wanted)]


def read_orders(file: Path, zone: tzinfo | None = None) -> list[Report]:
    """``order,opened_at,customer``; raises BadFile."""
    return [
        Report(row["customer"], instant_ms(row["opened_at"], where, "opened_at", zone), row["order"])
        for where, row in _rows(file, ("order", "opened_at", "customer"))
    ]


def instant_ms(text: object, where: str, field: str, zone: tzinfo | None = None) -> int:
    """ISO-8601, or epoch milliseconds; a time that names no zone is one of ``zone``; raises BadFile."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    try:
        parsed = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise BadFile(
            f"{where}: {field}: expected an ISO-8601 time such as 2026-11-20T10:05:00Z, found {text!r}"
        ) from None
    if parsed.tzinfo is None:
        if zone is None:
            raise BadFile(f"{where}: {field}: the time {text!r} names no zone; add Z for UTC")
        parsed = parsed.replace(tzinfo=zone)
    return round(parsed.timestamp() * 1000)


def iso(instant: int | None) -> str | None:
    """Epoch milliseconds as ISO-8601 UTC; None stays None."""
    if instant is None:
        return None
    return (
        datetime.fromtimestamp(instant / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_text(file).splitlines(), start=1):
        if number > MAX_LINES:
            raise BadFile(f"{file}: more than {MAX_LINES} lines")
        if line.strip():
            yield f"{file}:{number}", line


def _text(file: Path) -> str:
    """UTF-8, or what spreadsheets save in China."""
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise BadFile(f"{file}: {problem.strerror or problem}") from None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadFile(f"{file}: neither UTF-8 nor GBK; save the file as UTF-8")


def _event(where: str, line: str) -> Evidence:
    if len(line) > MAX_LINE_CHARS:
        raise BadFile(f"{where}: the line is longer than {MAX_LINE_CHARS} characters")
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError as problem:
        raise BadFile(f"{where}: not a JSON object: {problem}") from None
    if not isinstance(event, dict):
        raise BadFile(f"{where}: expected a JSON object, found {line.strip()[:40]!r}")
    kind = _kind(event, where)
    at_ms = instant_ms(_present(event, "at", where), where, "at")
    name = "customer" if kind is EvidenceKind.CALL and "customer" in event else "device"
    device = _present(event, name, where)
    if not isinstance(device, str):
        raise BadFile(f"{where}: {name}: expected an id, found {device!r}")
    return Evidence(
        kind=kind,
        at_ms=at_ms,
        received_ms=at_ms,
        source=_FILE_SOURCE,
        devices=(device,),
        key=_key(kind, at_ms, device),
        volts=(_volts(event, where),) if kind is EvidenceKind.VOLTAGE else (),
    )


def _key(kind: EvidenceKind, at_ms: int, device: str) -> str:
    return hashlib.blake2b(f"{kind}|{at_ms}|{device}".encode(), digest_size=12).hexdigest()


def _kind(event: Mapping[str, Any], where: str) -> EvidenceKind:
    kind = str(_present(event, "kind", where))
    if kind not in EvidenceKind.__members__.values():
        raise BadFile(f"{where}: kind: expected one of {', '.join(EvidenceKind)}, found {kind!r}")
    return EvidenceKind(kind)


def _present(event: Mapping[str, Any], name: str, where: str) -> object:
    if event.get(name) in (None, ""):
        raise BadFile(f"{where}: {name}: missing")
    return event[name]


def _volts(event: Mapping[str, Any], where: str) -> Volts:
    volts = event.get("volts")
    numbers = isinstance(volts, list) and all(
        value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in volts
    )
    if not numbers or not volts or len(volts) != 3:
        raise BadFile(f"{where}: volts: expected three numbers or nulls, found {volts!r}")
    return (volts[0], volts[1], volts[2])


def _rows(file: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    rows = csv.DictReader(_text(file).splitlines(), strict=True)
    header = [name.strip() for name in rows.fieldnames or ()]
    missing = [name for name in wanted if name not in header]
    if missing:
        raise BadFile(f"{file}:1: column {missing[0]!r} is missing; expected {','.join(wanted)}")
    rows.fieldnames = header
    try:
        for row in rows:
            where = f"{file}:{rows.line_num}"
            if None in row or any(row[name] is None for name in wanted):
                raise BadFile(f"{where}: expected {len(header)} columns as in the header")
            yield where, {name: (value or "").strip() for name, value in row.items()}
    except csv.Error as problem:
        raise BadFile(f"{file}:{rows.line_num}: not readable as CSV: {problem}") from None


def _planned(where: str, row: Mapping[str, str], zone: tzinfo | None) -> PlannedWork:
    starts, ends = (instant_ms(row[name], where, name, zone) for name in ("starts_at", "ends_at"))
    if ends <= starts:
        raise BadFile(f"{where}: ends_at: {row['ends_at']} is not after starts_at {row['starts_at']}")
    if not row["element"]:
        raise BadFile(f"{where}: element: missing")
    return PlannedWork(row["element"], starts, ends)


def _interruption(where: str, row: Mapping[str, str], zone: tzinfo | None) -> Interruption:
    started = instant_ms(row["started_at"], where, "started_at", zone)
    restored = instant_ms(row["restored_at"], where, "restored_at", zone) if row["restored_at"] else None
    if restored is not None and restored < started:
        raise BadFile(f"{where}: restored_at: {row['restored_at']} lies before {row['started_at']}")
    if not row["customers"].isdecimal():
        raise BadFile(f"{where}: customers: expected a whole number, found {row['customers']!r}")
    cause = row["cause"].lower()
    known = cause in InterruptionCause.__members__.values()
    return Interruption(
        started_ms=started,
        restored_ms=restored,
        customers=int(row["customers"]),
        cause=InterruptionCause(cause) if known else InterruptionCause.FAULT,
        interruption_id=row.get("interruption_id", ""),
    )

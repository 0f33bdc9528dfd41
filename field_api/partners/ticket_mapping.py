"""The site's columns of a ticket list: rows in, rows back, as its data file says."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from field_api.instants import milliseconds
from field_api.partners.tickets import SentTicket, Ticket, TicketKind, Verdict
from field_api.saying import Said, Saying

MAX_ROWS: Final = 10_000
_EXAMPLE_MS: Final = 1_795_300_000_000
REQUIRED: Final = ("number", "accepted_at", "customer")
KNOWN: Final = frozenset({*REQUIRED, "text", "address", "kind"})
BACK: Final = frozenset(
    {"number", "customer", "accepted_at", "address", "verdict", "order", "outage", "arrived_at", "cause",
     "restored_at", "advice"}
)  # fmt: skip
_WORDS: Final = {
    Verdict.UNKNOWN: "户号不明", Verdict.COVERED: "已并入停电事件", Verdict.DUPLICATE: "重复报修",
    Verdict.ADVICE: "客户侧，已告知", Verdict.STALE: "待回访", Verdict.VERIFY: "已派单核实",
    Verdict.COMPLAINT: "投诉已派单",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TicketMapping:
    """``columns``: what we call it → the site's column; ``back``: the site's column → what we call it.

    ``kinds``: the site's word for a kind of ticket → ours; what it does not name reports a fault.
    """

    name: str
    files: tuple[str, ...]
    zone: ZoneInfo
    columns: Mapping[str, str]
    formats: tuple[str, ...]
    back: Mapping[str, str]
    kinds: Mapping[str, TicketKind]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    line: int
    problem: Said
    row: Mapping[str, str]


class BadRow(Saying, ValueError):
    """A row, or a whole text, that is no ticket; says what was expected."""


class NotThisMapping(Saying, ValueError):
    """The table lacks columns that the mapping needs."""


def rows_of(text: str, name: str) -> Sequence[tuple[int, Mapping[str, str]]]:
    """Line numbers and rows of JSON (a list of objects) or of a table with commas, tabs or semicolons."""
    if name.endswith(".json"):
        listed = json.loads(text)
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise BadRow("ticket.no_list")
        return [(place, _texts(row)) for place, row in enumerate(listed[: MAX_ROWS + 1], start=1)]
    head = text.split("\n", 1)[0]
    delimiter = max("\t,;，", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [(reader.line_num, _texts(row)) for row, _ in zip(reader, range(MAX_ROWS + 1), strict=False)]


def read_rows(
    rows: Sequence[tuple[int, Mapping[str, str]]], mapping: TicketMapping
) -> tuple[list[tuple[int, SentTicket]], list[RefusedRow]]:
    """Tickets by their lines, and the lines that are none; raises ``NotThisMapping`` and ``BadRow``."""
    if len(rows) > MAX_ROWS:
        raise BadRow("ticket.too_many_rows", most=MAX_ROWS)
    if rows and (
        missing := [mapping.columns[key] for key in REQUIRED if mapping.columns[key] not in rows[0][1]]
    ):
        raise NotThisMapping("ticket.columns_missing", mapping=mapping.name, columns=tuple(missing))
    good: list[tuple[int, SentTicket]] = []
    refused: list[RefusedRow] = []
    for line, row in rows:
        try:
            good.append((line, _ticket(row, mapping)))
        except BadRow as problem:
            refused.append(RefusedRow(line, problem.said, row))
    return good, refused


def read_with(
    rows: Sequence[tuple[int, Mapping[str, str]]], mappings: Iterable[TicketMapping]
) -> tuple[list[tuple[int, SentTicket]], list[RefusedRow]]:
    """By the first mapping whose columns are there; ``NotThisMapping`` where none fits."""
    problems: list[Said] = []
    for mapping in mappings:
        try:
            return read_rows(rows, mapping)
        except NotThisMapping as problem:
            problems.append(problem.said)
    if problems:
        raise NotThisMapping("ticket.no_mapping_fits", missing=tuple(problems))
    raise NotThisMapping("ticket.no_mapping")


def back_row(ticket: Ticket, mapping: TicketMapping) -> dict[str, str]:
    """One line for the other system, in its columns and its zone."""
    sent = ticket.sent
    told = {
        "number": sent.number, "customer": sent.customer_ref, "address": sent.address,
        "accepted_at": _local(sent.accepted_ms, mapping), "verdict": _WORDS[ticket.verdict],
        "order": ticket.order_id, "outage": ticket.outage_id, "cause": ticket.cause,
        "arrived_at": _local(ticket.arrived_ms, mapping), "advice": ticket.advice,
        "restored_at": _local(ticket.restored_ms, mapping),
    }  # fmt: skip
    return {column: told[ours] for column, ours in mapping.back.items()}


def _local(at_ms: int | None, mapping: TicketMapping) -> str:
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, mapping.zone).strftime(mapping.formats[0])


def _texts(row: Mapping[str, Any]) -> Mapping[str, str]:
    return {
        str(key).strip(): "" if value is None else str(value).strip() for key, value in row.items() if key
    }


def _ticket(row: Mapping[str, str], mapping: TicketMapping) -> SentTicket:
    told = {ours: row.get(column, "") for ours, column in mapping.columns.items()}
    if not 0 < len(told["number"]) <= 64 or not told["number"].isprintable():
        raise BadRow("ticket.no_number", column=mapping.columns["number"], found=told["number"][:70])
    return SentTicket(
        told["number"], _instant(told["accepted_at"], mapping), told["customer"][:128],
        told.get("text", "")[:2000], told.get("address", "")[:500],
        mapping.kinds.get(told.get("kind", ""), TicketKind.FAULT),
    )  # fmt: skip


def _instant(told: str, mapping: TicketMapping) -> int:
    for parsed in _parsed(told, mapping.formats):
        return milliseconds(parsed if parsed.tzinfo else parsed.replace(tzinfo=mapping.zone))
    column = mapping.columns["accepted_at"]
    example = _local(_EXAMPLE_MS, mapping)
    raise BadRow("ticket.no_time", column=column, found=told[:70], example=example)


def _parsed(told: str, formats: Sequence[str]) -> Iterator[datetime]:
    for form in (*formats, "iso"):
        try:
            yield datetime.fromisoformat(told) if form == "iso" else datetime.strptime(told, form)  # noqa: DTZ007 (the zone follows)
        except ValueError:
            continue

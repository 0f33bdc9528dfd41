"""The chain of the audit record: every row carries the hash of the one before, so that none can be altered,
deleted or slipped in unseen; an exported head tells also whether the end was cut off (fault 32)."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

START: Final = "0" * 64
"""What the first row carries as its predecessor's hash."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did or was refused."""

    action: str
    """``login``, ``reveal``, ``user.change``, or the name of an operation of the API."""
    subject: str
    """What it was done to: an id, never personal data."""
    actor_id: str
    """User id; ``-`` for somebody unknown, ``console`` for the command line."""
    actor_name: str
    address: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    sequence: int
    """1, 2, 3, … without a gap."""
    at_ms: int
    act: Act
    before: str
    """Hash of the row before."""
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row, told to somebody outside: what came before can no longer be changed unseen."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Breach:
    """Where the record is not what was written."""

    sequence: int
    kind: Literal["missing", "unlinked", "altered", "other_head", "cut_off"]
    """Rows are missing; one does not follow the row before, was altered, is not the one of an exported head;
    the end was cut off."""
    until: int
    """The last row that is concerned."""

    @property
    def problem(self) -> str:
        """In English, for the console."""
        first, last = self.sequence, self.until
        missing = f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"
        return {
            "missing": missing,
            "unlinked": f"row {first} does not follow the row before it",
            "altered": f"row {first} was altered",
            "other_head": f"row {first} is not the one of the exported head",
            "cut_off": f"the end was cut off: {missing}",
        }[self.kind]


def link(sequence: int, at_ms: int, act: Act, before: str) -> AuditRow:
    """The row with its hash over all that it says and the row before."""
    return AuditRow(sequence, at_ms, act, before, _hash(sequence, at_ms, act, before))


def breaches(
    rows: Iterable[AuditRow], heads: Iterable[Head] = (), limit: int = 100, after: Head = Head(0, START)
) -> tuple[Breach, ...]:
    """What is wrong with the whole record, in order, at most ``limit``; empty: it is as it was written.

    ``heads`` were exported earlier: a record that no longer reaches one, or says otherwise there, was cut or
    rewritten. ``after``: the row before the first of ``rows``, where that is not the record's first.
    """
    wanted = {head.sequence: head.hash for head in heads}
    found: list[Breach] = []
    expected, before = after.sequence + 1, after.hash
    for row in rows:
        if row.sequence != expected:
            found.append(Breach(expected, "missing", row.sequence - 1))
        elif row.before != before:
            found.append(Breach(row.sequence, "unlinked", row.sequence))
        if row.hash != _hash(row.sequence, row.at_ms, row.act, row.before):
            found.append(Breach(row.sequence, "altered", row.sequence))
        elif wanted.get(row.sequence, row.hash) != row.hash:
            found.append(Breach(row.sequence, "other_head", row.sequence))
        expected, before = row.sequence + 1, row.hash
        if len(found) >= limit:
            return tuple(found[:limit])
    cut = max(wanted, default=0)
    if cut >= expected:
        found.append(Breach(expected, "cut_off", cut))
    return tuple(found)


def _hash(sequence: int, at_ms: int, act: Act, before: str) -> str:
    told = [
        sequence, at_ms, act.action, act.subject, act.actor_id, act.actor_name, act.address,
        dict(sorted(act.details.items())), before,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()

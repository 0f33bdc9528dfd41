"""What others changed of an order since somebody looked at it, field by field, and whether it stands in the way.

The history tells how the order stood at the revision that the person saw; a step made offline on top of it
is compared with that. Where what changed meanwhile is neither the state, nor the crew, nor anything that
the step itself sets to another value, both can stand: nobody needs to be asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from field_api.transfers import TRANSFER
from field_api.work import HistoryEntry, WorkType, state_of

STATE: Final = "state"
CREW: Final = "crew_id"
DECISIVE: Final = frozenset({STATE, CREW})
"""Whoever saw another one of these decided on something that is no longer so."""


@dataclass(frozen=True, slots=True)
class FieldConflict:
    field: str
    had: Any
    """As the person saw it."""
    wanted: Any
    """As their step would have it; None: it says nothing of it."""
    current: Any
    by: str
    """Who changed it last."""
    by_name: str
    at_ms: int
    step: str


def conflicts(
    work_type: WorkType,
    first_crew: str,
    history: Sequence[HistoryEntry],
    seen_revision: int,
    step: str,
    details: Mapping[str, Any],
) -> tuple[FieldConflict, ...]:
    """Every field that differs between the revision that was seen and now, by name.

    A revision that never was counts as the newest that is not above it.
    """
    seen = [entry for entry in history if entry.revision <= seen_revision] or list(history[:1])
    had, now = (_fields(work_type, first_crew, entries) for entries in (seen, history))
    wanted = _wanted(work_type, step, details)
    later = history[len(seen) :]
    return tuple(
        _conflict(name, had.get(name), wanted.get(name), now.get(name), later)
        for name in sorted({*had, *now})
        if had.get(name) != now.get(name)
    )


def stands_in_the_way(found: FieldConflict) -> bool:
    """Must the person decide anew?"""
    return found.field in DECISIVE or (found.wanted is not None and found.wanted != found.current)


def _fields(work_type: WorkType, first_crew: str, history: Sequence[HistoryEntry]) -> dict[str, Any]:
    """The order as its history has it."""
    fields: dict[str, Any] = {CREW: first_crew}
    for entry in history:
        fields.update(_set_by(entry.step, entry.details))
    fields[STATE] = state_of(work_type, history)
    return fields


def _wanted(work_type: WorkType, step: str, details: Mapping[str, Any]) -> dict[str, Any]:
    rule = work_type.rule(step)
    target = {STATE: rule.target} if rule and rule.target else {}
    return target | _set_by(step, details)


def _set_by(step: str, details: Mapping[str, Any]) -> dict[str, Any]:
    fields = {f"answers.{name}": value for name, value in details.get("answers", {}).items()}
    fields |= {name: details[name] for name in ("estimate_ms", "appointment") if name in details}
    return fields | ({CREW: details["to_crew"]} if step == TRANSFER and "to_crew" in details else {})


def _conflict(
    name: str, had: object, wanted: object, current: object, later: Sequence[HistoryEntry]
) -> FieldConflict:
    """Told with the newest entry that can have set the field: of the state, the newest step."""
    setters = [entry for entry in later if name in _set_by(entry.step, entry.details)] or list(later)
    last = setters[-1]
    return FieldConflict(name, had, wanted, current, last.by, last.by_name, last.at_ms, last.step)

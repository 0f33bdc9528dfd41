"""What others changed of an order since somebody looked at it, field by field, and if it is in the way.

The history tells how the order stood at the revision that the person saw; a step made offline on top of it
is compared with that. Where what changed meanwhile is neither the state, nor the crew, nor anything that
the step itself sets to another value, both can stand: nobody needs to be asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from field_api.orders.transfers import TRANSFER
from field_api.orders.work import HistoryEntry, WorkType

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
    taken: HistoryEntry,
) -> tuple[FieldConflict, ...]:
    """Every field that others changed since the revision that the person saw, by name.

    ``taken`` is the step as it would stand in the history. What the person did themselves in between is no
    conflict: whoever works offline goes on from their own steps.
    """
    had = _fields(work_type, first_crew, [one for one in history if one.revision <= seen_revision])
    now = _fields(work_type, first_crew, history)
    wanted = _set_by(work_type, taken)
    return tuple(
        FieldConflict(
            name, had[name][0] if name in had else None, wanted.get(name), value,
            last.by, last.by_name, last.at_ms, last.step,
        )
        for name, (value, last) in sorted(now.items())
        if last is not None and last.revision > seen_revision and last.by != taken.by
        and (name not in had or had[name][0] != value)
    )  # fmt: skip


def stands_in_the_way(found: FieldConflict) -> bool:
    """Must the person decide anew?"""
    return found.field in DECISIVE or (found.wanted is not None and found.wanted != found.current)


def _fields(
    work_type: WorkType, first_crew: str, history: Sequence[HistoryEntry]
) -> dict[str, tuple[Any, HistoryEntry | None]]:
    """The order as its history has it: each field's value, and the entry that set it last."""
    fields: dict[str, tuple[Any, HistoryEntry | None]] = {CREW: (first_crew, None)}
    for entry in history:
        fields |= {name: (value, entry) for name, value in _set_by(work_type, entry).items()}
    return fields


def _set_by(work_type: WorkType, entry: HistoryEntry) -> dict[str, Any]:
    rule, details = work_type.rule(entry.step), entry.details
    fields = {f"answers.{name}": value for name, value in details.get("answers", {}).items()}
    fields |= {name: details[name] for name in ("estimate_ms", "appointment") if name in details}
    if rule is not None and rule.target:
        fields[STATE] = rule.target
    if entry.step == TRANSFER and "to_crew" in details:
        fields[CREW] = details["to_crew"]
    return fields

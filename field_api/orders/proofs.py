"""What a step must prove before it is taken: answers, pictures, an appointment, a second pair of eyes.

A work type names proofs in its steps' ``needs``; each is a pure question about the order's history and what
the step brings. Whether supply has returned and whether every crew is clear is known to the use case only.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from field_api.orders.form_answers import field_named, wrong_by
from field_api.orders.work import HistoryEntry, StepRule, WorkType
from field_api.saying import Said


@dataclass(frozen=True, slots=True)
class Taken:
    """A step about to be taken."""

    by: str
    note: str
    details: Mapping[str, Any]
    finding_element: str
    device_ms: int | None
    photos: int
    """How many pictures the order has."""


def _note(taken: Taken, history: Sequence[HistoryEntry]) -> bool:  # noqa: ARG001
    return bool(taken.note.strip())


def _finding(taken: Taken, history: Sequence[HistoryEntry]) -> bool:  # noqa: ARG001
    return bool(taken.finding_element)


def _position(taken: Taken, history: Sequence[HistoryEntry]) -> bool:  # noqa: ARG001
    return "position" in taken.details


def _appointment(taken: Taken, history: Sequence[HistoryEntry]) -> bool:
    return any("appointment" in details for details in (taken.details, *(e.details for e in history)))


def _estimate(taken: Taken, history: Sequence[HistoryEntry]) -> bool:  # noqa: ARG001
    return "estimate_ms" in taken.details


def _to_crew(taken: Taken, history: Sequence[HistoryEntry]) -> bool:  # noqa: ARG001
    return bool(taken.details.get("to_crew"))


def _other_person(taken: Taken, history: Sequence[HistoryEntry]) -> bool:
    """Whoever judges the work did not do it (CUS-02: no self-rating)."""
    return all(entry.by != taken.by for entry in history[1:])


def _unearthed(taken: Taken, history: Sequence[HistoryEntry]) -> bool:
    """Were as many earthing sets taken off as put on since the last clearance? One left is a fault."""
    since = 1 + max((at for at, e in enumerate(history) if e.step == "report_clear"), default=-1)
    placed = answers(history[since:]).get("earthing_placed", 0)
    removed = taken.details.get("answers", {}).get("earthing_removed")
    return not placed or (isinstance(removed, int) and removed >= int(placed))


def _known_elsewhere(taken: Taken, history: Sequence[HistoryEntry]) -> bool:  # noqa: ARG001
    return True


NOTHING: Final[Mapping[str, Any]] = {}
Proof = Callable[[Taken, Sequence[HistoryEntry]], bool]

PROOFS: Final[Mapping[str, Proof]] = {
    "note": _note,
    "finding": _finding,
    "position": _position,
    "appointment": _appointment,
    "estimate": _estimate,
    "to_crew": _to_crew,
    "other_person": _other_person,
    "unearthed": _unearthed,
    "supply_returned": _known_elsewhere,
    "all_clear": _known_elsewhere,
}
"""Name → question; what is wanted is told by ``proof.NAME``. The last two are answered by the use case."""


def unproven(
    work_type: WorkType, rule: StepRule, history: Sequence[HistoryEntry], taken: Taken
) -> tuple[Said, ...]:
    """What is still missing for the step; () where it may be taken."""
    missing = [Said(f"proof.{need}") for need in sorted(rule.needs) if not PROOFS[need](taken, history)]
    given = answers(history) | dict(taken.details.get("answers", {}))
    missing += [
        Said("form.unanswered", {"field": field_named(work_type.form, name)})
        for name in rule.fields
        if given.get(name) in (None, "")
    ]
    if taken.photos < rule.photos:
        missing.append(Said("proof.photos", {"wanted": rule.photos, "has": taken.photos}))
    begins_ms, ends_ms = taken.details.get("appointment", (0, 1))
    if ends_ms <= begins_ms:
        missing.append(Said("proof.appointment_window"))
    missing += wrong_answers(work_type, taken.details.get("answers", {}))
    if rule.target in work_type.closed_states:
        missing += unmet_conditions(work_type, given)
    return tuple(missing)


def photos_of(history: Sequence[HistoryEntry], details: Mapping[str, Any], announced: Collection[str]) -> int:
    """How many pictures the order has, with those of this step; a name alone, never announced, is none."""
    return len(photos_named(history, details).intersection(announced))


def photos_named(history: Sequence[HistoryEntry], details: Mapping[str, Any] = NOTHING) -> frozenset[str]:
    """Ids of the pictures that the steps speak of."""
    named = [details.get("photos", ()), *(entry.details.get("photos", ()) for entry in history)]
    return frozenset(identifier for identifiers in named for identifier in identifiers)


def answers(history: Sequence[HistoryEntry]) -> dict[str, Any]:
    """The form as it stands: of each field the last answer."""
    given: dict[str, Any] = {}
    for entry in history:
        given.update(entry.details.get("answers", {}))
    return given


def wrong_answers(work_type: WorkType, given: Mapping[str, Any]) -> tuple[Said, ...]:
    """What the form's schema says against these answers; which are required is the steps' matter."""
    fields = work_type.form.get("properties", {})
    schema = {"type": "object", "properties": fields, "additionalProperties": False}
    return wrong_by(schema, given)


def unmet_conditions(work_type: WorkType, given: Mapping[str, Any]) -> tuple[Said, ...]:
    """What the form's conditions (``allOf`` with ``if`` and ``then``) ask for besides, at the end."""
    conditions = {"type": "object", "allOf": work_type.form.get("allOf", [])}
    return wrong_by(conditions, given, names=work_type.form)

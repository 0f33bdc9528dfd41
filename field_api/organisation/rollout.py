"""Introducing village liaisons step by step: proposed, approved by the county, piloted, reviewed, then wide.

It is not made wide before a pilot in two or three villages was reviewed and found good (ORG-19).
A plan's state is the fold of its append-only steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.saying import Saying, Term

PILOT_VILLAGES: Final = (2, 3)
"""Fewest and most villages of a pilot."""


class PlanStep(StrEnum):
    PROPOSE = "propose"
    APPROVE = "approve"
    START_PILOT = "start_pilot"
    PASS_REVIEW = "pass_review"  # noqa: S105 (a verdict, not a secret)
    FAIL_REVIEW = "fail_review"
    WIDEN = "widen"
    WITHDRAW = "withdraw"


class PlanState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    PILOT = "pilot"
    REVIEWED = "reviewed"
    WIDE = "wide"
    WITHDRAWN = "withdrawn"


_LEADS: Final[Mapping[tuple[PlanState, PlanStep], PlanState]] = {
    (PlanState.PROPOSED, PlanStep.APPROVE): PlanState.APPROVED,
    (PlanState.APPROVED, PlanStep.START_PILOT): PlanState.PILOT,
    (PlanState.PILOT, PlanStep.PASS_REVIEW): PlanState.REVIEWED,
    (PlanState.PILOT, PlanStep.FAIL_REVIEW): PlanState.APPROVED,
    (PlanState.REVIEWED, PlanStep.WIDEN): PlanState.WIDE,
    **{
        (state, PlanStep.WITHDRAW): PlanState.WITHDRAWN
        for state in PlanState
        if state not in {PlanState.WIDE, PlanState.WITHDRAWN}
    },
}


class IllegalPlanStep(Saying, ValueError):
    """The plan does not allow that step now; it says what it allows."""


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """One step of a plan. Never changed, never removed."""

    plan_id: str
    sequence: int
    step: PlanStep
    at_ms: int
    by: str
    by_name: str
    note: str = ""
    """Why; a review's finding."""
    village_ids: tuple[str, ...] = ()
    """Of the pilot, or of the wide roll-out."""
    county: str = ""
    """Whose county company it is for; said when it is proposed."""


def state_of(entries: Sequence[PlanEntry]) -> PlanState:
    """Where the steps lead; raises ``IllegalPlanStep`` where they break the rules."""
    state: PlanState | None = None
    for entry in entries:
        state = stepped(state, entry)
    if state is None:
        raise IllegalPlanStep("rollout.begins_with_proposal")
    return state


def stepped(state: PlanState | None, entry: PlanEntry) -> PlanState:
    """The state after the step. Raises ``IllegalPlanStep``."""
    if state is None:
        if entry.step is not PlanStep.PROPOSE or not entry.county:
            raise IllegalPlanStep("rollout.begins_with_proposal")
        return PlanState.PROPOSED
    after = _LEADS.get((state, entry.step))
    if after is None:
        raise IllegalPlanStep(
            "rollout.step_not_now",
            step=Term("plan_step", entry.step.value),
            state=Term("plan_state", state.value),
            possible=_named(possible(state)),
        )
    if entry.step is PlanStep.START_PILOT:
        _check_pilot(entry.village_ids)
    if entry.step in {PlanStep.PASS_REVIEW, PlanStep.FAIL_REVIEW} and not entry.note.strip():
        raise IllegalPlanStep("rollout.empty_review")
    return after


def possible(state: PlanState) -> tuple[PlanStep, ...]:
    """What may be done next."""
    return tuple(step for at, step in _LEADS if at is state)


def _named(steps: Sequence[PlanStep]) -> tuple[Term, ...]:
    return tuple(Term("plan_step", step.value) for step in steps) or (Term("plan_step", "none"),)


def _check_pilot(village_ids: Sequence[str]) -> None:
    fewest, most = PILOT_VILLAGES
    if not fewest <= len(set(village_ids)) <= most:
        raise IllegalPlanStep("rollout.pilot_size", fewest=fewest, most=most, named=len(set(village_ids)))

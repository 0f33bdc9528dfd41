"""Orders as an append-only history whose fold is their state; what a type of work allows is data.

A work type (``work_types/*.toml``) names its steps, who may take them and from where, the facts that the
system may note without moving the order, its clocks and its notice texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from field_api.people import Role

SYSTEM = "system"
"""Who acts when the worker does."""


@dataclass(frozen=True, slots=True)
class StepRule:
    name: str
    sources: frozenset[str]
    """States from which the step is legal."""
    target: str
    roles: frozenset[Role]
    """Empty: only the system."""
    needs: frozenset[str] = frozenset()
    """Conditions that the use case must prove: ``supply_returned``, ``note``."""
    crew: str = ""
    """What the crew is doing after it: free, travelling, working; '' leaves that as it is."""


@dataclass(frozen=True, slots=True)
class ClockRule:
    """A clock runs from one history entry to another; before its start it is promised from another clock."""

    name: str
    starts: str
    stops: str
    follows: str = ""
    """The clock whose due time is this one's basis until ``starts`` has happened."""


@dataclass(frozen=True, slots=True)
class NoticeText:
    """Texts of one kind of notice by language; ``{cause} {area} {off} {on}`` are filled in."""

    kind: str
    texts: tuple[tuple[str, str], ...]

    def in_language(self, language: str) -> str:
        """The text in that language, else the first."""
        return dict(self.texts).get(language, self.texts[0][1])


@dataclass(frozen=True, slots=True)
class WorkType:
    name: str
    number_prefix: str
    opening: str
    """The step that creates an order; its target is the first state."""
    steps: tuple[StepRule, ...]
    facts: frozenset[str]
    """What the system notes in the history without a change of state."""
    closed_states: frozenset[str]
    clocks: tuple[ClockRule, ...]
    notices: tuple[NoticeText, ...]

    def rule(self, step: str) -> StepRule | None:
        """The step of that name."""
        return next((rule for rule in self.steps if rule.name == step), None)

    def notice(self, kind: str) -> NoticeText:
        """The texts of that kind; KeyError where the work type has none."""
        for text in self.notices:
            if text.kind == kind:
                return text
        raise KeyError(f"work type {self.name!r} has no notice {kind!r}")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to an order. Never changed, never removed."""

    sequence: int
    """1, 2, 3, … within the order."""
    revision: int
    """Counts only what moved the order: a fact noted by the system makes nobody's step stale."""
    step: str
    at_ms: int
    """When the server took it."""
    by: str
    by_name: str
    note: str = ""
    device_ms: int | None = None
    """When the person did it, by their device's clock."""
    finding_element: str = ""
    finding_cause: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What an order is about; its state is ``state_of`` its history."""

    id: str
    number: str
    type: str
    incident_id: str
    outage_id: str
    grid_id: str
    crew_id: str
    element: str
    element_kind: str
    element_name: str
    lon: float
    lat: float
    customers: int
    priority: str
    area: str
    created_ms: int


class IllegalStep(ValueError):
    """The work type does not allow that step now; the message says what it allows."""


def apply(work_type: WorkType, state: str | None, step: str) -> str:
    """The state after ``step``; ``state`` is None before the opening step. Raises ``IllegalStep``."""
    if step in work_type.facts and state is not None:
        return state
    rule = work_type.rule(step)
    if rule is None:
        raise IllegalStep(f"{work_type.name} has no step {step!r}")
    legal = step == work_type.opening if state is None else state in rule.sources
    if not legal:
        allowed = ", ".join(legal_steps(work_type, state)) or "none"
        raise IllegalStep(f"{step!r} is not possible in state {state!r}; possible now: {allowed}")
    return rule.target


def state_of(work_type: WorkType, history: Sequence[HistoryEntry]) -> str:
    """The state that the history leads to; raises ``IllegalStep`` where the history breaks the rules."""
    state: str | None = None
    for entry in history:
        state = apply(work_type, state, entry.step)
    if state is None:
        raise IllegalStep("an order without history has no state")
    return state


def legal_steps(work_type: WorkType, state: str | None) -> tuple[str, ...]:
    """Steps that people may take from this state, in the work type's order."""
    return tuple(rule.name for rule in work_type.steps if state in rule.sources and rule.roles)


def is_open(work_type: WorkType, state: str) -> bool:
    """Does the order still want something of somebody?"""
    return state not in work_type.closed_states

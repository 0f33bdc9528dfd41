"""Orders as an append-only history whose fold is their state; what a type of work allows is data.

A work type (``work_types/*.toml``) names its steps, who may take them and from where, what must be proved
by then, the facts that the system may note without moving the order, its form, its clocks and its texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from field_api.people.users import Role
from field_api.saying import Named, Saying, Term, named

SYSTEM = "system"
"""Who acts when the worker does."""
ANY_OPEN: Final = "*"
"""As a step's source: every state that is not closed."""


class Subject(StrEnum):
    """What an order of a work type is about; it decides where the work is and whose."""

    ELEMENT = "element"
    CUSTOMER = "customer"
    GRID = "grid"
    """A grid cell as a whole: a village's notice, a campaign, a training."""


@dataclass(frozen=True, slots=True)
class StepRule:
    name: str
    sources: frozenset[str]
    """States from which the step is legal; ``ANY_OPEN`` stands for all that are not closed."""
    target: str
    """'' leaves the order in its state."""
    roles: frozenset[Role]
    """Empty: only the system."""
    needs: frozenset[str] = frozenset()
    """Conditions that the use case must prove (``field_api.orders.proofs``)."""
    fields: tuple[str, ...] = ()
    """Fields of the form that must be answered by then."""
    photos: int = 0
    """How many pictures the order must have by then."""
    crew: str = ""
    """What the crew is doing after it: free, travelling, working; '' leaves that as it is."""
    approval_reason: str = ""
    """Why somebody must approve here; '' where the step is no approval, which is the rule (ORG-13)."""
    opens: tuple[str, ...] = ()
    """Work types of the orders that follow from it, about the same thing."""


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
    titles: tuple[tuple[str, str], ...] = ()
    """What people call it, by language."""
    subject: Subject = Subject.ELEMENT
    form: Mapping[str, Any] = field(default_factory=dict)
    """A JSON Schema of an object; each step names the fields that it needs."""
    skills: frozenset[str] = frozenset()
    """What the crew must be able to do; gates assignment (TRN-02)."""
    duration_minutes: int = 60
    """Usual time on site, for plans."""
    opened_by: frozenset[Role] = frozenset()
    """Who may open one by hand; empty: only the system."""
    priority: str = ""
    """Of its orders, whoever they are about; '' follows the customers."""
    preceded_by: Mapping[str, int] = field(default_factory=dict)
    """Work types of which an order about the same customer must be closed, and so many days ago at most."""
    needed_to_open: tuple[str, ...] = ()
    """Fields of the form without which none is opened."""
    departments: Mapping[str, str] = field(default_factory=dict)
    """State → the department with which an order lies in it (``field_api.orders.dwell``)."""
    paused_states: Mapping[str, str] = field(default_factory=dict)
    """State in which the clocks stand still → whom the wait is attributed to."""
    states: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """What people call its states: name → words by language."""
    incident_job: bool = False
    """One of the jobs of an outage's incident, and safe only when every crew below is clear."""
    comes_after: tuple[str, ...] = ()
    """Work types whose jobs of the same incident must have ended before the crew begins."""

    @property
    def named(self) -> Named:
        """As people are told of it."""
        return named(self.name, dict(self.titles))

    def named_state(self, state: str | None) -> Named:
        """One of its states; None: before there is an order."""
        return named(state or "-", dict(dict(self.states).get(state or "", ())))

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
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the step carries: ``answers`` to the form, ``to_crew``, ``estimate_ms``, ``attribution``, …"""
    behalf: str = ""
    """The crew for whom somebody of the office acted."""
    offset_ms: int | None = None
    """Server's clock minus device's when the step was sent; None where the device did not tell."""


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
    customer_id: str = ""
    """Whom it is about, where it is about one customer."""
    parent_id: str = ""
    """The order that it follows from."""
    owner_id: str = ""
    """The one person who answers for it: the cell's grid manager (ORG-03); '' where none is named yet."""
    source: str = "outage"
    """Why it exists: outage, call, 95598, hand, schedule, finding, order."""
    basis_ms: int | None = None
    """When the request was accepted elsewhere, which starts the first clock; None: when it was opened."""

    @property
    def accepted_ms(self) -> int:
        """Where the first clock starts."""
        return self.created_ms if self.basis_ms is None else self.basis_ms


class IllegalStep(Saying, ValueError):
    """The work type does not allow that step now; it says what it allows."""


def apply(work_type: WorkType, state: str | None, step: str) -> str:
    """The state after ``step``; ``state`` is None before the opening step. Raises ``IllegalStep``."""
    if step in work_type.facts and state is not None:
        return state
    rule = work_type.rule(step)
    if rule is None:
        raise IllegalStep("order.no_such_step", work_type=work_type.named, step=Term("step", step))
    legal = step == work_type.opening if state is None else _leads_from(work_type, rule, state)
    if not legal:
        raise IllegalStep(
            "order.step_not_now",
            step=Term("step", step),
            state=work_type.named_state(state),
            possible=_named(legal_steps(work_type, state)),
        )
    return rule.target or state or ""


def _named(steps: Sequence[str]) -> tuple[Term, ...]:
    return tuple(Term("step", step) for step in steps) or (Term("step", "none"),)


def _leads_from(work_type: WorkType, rule: StepRule, state: str | None) -> bool:
    if state in rule.sources:
        return True
    return ANY_OPEN in rule.sources and state is not None and is_open(work_type, state)


def state_of(work_type: WorkType, history: Sequence[HistoryEntry]) -> str:
    """The state that the history leads to; raises ``IllegalStep`` where the history breaks the rules."""
    state: str | None = None
    for entry in history:
        state = apply(work_type, state, entry.step)
    if state is None:
        raise IllegalStep("order.no_history")
    return state


def legal_steps(work_type: WorkType, state: str | None) -> tuple[str, ...]:
    """Steps that people may take from this state, in the work type's order."""
    return tuple(rule.name for rule in work_type.steps if rule.roles and _leads_from(work_type, rule, state))


def is_open(work_type: WorkType, state: str) -> bool:
    """Does the order still want something of somebody?"""
    return state not in work_type.closed_states

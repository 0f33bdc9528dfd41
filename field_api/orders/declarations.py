"""Reads what the data files declare of a work type. Parsing only; others open files."""

from collections.abc import Mapping
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, ConfigDict, Field

from field_api.orders.dwell import Department
from field_api.orders.proofs import PROOFS
from field_api.orders.work import ANY_OPEN, ClockRule, NoticeText, StepRule, Subject, WorkType
from field_api.people.users import Role
from field_api.saying import Language

Name = str


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Step(_Declared):
    name: Name
    sources: frozenset[str] = Field(alias="from")
    target: str = Field(alias="to")
    roles: frozenset[Role]
    needs: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ()
    photos: int = Field(default=0, ge=0, le=20)
    crew: Literal["", "free", "travelling", "working"] = ""
    opens: tuple[Name, ...] = ()
    approval: bool = False
    approval_reason: str = ""


class _Clock(_Declared):
    name: Name
    starts: str
    stops: str
    follows: str = ""


Words = Mapping[Language, str]


class _WorkType(_Declared):
    name: Name
    title: Words
    number_prefix: str = Field(pattern=r"^[A-Z]{1,3}$")
    subject: Subject
    opening: str
    opened_by: frozenset[Role] = frozenset()
    priority: Literal["", "normal", "vulnerable", "key"] = ""
    preceded_by: Mapping[str, int] = {}
    needed_to_open: tuple[str, ...] = ()
    closed_states: frozenset[str]
    departments: Mapping[str, Department] = {}
    paused_states: Mapping[str, str] = {}
    states: Mapping[str, Words] = {}
    facts: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    duration_minutes: int = Field(default=60, gt=0, le=10_080)
    incident_job: bool = False
    comes_after: tuple[Name, ...] = ()
    steps: tuple[_Step, ...]
    clocks: tuple[_Clock, ...]
    form: Mapping[str, Any] = {}
    notices: Mapping[str, Words] = {}


def work_type_of(declared: Mapping[str, object]) -> WorkType:
    """The work type of a composed file; raises pydantic's ValidationError or ValueError naming the field."""
    read = _WorkType.model_validate(declared)
    _check_names(read)
    _check_form(read)
    return WorkType(
        name=read.name,
        titles=tuple(read.title.items()),
        number_prefix=read.number_prefix,
        subject=read.subject,
        opening=read.opening,
        opened_by=read.opened_by,
        priority=read.priority,
        preceded_by=dict(read.preceded_by),
        needed_to_open=read.needed_to_open,
        steps=tuple(
            StepRule(
                s.name,
                s.sources,
                s.target,
                s.roles,
                s.needs,
                s.fields,
                s.photos,
                s.crew,
                s.approval_reason,
                s.opens,
            )
            for s in read.steps
        ),
        facts=read.facts,
        closed_states=read.closed_states,
        departments=dict(read.departments),
        paused_states=dict(read.paused_states),
        states=tuple((state, tuple(words.items())) for state, words in read.states.items()),
        skills=read.skills,
        duration_minutes=read.duration_minutes,
        incident_job=read.incident_job,
        comes_after=read.comes_after,
        form=dict(read.form),
        clocks=tuple(ClockRule(c.name, c.starts, c.stops, c.follows) for c in read.clocks),
        notices=tuple(NoticeText(kind, tuple(texts.items())) for kind, texts in read.notices.items()),
    )


def _check_names(read: _WorkType) -> None:
    steps = {step.name for step in read.steps}
    states = {step.target for step in read.steps} - {""}
    used_clocks = {name for clock in read.clocks for name in (clock.starts, clock.stops)}
    for place, used, known in (
        ("opening", {read.opening}, steps),
        ("closed_states", read.closed_states, states),
        ("paused_states", set(read.paused_states), states),
        ("states", states, set(read.states)),
        ("steps.from", {source for step in read.steps for source in step.sources}, states | {ANY_OPEN}),
        ("steps.needs", {need for step in read.steps for need in step.needs}, set(PROOFS)),
        ("clocks", used_clocks, steps | read.facts),
    ):
        if unknown := used - known:
            raise ValueError(f"{place}: unknown {sorted(unknown)}; known: {sorted(known)}")
    for step in read.steps:
        if step.approval is not bool(step.approval_reason):
            raise ValueError(
                f"steps.{step.name}: an approval states its reason, and nothing else does (ORG-13)"
            )


def _check_form(read: _WorkType) -> None:
    try:
        Draft202012Validator.check_schema(read.form)
    except SchemaError as problem:
        raise ValueError(f"form: {problem.message}") from None
    asked = {name for step in read.steps for name in step.fields} | set(read.needed_to_open)
    if unknown := asked - set(read.form.get("properties", {})):
        raise ValueError(f"form: has no property {sorted(unknown)}, which steps ask for")

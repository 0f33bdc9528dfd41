"""Reads what the data files declare: a work type, a company profile. Parsing only; others open files."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from field_api.clocks import Limit, Profile
from field_api.organisation import AreaKind
from field_api.people import Role
from field_api.work import ClockRule, NoticeText, StepRule, WorkType

Name = str


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Step(_Declared):
    name: Name
    sources: frozenset[str] = Field(alias="from")
    target: str = Field(alias="to")
    roles: frozenset[Role]
    needs: frozenset[Literal["supply_returned", "note"]] = frozenset()
    crew: Literal["", "free", "travelling", "working"] = ""


class _Clock(_Declared):
    name: Name
    starts: str
    stops: str
    follows: str = ""


class _WorkType(_Declared):
    name: Name
    number_prefix: str
    opening: str
    closed_states: frozenset[str]
    facts: frozenset[str]
    steps: tuple[_Step, ...]
    clocks: tuple[_Clock, ...]
    notices: Mapping[str, Mapping[Literal["zh", "en"], str]]


class _Limit(_Declared):
    clock: str
    area: AreaKind
    minutes: int = Field(gt=0)
    rule: str = Field(min_length=1)


class _Profile(_Declared):
    name: Name
    origin: str = Field(min_length=1)
    limits: tuple[_Limit, ...]


def work_type_of(declared: Mapping[str, object]) -> WorkType:
    """The work type of a parsed file; raises pydantic's ValidationError or ValueError naming the field."""
    read = _WorkType.model_validate(declared)
    steps = tuple(
        StepRule(s.name, s.sources, s.target, s.roles, frozenset(s.needs), s.crew) for s in read.steps
    )
    _check_names(read)
    return WorkType(
        name=read.name,
        number_prefix=read.number_prefix,
        opening=read.opening,
        steps=steps,
        facts=read.facts,
        closed_states=read.closed_states,
        clocks=tuple(ClockRule(c.name, c.starts, c.stops, c.follows) for c in read.clocks),
        notices=tuple(NoticeText(kind, tuple(texts.items())) for kind, texts in read.notices.items()),
    )


def profile_of(declared: Mapping[str, object]) -> Profile:
    """The company profile of a parsed file; raises pydantic's ValidationError naming the field."""
    read = _Profile.model_validate(declared)
    limits = tuple(Limit(limit.clock, limit.area.value, limit.minutes, limit.rule) for limit in read.limits)
    return Profile(read.name, read.origin, limits)


def _check_names(read: _WorkType) -> None:
    steps = {step.name for step in read.steps}
    states = {step.target for step in read.steps}
    for place, used, known in (
        ("opening", {read.opening}, steps),
        ("closed_states", read.closed_states, states),
        ("steps.from", {source for step in read.steps for source in step.sources}, states),
        (
            "clocks",
            {name for clock in read.clocks for name in (clock.starts, clock.stops)},
            steps | read.facts,
        ),
    ):
        if unknown := used - known:
            raise ValueError(f"{place}: unknown {sorted(unknown)}; known: {sorted(known)}")

"""Reads what a file of recurring work declares. Parsing only; others open files."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from field_api.service.recurring import Schedule

Month = Annotated[int, Field(ge=1, le=12)]


class _Schedule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z_]{1,39}$")
    work_type: str
    classes: frozenset[str]
    priorities: frozenset[str]
    months: frozenset[Month] = Field(min_length=1)
    working_day: int = Field(ge=1, le=23)
    answers: Mapping[str, str] = {}


def schedule_of(declared: Mapping[str, object]) -> Schedule:
    """The schedule of a parsed file; raises pydantic's ValidationError naming the field."""
    read = _Schedule.model_validate(declared)
    return Schedule(
        read.name, read.work_type, read.classes, read.priorities, read.months, read.working_day, read.answers
    )

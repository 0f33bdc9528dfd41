"""Reads what a file declares of a company's promises. Parsing only; others open files.

A profile may extend another: its own limits replace the other's of the same clock, case and area, and the
rest of the other's hold.
"""

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from field_api.deadlines.limits import ANY, AtRisk, Limit, LimitUnit, OfficeHours, Profile
from field_api.orders.central_queue import CENTRAL_FROM_KV
from field_api.organisation.cells import AreaKind

_Amount = Annotated[int, Field(gt=0, le=1_000)]
_UNITS: Final = tuple(unit.value for unit in LimitUnit)


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Limit(_Declared):
    clock: str
    area: AreaKind | Literal["any"] = "any"
    case: str = ANY
    minutes: _Amount | None = None
    hours: _Amount | None = None
    calendar_days: _Amount | None = None
    working_days: _Amount | None = None
    rule: str = Field(min_length=1)
    origin: str = ""
    effective_from: date = date.min
    unverified: bool = False

    @model_validator(mode="after")
    def _one_amount(self) -> "_Limit":
        if sum(getattr(self, unit) is not None for unit in _UNITS) != 1:
            raise ValueError(f"clock {self.clock!r}: expected exactly one of {', '.join(_UNITS)}")
        return self

    def limit(self, origin: str) -> Limit:
        unit = next(unit for unit in _UNITS if getattr(self, unit) is not None)
        return Limit(
            clock=self.clock, area=str(self.area), amount=getattr(self, unit), unit=LimitUnit(unit),
            rule=self.rule, case=self.case, origin=self.origin or origin,
            effective_from=self.effective_from, unverified=self.unverified,
        )  # fmt: skip


class _Office(_Declared):
    opens: time = time(8, 30)
    closes: time = time(17, 30)

    @model_validator(mode="after")
    def _in_order(self) -> "_Office":
        if self.opens >= self.closes:
            raise ValueError("expected an office that opens before it closes")
        return self


class _AtRisk(_Declared):
    share: float = Field(default=0.2, ge=0, le=1)
    minutes: int = Field(default=15, ge=0, le=1_440)


class _Profile(_Declared):
    name: str
    origin: str = Field(min_length=1)
    extends: str = ""
    day_ends: Literal["midnight", "office_close"] = "midnight"
    office: _Office = _Office()
    at_risk: _AtRisk = _AtRisk()
    central_from_kv: float | None = Field(default=None, gt=0, le=1_000, allow_inf_nan=False)
    limits: tuple[_Limit, ...] = ()
    beside: tuple[_Limit, ...] = ()


def profile_of(declared: Mapping[str, Any], extended: Profile | None = None) -> Profile:
    """The profile of a parsed file, over the one that it extends; raises pydantic's ValidationError."""
    read = _Profile.model_validate(declared)
    own = tuple(one.limit(read.origin) for one in read.limits)
    other = tuple(one.limit(read.origin) for one in read.beside)
    return Profile(
        name=read.name,
        origin=read.origin,
        limits=_over(own, () if extended is None else extended.limits),
        beside=_over(other, () if extended is None else extended.beside),
        office=OfficeHours(read.office.opens, read.office.closes),
        day_ends=read.day_ends,
        at_risk=AtRisk(read.at_risk.share, read.at_risk.minutes),
        central_from_kv=read.central_from_kv
        or (CENTRAL_FROM_KV if extended is None else extended.central_from_kv),
    )


def _over(own: tuple[Limit, ...], below: tuple[Limit, ...]) -> tuple[Limit, ...]:
    said = {(one.clock, one.case, one.area) for one in own}
    return own + tuple(one for one in below if (one.clock, one.case, one.area) not in said)

"""What a plan of crews' work is judged by: figures of ``dispatch.toml``, a site's own on top of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_Figure = Field(ge=0, le=1e6, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """Costs in customer-minutes."""

    importance: Mapping[str, float]
    """Priority → as how many more customers without supply an order of it counts."""
    late: Mapping[str, float]
    """Priority → cost of a minute beyond due."""
    waiting: float
    other_cell: float
    change: float
    driven: float
    overtime_minutes: float
    worthwhile: float
    """Share by which a new plan must be better than the one before."""
    storm_orders_per_crew: float
    storm_step_minutes: int
    step_minutes: int
    stable_seconds: float
    """How long a proposal must have stood before the worker carries it out."""
    work_sigma: float
    """Of the lognormal factor by which work takes longer or shorter than usual."""
    drive_sigma: float
    quantile: float
    """Share of simulated nights that are done by the expected time of restoration."""
    runs: int


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Importance(_Declared):
    key: float = _Figure
    vulnerable: float = _Figure
    normal: float = Field(default=0.0, ge=0, le=1e6)


class _Late(_Declared):
    normal: float = _Figure
    vulnerable: float = _Figure
    key: float = _Figure


class _Costs(_Declared):
    waiting: float = _Figure
    other_cell: float = _Figure
    change: float = _Figure
    driven: float = _Figure


class _Limits(_Declared):
    overtime_minutes: float = Field(ge=0, le=1440)
    worthwhile: float = Field(ge=0, le=1)


class _Storm(_Declared):
    orders_per_crew: float = Field(gt=0, le=1000)
    step_minutes: int = Field(ge=1, le=240)
    usual_step_minutes: int = Field(ge=1, le=240)


class _Automatic(_Declared):
    stable_seconds: float = Field(ge=0, le=3600)


class _Doubt(_Declared):
    work_sigma: float = Field(ge=0, le=3)
    drive_sigma: float = Field(ge=0, le=3)
    quantile: float = Field(gt=0, lt=1)
    runs: int = Field(ge=1, le=10_000)


class _File(_Declared):
    importance: _Importance
    late: _Late
    costs: _Costs
    limits: _Limits
    storm: _Storm
    automatic: _Automatic
    doubt: _Doubt


def policy_of(shipped: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> Policy:
    """The policy of a parsed file under a site's own; raises pydantic's ValidationError naming the field."""
    laid = {name: dict(table) for name, table in shipped.items()}
    for name, table in (own or {}).items():
        laid[name] = {**laid.get(name, {}), **table} if isinstance(table, Mapping) else table
    read = _File.model_validate(laid)
    return Policy(
        importance=read.importance.model_dump(), late=read.late.model_dump(),
        **read.costs.model_dump(), **read.limits.model_dump(), **read.doubt.model_dump(),
        **read.automatic.model_dump(),
        storm_orders_per_crew=read.storm.orders_per_crew, storm_step_minutes=read.storm.step_minutes,
        step_minutes=read.storm.usual_step_minutes,
    )  # fmt: skip

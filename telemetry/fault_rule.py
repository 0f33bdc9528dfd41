"""A fault rule: which measure beyond which limit for how long is a fault, as data.

A rule raises when its measure has been beyond the limit for the whole of ``for_min`` and clears when it has
been well for the whole of its own ``for_min``; the two limits differ (hysteresis), so that a value at the
limit does not flutter. What lies between them neither raises nor clears.
"""

import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
MINUTE_MS: Final = 60_000
FOLDER: Final = "telemetry.fault_rules"


class RuleRefused(ValueError):
    """A rule file that cannot be used; names the file, the field and what was expected."""


class Measure(StrEnum):
    """What a rule may look at; ``telemetry.measures`` and the daily sums have the formulas."""

    LOWEST_PHASE_V = "lowest_phase_v"
    HIGHEST_PHASE_V = "highest_phase_v"
    WEAKEST_PHASE_V = "weakest_phase_v"
    """Of a meter that has a healthy phase too."""
    VOLTAGE_UNBALANCE_PERCENT = "voltage_unbalance_percent"
    CURRENT_UNBALANCE_PERCENT = "current_unbalance_percent"
    LOAD_PERCENT = "load_percent"
    NEUTRAL_PERCENT = "neutral_percent"
    RESIDUAL_MA = "residual_ma"
    LINE_LOSS_PERCENT = "line_loss_percent"
    """Of a transformer area and a day."""
    TRIPS_A_DAY = "trips_a_day"
    """Outages of one element within 24 hours."""


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Beyond ``below`` or ``above`` (one of them), without a break of ``for_min`` minutes."""

    below: float | None = None
    above: float | None = None
    for_min: float = 0.0

    def __post_init__(self) -> None:
        if (self.below is None) == (self.above is None):
            raise ValueError("expected either below or above")
        if self.for_min < 0:
            raise ValueError("for_min is negative")

    @property
    def for_ms(self) -> int:
        return round(self.for_min * MINUTE_MS)

    def beyond(self, values: Float64) -> Bool:
        """False for NaN: nothing is known of it."""
        found: Bool = values < self.below if self.below is not None else values > (self.above or 0.0)
        return found

    def is_beyond(self, value: float) -> bool:
        return value < self.below if self.below is not None else value > (self.above or 0.0)


class Gather(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Many meters of one transformer with the same fault are one fault of the transformer's."""

    into: str
    """Id of the transformer's rule."""
    share: float
    """Of the area's meters that were heard of in the last day."""
    least: int


class FaultRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of ``fault_rules``."""

    id: str
    name_zh: str
    name_en: str
    subject: Literal["meter", "transformer", "element"]
    measure: Measure | None = None
    """None: raised only by what gathers into it."""
    raises: Limit | None = None
    clears: Limit | None = None
    gap_min: float = 40.0
    """Readings further apart than this do not prove what was between them."""
    severity: Literal["advice", "warning", "danger"]
    swallowed_by: tuple[str, ...] = ()
    """Rules whose fault at the transformer above explains this one."""
    gather: Gather | None = None
    source: str
    """Where the limits come from."""

    def __post_init__(self) -> None:
        if self.measure is None:
            if self.raises or self.clears:
                raise ValueError("measure: expected one where there are limits")
            return
        if self.raises is None or self.clears is None:
            raise ValueError("raises and clears: expected both where there is a measure")
        if not _apart(self.raises, self.clears):
            raise ValueError("clears: expected the other side of the limit that raises, or that limit itself")

    @property
    def gap_ms(self) -> int:
        return round(self.gap_min * MINUTE_MS)


def _apart(raises: Limit, clears: Limit) -> bool:
    if raises.below is not None:
        return clears.above is not None and clears.above >= raises.below
    return clears.below is not None and raises.above is not None and clears.below <= raises.above


def read_rule(text: str, where: str) -> FaultRule:
    """One rule from TOML; raises RuleRefused with ``where`` and the field."""
    try:
        return msgspec.convert(tomllib.loads(text), FaultRule)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as problem:
        raise RuleRefused(f"{where}: {problem}") from None


def rules_of(texts: Mapping[str, str]) -> tuple[FaultRule, ...]:
    """Rules by file name, ordered by id; later files replace earlier ones of the same id."""
    rules = {rule.id: rule for rule in (read_rule(text, where) for where, text in texts.items())}
    for rule in rules.values():
        _check_names(rule, rules)
    return tuple(rules[name] for name in sorted(rules))


def _check_names(rule: FaultRule, rules: Mapping[str, FaultRule]) -> None:
    named: Sequence[str] = (*rule.swallowed_by, *((rule.gather.into,) if rule.gather else ()))
    for name in named:
        if name not in rules or rules[name].subject != "transformer":
            raise RuleRefused(f"{rule.id}: expected the id of a transformer's rule, found {name!r}")


@cache
def shipped_rules() -> tuple[FaultRule, ...]:
    """The rules of ``telemetry/fault_rules``."""
    return rules_of(shipped_texts())


def shipped_texts() -> dict[str, str]:
    """Their files by name."""
    files = [file for file in resources.files(FOLDER).iterdir() if file.name.endswith(".toml")]
    return {file.name: file.read_text(encoding="utf-8") for file in files}

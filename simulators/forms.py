"""A form filled in as a crew might: plausible values that its JSON Schema takes.

They are plausible, not true: the simulated grid knows of outages alone.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator

from simulators.field import StepRule, WorkType

TRIES: Final = 8
"""At answers that ask for nothing of somebody else."""
YES: Final = 0.8
FEW: Final = 4
MANY: Final = 60
MIDDLE: Final = 0.46
"""Of 0 to 500 V that is 230 V."""


@dataclass(frozen=True, slots=True)
class SiteSheet:
    """What a crew knows when it fills in a form."""

    element: str
    day: str
    """YYYY-MM-DD."""
    answers: Mapping[str, Any]
    """Given so far."""


def filled(kind: WorkType, rule: StepRule, sheet: SiteSheet, chance: random.Random) -> dict[str, Any]:
    """Answers to what the step asks; where they can, such that the form's conditions ask for no more."""
    properties = kind.form.get("properties", {})
    conditions = Draft202012Validator({"type": "object", "allOf": kind.form.get("allOf", [])})
    answers: dict[str, Any] = {}
    for _ in range(TRIES):
        answers = {name: answer(name, properties.get(name, {}), sheet, chance) for name in rule.fields}
        if conditions.is_valid({**sheet.answers, **answers}):
            break
    return answers


def answer(name: str, schema: Mapping[str, Any], sheet: SiteSheet, chance: random.Random) -> object:
    """One value that the schema takes, as a crew might enter it."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    made: dict[str, Callable[[], object]] = {
        "boolean": lambda: chance.random() < YES,
        "integer": lambda: _integer(schema, chance),
        "number": lambda: _number(schema, chance),
        "array": lambda: [answer(name, schema.get("items", {}), sheet, chance)],
        "object": dict,
    }
    return made.get(schema.get("type", ""), lambda: _text(name, schema, sheet, chance))()


def _number(schema: Mapping[str, Any], chance: random.Random) -> float:
    low, high = schema.get("minimum", 0), schema.get("maximum", 500)
    return round(float(low + (high - low) * MIDDLE * chance.uniform(0.98, 1.02)), 1)


def _integer(schema: Mapping[str, Any], chance: random.Random) -> int:
    low, high = schema.get("minimum", 0), schema.get("maximum", MANY)
    # Few are always as many: what was put on is taken off again.
    return int(min(high, max(low, FEW))) if high - low <= MANY // 2 else int(low + chance.randint(1, MANY))


def _text(name: str, schema: Mapping[str, Any], sheet: SiteSheet, chance: random.Random) -> str:
    if pattern := schema.get("pattern"):
        return next((one for one in _entries(sheet, chance) if re.search(pattern, one)), "")
    if schema.get("format") == "date":
        return sheet.day
    known = [value for field, value in sheet.answers.items() if _first_word(field) == _first_word(name)]
    if known and isinstance(known[-1], str) and "_" in name:
        return known[-1]
    said = str(schema.get("title", name)).partition(" · ")[0]
    return f"{said}：{sheet.element}，已按规程办理"[: schema.get("maxLength", 60)]


def _entries(sheet: SiteSheet, chance: random.Random) -> tuple[str, ...]:
    """A number on a plate, a meter's reading, a day, a month."""
    plate, reading = chance.randrange(10**11, 10**12), chance.uniform(100, 9999)
    return str(plate), f"{reading:.2f}", sheet.day, sheet.day[:7]


def _first_word(name: str) -> str:
    return name.partition("_")[0]

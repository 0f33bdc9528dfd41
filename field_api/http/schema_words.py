"""What pydantic says against a request, in our codes: its own texts are English and speak of Python."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails

from field_api.saying import Fact, Said, Saying

_LIMIT: Final[Mapping[str, str]] = {
    "greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le",
    "string_too_short": "min_length", "string_too_long": "max_length",
    "too_short": "min_length", "too_long": "max_length",
}  # fmt: skip
"""Kind of error → where pydantic keeps the limit; the kind is our code too."""
_CHOICE: Final = frozenset({"literal_error", "enum"})
_SAME: Final[Mapping[str, str]] = {
    "missing": "missing", "extra_forbidden": "unknown_field", "string_pattern_mismatch": "pattern",
    "timezone_aware": "no_zone", "finite_number": "not_finite", "string_type": "no_text",
    "string_unicode": "no_text", "string_sub_type": "no_text",
}  # fmt: skip
_FAMILY: Final = (
    ("bool", "no_bool"), ("int", "no_whole_number"), ("float", "no_number"), ("decimal", "no_number"),
    ("datetime", "no_instant"), ("date", "no_day"), ("time", "no_time_of_day"),
    ("dict", "no_object"), ("mapping", "no_object"), ("model", "no_object"), ("union", "no_object"),
    ("tuple", "no_list"), ("list", "no_list"), ("set", "no_list"), ("frozen_set", "no_list"),
    ("iterable", "no_list"),
)  # fmt: skip
"""How a kind of error begins → what was expected instead; ``datetime`` stands before ``date``."""


def said_of(error: ErrorDetails) -> Said:
    """One error of a request's schema."""
    kind, context = error["type"], error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Saying):
        return cause.said
    if kind in _LIMIT:
        return Said(f"input.{kind}", {"limit": _number(context[_LIMIT[kind]])})
    if kind in _CHOICE:
        return Said("input.not_listed", {"expected": _choices(context)})
    if kind in _SAME:
        return Said(f"input.{_SAME[kind]}")
    family = next((code for begins, code in _FAMILY if kind.startswith(begins)), "not_fitting")
    return Said(f"input.{family}")


def _number(limit: Any) -> Fact:  # noqa: ANN401 (a number of whatever kind, or an instant)
    return limit if isinstance(limit, int | float) else str(limit)


def _choices(context: Mapping[str, Any]) -> str:
    """pydantic lists them as ``'a', 'b' or 'c'``."""
    return str(context["expected"]).replace("'", "").replace(" or ", ", ")

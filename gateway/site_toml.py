"""A site's TOML file → values, or a refusal that names the field and what was expected there. Pure.

Numbers with a fraction stay decimal (``scale = 0.1`` is exactly a tenth); unknown fields are refused, so that
a misspelt one is not silently without effect.
"""

import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, TypeVar

import msgspec
from msgspec.inspect import StructType, type_info

MAX_SITE_FILE_BYTES: Final = 1_048_576

T = TypeVar("T")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]+)`")


class SiteFileRefused(ValueError):
    """The file cannot be used; the text names the field, what was expected and what was found."""


class OtherDoor(Exception):
    """The file is not for whoever reads it: another door takes it, so it is neither in force nor refused."""


def kind_of(text: str) -> str:
    """The file's ``kind``; empty where it has none or is no TOML."""
    try:
        return str(tomllib.loads(text).get("kind", ""))
    except tomllib.TOMLDecodeError:
        return ""


def read_toml(text: str, kind: type[T]) -> T:
    """The file as a ``kind`` (a Struct with ``forbid_unknown_fields``); raises SiteFileRefused."""
    try:
        return msgspec.convert(tomllib.loads(text, parse_float=Decimal), kind)
    except tomllib.TOMLDecodeError as problem:
        raise SiteFileRefused(f"not TOML: {problem}") from problem
    except msgspec.ValidationError as problem:
        raise SiteFileRefused(_plain(str(problem)) + _meant(str(problem), kind)) from problem


def _meant(problem: str, kind: type) -> str:
    """The known field that a misspelt one resembles, as a question; else nothing."""
    misspelt = _UNKNOWN.search(problem)
    close = get_close_matches(misspelt[1], sorted(_field_names(type_info(kind))), 1) if misspelt else ()
    return f"; did you mean `{close[0]}`?" if close else ""


def _field_names(kind: object) -> set[str]:
    """Of a type and of all that it is made of."""
    if isinstance(kind, StructType):
        parts: Iterable[object] = (field.type for field in kind.fields)
        return {field.encode_name for field in kind.fields}.union(*map(_field_names, parts))
    named = (getattr(kind, name, ()) for name in ("item_type", "value_type", "types"))
    parts = (part for one in named for part in (one if isinstance(one, tuple) else (one,)))
    return set().union(*map(_field_names, parts))


def _plain(problem: str) -> str:
    """``Expected `int`, got `str` - at `$.device[0].unit``` → ``device[0].unit: expected `int`, …``."""
    said, _, place = problem.partition(" - at `$")
    said = said[:1].lower() + said[1:]
    return f"{place.rstrip('`').removeprefix('.')}: {said}" if place.strip(".`") else said

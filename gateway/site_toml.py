"""A site's TOML file → values, or a refusal that names the field and what was expected there. Pure.

Numbers with a fraction stay decimal (``scale = 0.1`` is exactly a tenth); unknown fields are refused, so that
a misspelt one is not silently without effect.
"""

import tomllib
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

MAX_SITE_FILE_BYTES: Final = 1_048_576

T = TypeVar("T")


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
        raise SiteFileRefused(_plain(str(problem))) from problem


def _plain(problem: str) -> str:
    """``Expected `int`, got `str` - at `$.device[0].unit``` → ``device[0].unit: expected `int`, …``."""
    said, _, place = problem.partition(" - at `$")
    said = said[:1].lower() + said[1:]
    return f"{place.rstrip('`').removeprefix('.')}: {said}" if place.strip(".`") else said

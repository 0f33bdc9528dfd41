"""Work types and company profiles from their data files, each read once."""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import TypeVar

from pydantic import ValidationError

from field_api.clocks import Profile
from field_api.declarations import profile_of, work_type_of
from field_api.work import WorkType

Declared = TypeVar("Declared")


class BadDataFile(ValueError):
    """A data file that cannot be used; names the file, the field and what was expected."""


@cache
def load_work_type(name: str) -> WorkType:
    """The work type of ``work_types/<name>.toml``."""
    return _declared("work_types", name, work_type_of)


@cache
def load_profile(name: str) -> Profile:
    """The company profile of ``profiles/<name>.toml``."""
    return _declared("profiles", name, profile_of)


def _declared(folder: str, name: str, read: Callable[[Mapping[str, object]], Declared]) -> Declared:
    place = f"field_api/{folder}/{name}.toml"
    file = resources.files(f"field_api.{folder}") / f"{name}.toml"
    try:
        return read(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BadDataFile(f"{place}: there is no such file") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        raise BadDataFile(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from problem
    except ValueError as problem:
        raise BadDataFile(f"{place}: {problem}") from problem

"""Work types and company profiles from their data files, each read once."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from field_api.deadlines.limits import Profile
from field_api.deadlines.profile_file import profile_of
from field_api.orders.declarations import work_type_of
from field_api.orders.work import WorkType
from field_api.orders.work_type_parts import composed
from field_api.service.public_information import Edition, edition_of, in_order
from field_api.service.recurring import Schedule
from field_api.service.recurring_file import schedule_of
from field_api.service.register_file import register_of
from field_api.service.registering import Register

Declared = TypeVar("Declared")


class BadDataFile(ValueError):
    """A data file that cannot be used; names the file, the field and what was expected."""


@cache
def load_work_type(name: str) -> WorkType:
    """The work type of ``work_types/<name>.toml`` with the parts that it includes."""
    return _declared("work_types", name, _composed_work_type)


def shipped_work_types() -> Mapping[str, WorkType]:
    """Every work type of the installation: a new one is a file."""
    return {name: load_work_type(name) for name in _names("work_types")}


def shipped_registers() -> Mapping[str, Register]:
    """Every register of the installation."""
    return {name: _declared("registers", name, register_of) for name in _names("registers")}


def shipped_recurring_work() -> Sequence[Schedule]:
    """Everything that comes round by the calendar."""
    return tuple(_declared("recurring_work", name, schedule_of) for name in _names("recurring_work"))


def site_information(folder: Path | None) -> tuple[Edition, ...]:
    """Editions of the public page: the site's own where it has any, else the shipped ones."""
    own = () if folder is None or not folder.is_dir() else sorted(folder.glob("*.toml"))
    if own:
        place, found = str(folder), [_read(str(file), file, edition_of) for file in own]
    else:
        place = "field_api/public_information"
        found = [_declared("public_information", name, edition_of) for name in _names("public_information")]
    try:
        return in_order(found)
    except ValueError as problem:
        raise BadDataFile(f"{place}: {problem}") from problem


def _names(folder: str) -> Sequence[str]:
    files = (file.name for file in resources.files(f"field_api.{folder}").iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def _composed_work_type(declared: Mapping[str, object]) -> WorkType:
    included = declared.get("include")
    parts = [_part(str(name)) for name in included] if isinstance(included, list) else []
    return work_type_of(composed(declared, parts))


def _part(name: str) -> Mapping[str, object]:
    file = resources.files("field_api.work_types") / "parts" / f"{name}.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"include: there is no part {name!r}") from None


@cache
def load_profile(name: str) -> Profile:
    """The company profile of ``profiles/<name>.toml``, over the one that it extends."""
    return _declared("profiles", name, _extended_profile)


def shipped_profiles() -> tuple[str, ...]:
    """Names of all profiles."""
    files = (file.name for file in resources.files("field_api.profiles").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def _extended_profile(declared: Mapping[str, object]) -> Profile:
    extended = declared.get("extends")
    return profile_of(declared, load_profile(str(extended)) if extended else None)


def site_profile(name: str, folder: Path | None) -> Profile:
    """The profile ``<name>.toml`` of the site's folder, else the shipped one, which a site's may extend."""
    file = None if folder is None else folder / f"{name}.toml"
    if file is None or not file.is_file():
        return load_profile(name)
    return _read(str(file), file, _extended_profile)


def _declared(folder: str, name: str, read: Callable[[Mapping[str, object]], Declared]) -> Declared:
    file = resources.files(f"field_api.{folder}") / f"{name}.toml"
    return _read(f"field_api/{folder}/{name}.toml", file, read)


def _read(place: str, file: Traversable, read: Callable[[Mapping[str, object]], Declared]) -> Declared:
    try:
        return read(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BadDataFile(f"{place}: there is no such file") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        raise BadDataFile(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from problem
    except ValueError as problem:
        raise BadDataFile(f"{place}: {problem}") from problem

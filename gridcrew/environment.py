"""Variables named ``GRIDCREW_…`` that no setting reads: a slip of the pen is told, with what may be meant.

A variable of an unknown name is no error: orchestrators put such variables there for services of that name.
One that names a section rightly and its setting wrongly is refused by the settings themselves.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Final

from pydantic import BaseModel

from gridcrew.settings import Settings

PREFIX: Final = "GRIDCREW_"
_NEAR: Final = 0.6
_OTHERS: Final = frozenset({"GRIDCREW_CONFIG", "GRIDCREW_FAULT", "GRIDCREW_FAULT_SEED", "GRIDCREW_WEB_URL"})
"""What is read besides: the settings' file, places to die at in tests, the page's developer server."""
_SECRETS: Final = "GRIDCREW_SECRET_"


def strange_variables(names: Iterable[str]) -> Mapping[str, str]:
    """Those that nothing reads → the setting that is nearest, or ''."""
    return {
        name: _nearest(name.upper())
        for name in sorted(names)
        if name.upper().startswith(PREFIX) and not _is_read(name.upper())
    }


def told(strange: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each."""
    return tuple(
        f"the environment variable {name} is no setting and has no effect"
        + (f"; did you mean {nearest}?" if nearest else " (docs/settings.md lists all)")
        for name, nearest in strange.items()
    )


def _is_read(name: str) -> bool:
    section = name.removeprefix(PREFIX).partition("__")[0]
    return name in _OTHERS or name.startswith(_SECRETS) or section.lower() in Settings.model_fields


def _nearest(name: str) -> str:
    by_letters = {_letters(variable): variable for variable in variables()}
    near = get_close_matches(_letters(name), by_letters, n=1, cutoff=_NEAR)
    return by_letters[near[0]] if near else ""


def _letters(name: str) -> str:
    return name.removeprefix(PREFIX).replace("_", "")


@cache
def variables() -> tuple[str, ...]:
    """The variable of every setting."""
    found: list[str] = []
    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found.extend(f"{PREFIX}{name}__{each}".upper() for each in inner.model_fields)
        else:
            found.append(f"{PREFIX}{name}".upper())
    return tuple(found)

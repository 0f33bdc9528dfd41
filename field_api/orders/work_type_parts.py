"""A work type may include parts: what many have in common is said once (``work_types/parts/*.toml``).

What the work type says of a step, a clock, a state or a form's field replaces what its parts say of it. The
parts come first, in the order of ``include``.
"""

from collections.abc import Mapping, Sequence
from typing import Final

Declared = Mapping[str, object]

_NAMED: Final = frozenset({"steps", "clocks"})
"""Lists of tables with a ``name``: replaced one by one."""
_JOINED: Final = frozenset({"facts", "closed_states"})


def composed(declared: Declared, parts: Sequence[Declared]) -> dict[str, object]:
    """A work type on top of its parts; ``include`` itself is gone."""
    whole: dict[str, object] = {}
    for layer in (*parts, declared):
        for key, value in layer.items():
            whole[key] = _laid(key, whole[key], value) if key in whole else value
    whole.pop("include", None)
    return whole


def _laid(key: str, below: object, above: object) -> object:
    if isinstance(below, list) and isinstance(above, list):
        return _lists(key, below, above)
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{k: _laid(k, below[k], v) if k in below else v for k, v in above.items()}}
    return above


def _lists(key: str, below: list[object], above: list[object]) -> list[object]:
    if key in _JOINED:
        return [*below, *(one for one in above if one not in below)]
    if key in _NAMED:
        return list({_name(one): one for one in (*below, *above)}.values())
    return above


def _name(table: object) -> object:
    return table.get("name") if isinstance(table, dict) else table

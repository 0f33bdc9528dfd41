"""The truth as JSON lines, one change a line, for scoring what the product concluded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from simulators.errors import SimulatorError
from simulators.practice import TruthEntry

MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Interval:
    """``meter`` had no supply from ``start_ms`` to ``end_ms`` (None = still out)."""

    meter: str
    start_ms: int
    end_ms: int | None


class TruthFile:
    """Appends to ``path``; a full file is kept once as ``….1``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, facts: Mapping[str, object]) -> None:
        """Note what a run starts from: seed, network, true places. Later intervals count from here."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write([msgspec.json.encode({"run": dict(facts)})])

    def append(self, entries: Sequence[TruthEntry]) -> None:
        self._write([msgspec.json.encode(entry) for entry in entries])

    def _write(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        with self._path.open("ab") as file:
            file.writelines(line + b"\n" for line in lines)


def intervals(path: Path) -> Iterator[Interval]:
    """Who was really out, from when to when, in the order of their ends; the open ones last.

    A new run begins with everybody supplied: what was open is left open at its start.
    """
    out: dict[str, int] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                found = msgspec.json.decode(line)
            except msgspec.DecodeError as problem:
                raise SimulatorError(f"{path}:{number}: not a line of JSON: {problem}") from problem
            if "run" in found:
                yield from (Interval(meter, start, None) for meter, start in out.items())
                out = {}
                continue
            entry = msgspec.convert(found, TruthEntry)
            out.update((meter, entry.at_ms) for meter in entry.lost)
            yield from (
                Interval(meter, out.pop(meter), entry.at_ms) for meter in entry.regained if meter in out
            )
    yield from (Interval(meter, start, None) for meter, start in out.items())

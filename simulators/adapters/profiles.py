"""Load profiles of SimBench: one year of 15-minute values, read from the installed package.

The package keeps them as ``LoadProfile.csv`` (semicolons, one row per quarter of an hour of 2016, columns
``<profile>_pload`` and ``<profile>_qload``, per unit of the load). Only the named columns are turned into
numbers: that takes less than a second, where reading all of it takes many.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.errors import SimulatorError
from simulators.profiles import MILLIONTHS, STEPS, Profiles, synthetic_profiles

TABLE: Final = Path("networks/1-complete_data-mixed-all-0-sw/LoadProfile.csv")
SUFFIX: Final = "_pload"
FALLBACK: Final = "H0-A"
"""Households: what a load without a profile of its own follows."""


class SyntheticProfiles:
    """The two built-in days, for networks that are not SimBench's."""

    def load(self, names: Sequence[str]) -> Profiles:  # noqa: ARG002
        return synthetic_profiles()


class SimbenchProfiles:
    """Reads the table of the package."""

    def __init__(self, table: Path) -> None:
        self._table = table

    def load(self, names: Sequence[str]) -> Profiles:
        known = _columns(self._table)
        wanted = tuple(sorted({FALLBACK, *names} & known.keys(), key=lambda name: (name != FALLBACK, name)))
        return Profiles(wanted, _read(self._table, [known[name] for name in wanted]))


def profile_source(names: Sequence[str]) -> SimbenchProfiles | SyntheticProfiles:
    """SimBench's table where it is installed and knows one of ``names``, else the built-in days."""
    spec = importlib.util.find_spec("simbench")
    if spec is None or not spec.submodule_search_locations:
        return SyntheticProfiles()
    table = Path(spec.submodule_search_locations[0]) / TABLE
    if not table.exists() or not set(names) & _columns(table).keys():
        return SyntheticProfiles()
    return SimbenchProfiles(table)


def _columns(table: Path) -> dict[str, int]:
    with table.open(encoding="ascii") as file:
        header = file.readline().rstrip("\r\n").split(";")
    return {name.removesuffix(SUFFIX): index for index, name in enumerate(header) if name.endswith(SUFFIX)}


def _read(table: Path, columns: Sequence[int]) -> NDArray[np.int32]:
    """Shape (columns, STEPS); raises ``SimulatorError`` with the line that is not understood."""
    factors = np.empty((STEPS, len(columns)), np.float64)
    step = -1
    with table.open("rb") as file:
        file.readline()
        for step, line in enumerate(file):
            if step >= STEPS:
                raise SimulatorError(f"{table}: more than {STEPS} quarters of an hour")
            cells = line.split(b";")
            try:
                factors[step] = [float(cells[column]) for column in columns]
            except (IndexError, ValueError) as problem:
                raise SimulatorError(f"{table}:{step + 2}: expected numbers: {problem}") from problem
    if step + 1 != STEPS:
        raise SimulatorError(f"{table}: expected {STEPS} quarters of an hour, found {step + 1}")
    scaled = np.round(factors.clip(0, None).T * MILLIONTHS).astype(np.int32)
    return np.ascontiguousarray(scaled)

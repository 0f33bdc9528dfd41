"""What a plan is judged by and how long crews drive, with the site's own files on top of the shipped ones.

``dispatch.toml`` names any of the figures anew; ``travel.csv`` (``from_cell,to_cell,minutes``) holds minutes
between grid cells that the site knows better than the model.
"""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from field_api.adapters.data_files import BadDataFile
from field_api.dispatch.policy import Policy, policy_of
from geo.travel import TravelModel, usual_travel

POLICY: Final = "dispatch.toml"
TABLE: Final = "travel.csv"
MAX_MINUTES: Final = 24 * 60
MAX_ROWS: Final = 1_000_000
_COLUMNS: Final = ("from_cell", "to_cell", "minutes")


def dispatch_policy(site: Path | None = None) -> Policy:
    """The shipped figures under the site's; ``BadDataFile`` names file and field."""
    shipped = tomllib.loads((resources.files("field_api.dispatch") / POLICY).read_text(encoding="utf-8"))
    own, place = _own(site)
    try:
        return policy_of(shipped, own)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise BadDataFile(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from problem


def _own(site: Path | None) -> tuple[Mapping[str, Any] | None, str]:
    file = None if site is None else site / POLICY
    if file is None or not file.is_file():
        return None, POLICY
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")), str(file)
    except ValueError as problem:
        raise BadDataFile(f"{file}: {problem}") from problem


def travel_model(site: Path | None = None) -> TravelModel:
    """The usual model, with the site's table of minutes between cells where it has one."""
    file = None if site is None else site / TABLE
    if file is None or not file.is_file():
        return usual_travel()
    return replace(usual_travel(), between_cells=dict(_rows(file)))


def _rows(file: Path) -> Iterator[tuple[tuple[str, str], float]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        read = csv.DictReader(lines)
        if missing := [name for name in _COLUMNS if name not in (read.fieldnames or ())]:
            raise BadDataFile(
                f"{file}: line 1: expected the columns {', '.join(_COLUMNS)}; missing {missing}"
            )
        for number, row in enumerate(read, start=2):
            if number > MAX_ROWS:
                raise BadDataFile(f"{file}: more than {MAX_ROWS} rows")
            yield (row["from_cell"] or "", row["to_cell"] or ""), _minutes(file, number, row["minutes"])


def _minutes(file: Path, number: int, text: str | None) -> float:
    try:
        minutes = float(text or "")
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes <= MAX_MINUTES:
        raise BadDataFile(
            f"{file}: line {number}: minutes: expected a number from 0 to {MAX_MINUTES}, not {text!r}"
        )
    return minutes

"""Where a network may come from, in one word: a folder, ``simbench:CODE`` or ``pandapower:NAME``."""

import importlib
from pathlib import Path
from typing import Final

from geo.adapters.csv_folder import read_folder
from geo.assemble import Assembled
from geo.cells import DEFAULT_CELLS
from geo.errors import Finding, NetworkRefused

PACKAGES: Final = ("simbench", "pandapower")


def read_source(source: str, grid_cells: int = DEFAULT_CELLS) -> Assembled:
    """The network of a source and what was found; ``grid_cells`` counts for grids that name none.

    Raises ``NetworkRefused`` where a package is missing or does not know the grid.
    """
    package, colon, name = source.partition(":")
    if not colon or package not in PACKAGES:
        return read_folder(Path(source))
    try:
        grids = importlib.import_module("geo.adapters.simbench")
    except ModuleNotFoundError as missing:
        facts = {"module": str(missing.name), "extra": "gridcrew[demo]"}
        raise NetworkRefused((Finding("not-installed", place=source, facts=facts),)) from missing
    assembled: Assembled = grids.import_grid(package, name, grid_cells)
    return assembled

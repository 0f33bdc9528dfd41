"""Where a network may come from, in one word: a folder, a file, ``simbench:CODE``, ``pandapower:NAME``."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from geo.adapters.csv_folder import read_folder
from geo.assemble import Assembled
from geo.doors import DEFAULT_CELLS
from geo.errors import Finding, NetworkRefused
from geo.ports import Progress, unwatched

PACKAGES: Final = ("simbench", "pandapower")
CIM: Final = (".xml", ".rdf", ".cim")
GIS: Final = (".gpkg", ".geojson", ".shp", ".gdb")
MAPPING_FILE: Final = "mapping.toml"
EXPECTED: Final = (
    "a folder, .gpkg, .geojson, .shp, .xml, simbench:CODE, pandapower:NAME or pandapower:FILE.json"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source is to be read."""

    grid_cells: int = DEFAULT_CELLS
    """For grids that name none."""
    mapping: Path | None = None
    """What foreign layers and columns mean."""
    set_aside: bool = False
    """Leave rows with errors out instead of refusing the network."""
    progress: Progress = unwatched


def read_source(source: str, grid_cells: int = DEFAULT_CELLS, reading: Reading | None = None) -> Assembled:
    """The network of a source and what was found.

    Raises ``NetworkRefused`` where a package is missing or does not know the grid.
    """
    how = reading or Reading(grid_cells)
    package, colon, name = source.partition(":")
    if colon and package in PACKAGES:
        grids = _module("geo.adapters.simbench", "demo", source)
        assembled: Assembled = grids.import_grid(package, name, how.grid_cells)
        return assembled
    return _read_path(Path(source), how)


def _read_path(path: Path, how: Reading) -> Assembled:
    if path.suffix.lower() in CIM or _holds(path, CIM):
        cim = _module("geo.adapters.cim", "", str(path))
        of_cim: Assembled = cim.read_cim(path, how.set_aside, how.progress)
        return of_cim
    if how.mapping or path.suffix.lower() in GIS or _is_drawn(path):
        gis = _module("geo.adapters.gis", "gis", str(path))
        of_gis: Assembled = gis.read_gis(path, how.mapping, how.set_aside, how.progress)
        return of_gis
    if path.is_file():
        facts = {"path": path.name, "expected": EXPECTED}
        raise NetworkRefused((Finding("unknown-format", place=path.name, facts=facts),))
    return read_folder(path, how.set_aside, how.progress)


def _is_drawn(path: Path) -> bool:
    """A folder of drawings: with a mapping, or with our own layers."""
    return path.is_dir() and ((path / MAPPING_FILE).is_file() or (path / "nodes.geojson").is_file())


def _holds(path: Path, suffixes: tuple[str, ...]) -> bool:
    """A folder of nothing but such files (a model in several parts)."""
    if not path.is_dir() or (path / MAPPING_FILE).is_file():
        return False
    files = [file for file in path.iterdir() if file.is_file()]
    return bool(files) and all(file.suffix.lower() in suffixes for file in files)


def _module(name: str, extra: str, source: str) -> Any:  # noqa: ANN401 (a module)
    """Loaded on demand: most of these bring large libraries."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name == name or not extra:
            raise
        facts = {"module": str(missing.name), "extra": f"gridcrew[{extra}]"}
        raise NetworkRefused((Finding("not-installed", place=source, facts=facts),)) from missing

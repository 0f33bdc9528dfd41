"""Where a network may go: CSV files, GeoPackage, GeoJSON, shapefiles, CIM XML, a pandapower net in JSON."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from geo.adapters.csv_folder import write_folder
from geo.errors import Finding, NetworkRefused
from geo.network import Network

FORMATS: Final = ("csv", "geojson", "gpkg", "shp", "cim", "pandapower")
_OF_SUFFIX: Final[Mapping[str, str]] = {
    ".gpkg": "gpkg", ".geojson": "geojson", ".shp": "shp", ".xml": "cim", ".rdf": "cim",
    ".json": "pandapower",
}  # fmt: skip
_WRITERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "geojson": ("geo.adapters.gis_export", "write_geojson", "gis"),
    "gpkg": ("geo.adapters.gis_export", "write_geopackage", "gis"),
    "shp": ("geo.adapters.gis_export", "write_shapefiles", "gis"),
    "cim": ("geo.adapters.cim_export", "write_cim", ""),
    "pandapower": ("geo.adapters.pandapower_export", "write_pandapower", "demo"),
}


def format_of(path: Path) -> str:
    """The format that a path plainly means: by its suffix, a folder of CSV files without one."""
    return _OF_SUFFIX.get(path.suffix.lower(), "csv")


def write_network(network: Network, path: Path, form: str) -> tuple[str, ...]:
    """Write the network; answers what the format could not hold, one line each.

    Raises ``NetworkRefused`` where a package is missing.
    """
    if form == "csv":
        write_folder(network, path)
        return ()
    module, function, extra = _WRITERS[form]
    try:
        writer = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as missing:
        if missing.name == module:
            raise
        facts = {"module": str(missing.name), "extra": f"gridcrew[{extra}]"}
        raise NetworkRefused((Finding("not-installed", place=str(path), facts=facts),)) from missing
    lost: tuple[str, ...] = writer(network, path)
    return lost

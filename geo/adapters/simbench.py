"""Public reference grids by name, and saved nets: ``simbench:CODE``, ``pandapower:NAME`` or ``:FILE.json``.

Loads two large libraries; only the command that imports such a grid needs this module.
"""

import warnings
from pathlib import Path
from typing import Any

import pandapower
import pandapower.networks
import simbench

from geo.adapters.pandapower import import_pandapower
from geo.assemble import Assembled
from geo.errors import Finding, NetworkRefused


def load_grid(package: str, name: str) -> Any:  # noqa: ANN401 (pandapowerNet has no types)
    """The pandapower net of that name; raises ``NetworkRefused`` where the package knows none."""
    # Both packages warn about their own use of pandas.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if package == "simbench":
            if name not in simbench.collect_all_simbench_codes():
                raise _unknown(package, name)
            return simbench.get_simbench_net(name)
        if name.endswith(".json"):
            return _from_file(Path(name))
        maker = getattr(pandapower.networks, name, None)
        if not callable(maker) or name.startswith("_"):
            raise _unknown(package, name)
        return maker()


def _from_file(file: Path) -> Any:  # noqa: ANN401
    """A net that pandapower saved; pandapower itself lists what objects a file may construct."""
    try:
        return pandapower.from_json(str(file), ignore_unknown_objects=True)
    except (OSError, ValueError, UserWarning, KeyError, AttributeError, TypeError) as problem:
        facts = {"problem": f"{type(problem).__name__}: {problem}"}
        raise NetworkRefused((Finding("unreadable", place=file.name, facts=facts),)) from problem


def import_grid(package: str, name: str, grid_cells: int) -> Assembled:
    """Our network of that grid, with synthetic names and people."""
    own_file = Path(name).name if name.endswith(".json") else ""
    return import_pandapower(load_grid(package, name), grid_cells, own_file)


def _unknown(package: str, name: str) -> NetworkRefused:
    facts = {"package": package, "name": name}
    return NetworkRefused((Finding("unknown-grid", place=package, facts=facts),))

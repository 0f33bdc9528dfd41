"""Public reference grids by name: ``simbench:CODE`` and ``pandapower:NAME``.

Loads two large libraries; only the command that imports such a grid needs this module.
"""

import warnings
from typing import Any

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
        maker = getattr(pandapower.networks, name, None)
        if not callable(maker) or name.startswith("_"):
            raise _unknown(package, name)
        return maker()


def import_grid(package: str, name: str, grid_cells: int) -> Assembled:
    """Our network of that grid, with synthetic names and people."""
    return import_pandapower(load_grid(package, name), grid_cells)


def _unknown(package: str, name: str) -> NetworkRefused:
    facts = {"package": package, "name": name}
    return NetworkRefused((Finding("unknown-grid", place=package, facts=facts),))

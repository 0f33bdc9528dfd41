"""Public grids, loaded at run time from their packages: with low voltage, without it, and one street.

A medium-voltage load of a grid without low voltage stands for a whole transformer area. It becomes a star of
customers on its transformer, as an area looks whose low-voltage lines nobody has recorded.
"""

import json
import warnings
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from geo.adapters.pandapower import import_pandapower
from geo.adapters.simbench import load_grid
from geo.network import Customers, Float64, Meters, Network

GRID_CELLS: Final = 8
KW_A_CUSTOMER: Final = 6.0
"""By which a load at medium voltage is divided among the customers of its area."""
METRES_A_DEGREE: Final = 111_320.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a grid comes from, and what is done to it before it is imported and after."""

    package: str
    name: str
    stars: bool = False
    """Its loads stand for whole areas."""

    def __str__(self) -> str:
        return f"{self.package} {self.name}"


GRIDS: Final = (
    Grid("simbench", "1-MVLV-urban-all-0-sw"),
    Grid("simbench", "1-MVLV-comm-all-0-sw"),
    Grid("simbench", "1-MVLV-semiurb-all-0-sw"),
    Grid("simbench", "1-MVLV-rural-all-0-sw"),
    Grid("pandapower", "mv_oberrhein", stars=True),
    Grid("simbench", "1-MV-semiurb--0-sw", stars=True),
    Grid("simbench", "1-MV-urban--0-sw", stars=True),
    Grid("pandapower", "ieee_european_lv_asymmetric"),
)


def load(grid: Grid) -> Network:
    """The grid as a network of ours, with one meter per customer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both packages warn about their own use of pandas
        net = load_grid(grid.package, grid.name)
        _balance(net)
        network = import_pandapower(net, GRID_CELLS).accepted()
    return _starred(network) if grid.stars else network


def _balance(net: Any) -> None:  # noqa: ANN401 (pandapowerNet has no types)
    """Take single-phase loads for what they are here: customers. Put places on a plane onto the globe."""
    if len(net.load) == 0 and len(net.asymmetric_load):
        phases = net.asymmetric_load
        net.load = phases[["name", "bus", "in_service"]].assign(
            p_mw=phases.p_a_mw + phases.p_b_mw + phases.p_c_mw
        )
    points = {table: net[table].geo for table in ("bus", "line") if "geo" in net[table]}
    numbers = [xy for geo in points.values() for text in geo.dropna() for xy in _numbers(text)]
    if numbers and np.abs(numbers).max() > 180:
        middle = np.mean(numbers, axis=0)
        for table, geo in points.items():
            net[table]["geo"] = [
                _text(text, (_numbers(text) - middle) / METRES_A_DEGREE) if isinstance(text, str) else text
                for text in geo
            ]


def _numbers(text: str) -> Float64:
    """[points, 2] coordinates of a GeoJSON point or line."""
    return np.array(json.loads(text)["coordinates"], dtype=np.float64).reshape(-1, 2)


def _text(text: str, points: Float64) -> str:
    kind = json.loads(text)["type"]
    coordinates = points.tolist()
    return json.dumps({"type": kind, "coordinates": coordinates[0] if kind == "Point" else coordinates})


def _starred(network: Network) -> Network:
    """Every meter as many times as its load has customers, all on its place."""
    meters = network.meters
    load_kw = np.array([float(text) for text in meters.extra["p_kw"]])
    times = np.maximum(np.round(load_kw / KW_A_CUSTOMER), 1).astype(np.int64)
    rows = np.repeat(np.arange(len(meters)), times)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    suffix = [f"-{n}" for n in number.tolist()]
    starred = Meters(
        ids=tuple(meters.ids[row] + end for row, end in zip(rows, suffix, strict=True)),
        node=meters.node[rows],
        customer=np.arange(len(rows), dtype=np.int32),
        phases=meters.phases[rows],
        terminal=meters.terminal[rows],
    )
    owner = meters.customer[rows]
    customers = network.customers
    people = Customers(
        ids=tuple(customers.ids[row] + end for row, end in zip(owner, suffix, strict=True)),
        name=tuple(customers.name[row] for row in owner),
        customer_class=customers.customer_class[owner],
        priority=customers.priority[owner],
        phone=tuple(customers.phone[row] for row in owner),
        address=tuple(customers.address[row] for row in owner),
        grid=tuple(customers.grid[row] for row in owner),
        access_point=customers.access_point[owner],
    )
    return replace(network, meters=starred, customers=people)

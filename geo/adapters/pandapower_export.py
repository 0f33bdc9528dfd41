"""A network as a pandapower net in JSON: what is connected with what, with our ids as names.

Impedances are not ours to know: typical ones stand in, so that topology searches and plots work; a power flow
needs real ones. Switches stand between buses of their own, as they do here.
"""

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandapower

from geo.network import SWITCHING_KINDS, EdgeKind, Edges, Int32, Network, NodeKind
from geo.voltage import high_side, low_side

TYPICAL_LINE: Final = {"r_ohm_per_km": 0.3, "x_ohm_per_km": 0.35, "c_nf_per_km": 10.0}
TYPICAL_TRANSFORMER: Final = {"vkr_percent": 1.2, "vk_percent": 4.5, "pfe_kw": 0.5, "i0_percent": 0.5}
UNKNOWN_KV: Final = 10.0
LOST: Final = (
    "nodes: kinds other than substation; unread columns",
    "edges: phases, line or cable or service; unread columns",
    "lines and transformers: impedances are not known, typical ones stand in",
    "meters: phases, terminals; unread columns",
    "terminals, sensors, customers, identifiers: all",
)
_SWITCH_TYPES: Final = {EdgeKind.BREAKER: "CB", EdgeKind.SWITCH: "LBS", EdgeKind.FUSE: "LS"}


def write_pandapower(network: Network, file: Path) -> tuple[str, ...]:
    """Write the net, replacing what was there; answers what it could not hold."""
    beside = file.with_name(f".{file.name}.new")
    pandapower.to_json(net_of(network), str(beside))
    beside.replace(file)
    return LOST


def net_of(network: Network) -> Any:  # noqa: ANN401 (pandapowerNet has no types)
    """The pandapower net; bus, line, switch and load rows in the order of ours."""
    net = pandapower.create_empty_network(name=network.content_hash)
    nodes = network.nodes
    voltage = np.where(nodes.voltage_kv > 0, nodes.voltage_kv, UNKNOWN_KV)
    pandapower.create_buses(net, len(nodes), vn_kv=voltage, name=list(nodes.ids))
    net.bus["geo"] = [_point(*at) for at in zip(nodes.lon.tolist(), nodes.lat.tolist(), strict=True)]
    for bus in np.flatnonzero(nodes.kind == NodeKind.SUBSTATION).tolist():
        pandapower.create_ext_grid(net, bus)
    switching = np.isin(network.edges.kind, [int(kind) for kind in SWITCHING_KINDS])
    transformer = network.edges.kind == EdgeKind.TRANSFORMER
    _lines(net, network.edges, np.flatnonzero(~switching & ~transformer).astype(np.int32))
    _switches(net, network.edges, np.flatnonzero(switching).astype(np.int32))
    _transformers(net, network, voltage, np.flatnonzero(transformer).tolist())
    pandapower.create_loads(net, network.meters.node.tolist(), p_mw=0.0, name=list(network.meters.ids))
    return net


def _point(lon: float, lat: float) -> str | None:
    """GeoJSON, as pandapower keeps places."""
    if not math.isfinite(lon + lat):
        return None
    return json.dumps({"coordinates": [lon, lat], "type": "Point"})


def _names(edges: Edges, rows: Int32) -> list[str]:
    return [edges.ids[row] for row in rows.tolist()]


def _lines(net: Any, edges: Edges, rows: Int32) -> None:  # noqa: ANN401
    if not len(rows):
        return
    length = np.where(edges.length_m[rows] > 0, edges.length_m[rows], 1.0) / 1000
    pandapower.create_lines_from_parameters(
        net, edges.from_node[rows], edges.to_node[rows], length_km=length, max_i_ka=0.4,
        name=_names(edges, rows), in_service=edges.closed[rows], **TYPICAL_LINE,
    )  # fmt: skip


def _switches(net: Any, edges: Edges, rows: Int32) -> None:  # noqa: ANN401
    if not len(rows):
        return
    types = [_SWITCH_TYPES[EdgeKind(kind)] for kind in edges.kind[rows].tolist()]
    pandapower.create_switches(
        net, edges.from_node[rows], edges.to_node[rows], "b",
        closed=edges.closed[rows], type=types, name=_names(edges, rows),
    )  # fmt: skip


def _transformers(net: Any, network: Network, voltage: Any, rows: list[int]) -> None:  # noqa: ANN401
    nodes, edges = network.nodes, network.edges
    low, high = low_side(nodes, edges), high_side(nodes, edges)
    for row in rows:
        rated_kva = float(edges.rated_kva[row])
        pandapower.create_transformer_from_parameters(
            net, int(high[row]), int(low[row]), sn_mva=(rated_kva if rated_kva > 0 else 400.0) / 1000,
            vn_hv_kv=float(voltage[high[row]]), vn_lv_kv=float(voltage[low[row]]),
            in_service=bool(edges.closed[row]), name=edges.ids[row], **TYPICAL_TRANSFORMER,
        )  # fmt: skip

"""A pandapower net as our tables: buses, lines, transformers and switches with pandapower's meaning.

A switch at the end of a line or transformer becomes an edge of its own to an auxiliary junction beside the
bus, so that opening it disconnects exactly that end. A transformer of three windings becomes a node with an
edge to each side. Loads become customers with a meter; a load above 1 kV gets a dedicated transformer.
People, names and addresses are made up (``geo.synthetic``).
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from geo.assemble import Assembled, Tables, assemble
from geo.doors import CUSTOMERS, DOORS
from geo.errors import Finding, NetworkRefused
from geo.naming import name_everything
from geo.report import Report
from geo.rows import table
from geo.voltage import LV_BELOW_KV

MADE_UP: Final = "names, customers (姓名、电话、地址), terminals, sensors, grid cells"
Row = dict[str, object]
Net = Any
"""pandapower.auxiliary.pandapowerNet, which has no types."""

_SWITCH_KINDS: Final = {"CB": "breaker", "LBS": "switch", "LS": "switch", "DS": "switch"}
_NOT_READ: Final = ("dcline", "vsc", "line_dc", "tcsc")
DEDICATED_OFFSET_DEG: Final = 0.0003
"""About 30 m: a dedicated transformer's meter stands beside its bus, not on it."""


@dataclass(slots=True)
class Sketch:
    """Rows under construction."""

    degrees: bool = True
    """Whether the net's places are degrees; in plain metres nobody can find them on the map."""
    nodes: list[Row] = field(default_factory=list)
    edges: list[Row] = field(default_factory=list)
    meters: list[Row] = field(default_factory=list)
    terminals: list[Row] = field(default_factory=list)
    sensors: list[Row] = field(default_factory=list)
    customers: list[Row] = field(default_factory=list)


def import_pandapower(net: Net, grid_cells: int, told: str = "") -> Assembled:
    """Our network of a pandapower net, its territory parted into ``grid_cells`` service grid cells.

    ``told`` names a file of somebody's own, to whom it must be said that people and devices are made up.
    Raises ``NetworkRefused`` for elements that have no counterpart here (DC, power electronics).
    """
    report = Report()
    if told:
        report.add("made-up", place=told, facts={"what": MADE_UP})
    assembled = assemble(tables_of(net, report), report)
    return replace(assembled, network=name_everything(assembled.accepted(), grid_cells))


def tables_of(net: Net, report: Report | None = None) -> Tables:
    """The door tables of a pandapower net, everything and everybody still nameless."""
    _refuse_unknown(net)
    sketch = Sketch(degrees=_in_degrees(net))
    if report and not sketch.degrees:
        facts = {"path": "net.bus.geo", "expected": "degrees (lon, lat)"}
        report.add("coordinates-not-read", place="net", facts=facts)
    _buses(net, sketch)
    _branches(net, sketch)
    _loads(net, sketch)
    rows = {door.name: getattr(sketch, door.name, []) for door in DOORS}
    return {name: table(name, listed) for name, listed in rows.items() if listed}


def _refuse_unknown(net: Net) -> None:
    found = [name for name in _NOT_READ if name in net and len(net[name])]
    if found:
        finding = Finding("not-supported", place="net", facts={"tables": ", ".join(found)})
        raise NetworkRefused((finding,))


def _in_degrees(net: Net) -> bool:
    points = [_point(geo) for geo in net.bus.geo] if "geo" in net.bus else []
    return not any(abs(lon) > 180 or abs(lat) > 90 for lon, lat in points)


def _sources(net: Net) -> set[int]:
    buses = set(net.ext_grid.bus[net.ext_grid.in_service])
    return buses | set(net.gen.bus[net.gen.in_service & net.gen.slack.astype(bool)])


def _buses(net: Net, sketch: Sketch) -> None:
    sources, loaded = _sources(net), set(net.load.bus) | set(net.asymmetric_load.bus)
    low_ends = set(net.trafo.lv_bus) | set(net.trafo3w.mv_bus) | set(net.trafo3w.lv_bus)
    for bus in net.bus.itertuples():
        lon, lat = _point(getattr(bus, "geo", None)) if sketch.degrees else (math.nan, math.nan)
        kind = _bus_kind(bus, bus.Index in sources, bus.Index in low_ends, bus.Index in loaded)
        sketch.nodes.append(_node(f"B{bus.Index}", kind, lon, lat, float(bus.vn_kv), "bus"))


def _bus_kind(bus: Any, source: bool, low_end: bool, loaded: bool) -> str:  # noqa: ANN401 (a pandas row)
    if source:
        return "substation"
    if bus.vn_kv < LV_BELOW_KV:
        return "transformer_lv" if low_end else "access_point" if loaded else "branch_box"
    if low_end or bus.type in {"auxiliary", "db"} or isinstance(getattr(bus, "substation", None), str):
        return "busbar"
    return "ring_main_unit"


def _node(identifier: str, kind: str, lon: float, lat: float, voltage_kv: float, origin: str) -> Row:
    return {
        "id": identifier, "kind": kind, "name": "", "lon": lon, "lat": lat, "voltage_kv": voltage_kv,
        "name_en": "", "origin": origin,
    }  # fmt: skip


def _edge(identifier: str, kind: str, from_id: str, to_id: str, closed: bool, **more: object) -> Row:
    row: Row = {
        "id": identifier, "kind": kind, "from_id": from_id, "to_id": to_id, "closed": int(closed),
        "phases": "ABC", "length_m": None, "name": "", "rated_kva": None, "transformer_kind": "",
        "rated_a": None, "name_en": "", "path": "",
    }  # fmt: skip
    return row | more


def _point(geo: object) -> tuple[float, float]:
    if not isinstance(geo, str):
        return math.nan, math.nan
    lon, lat = json.loads(geo)["coordinates"][:2]
    return float(lon), float(lat)


def _path(geo: object) -> str:
    """``lon lat;lon lat;…`` of a GeoJSON line, '' where none is given."""
    if not isinstance(geo, str):
        return ""
    return ";".join(f"{lon!r} {lat!r}" for lon, lat, *_ in json.loads(geo)["coordinates"])


@dataclass(slots=True)
class _Ends:
    """Puts the switches of a line's or transformer's ends between bus and element."""

    net: Net
    sketch: Sketch
    place: dict[str, Row]
    dead: set[int]
    """Buses out of service: nothing conducts there."""
    switches: dict[tuple[str, int, int], list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for switch in self.net.switch[self.net.switch.et != "b"].itertuples():
            self.switches.setdefault((switch.et, switch.element, switch.bus), []).append(switch)

    def reach(self, et: str, element: int, bus: int) -> str:
        """The node on the element's side of the switches at this end: the bus itself where there are none."""
        node = f"B{bus}"
        for switch in self.switches.pop((et, element, bus), ()):
            beside = f"J{switch.Index}"
            at = self.place[node]
            lon, lat, voltage_kv = (float(str(at[column])) for column in ("lon", "lat", "voltage_kv"))
            self.place[beside] = _node(beside, "junction", lon, lat, voltage_kv, "switch")
            self.sketch.nodes.append(self.place[beside])
            self.add_switch(switch, node, beside, bus not in self.dead)
            node = beside
        return node

    def add_switch(self, switch: Any, from_id: str, to_id: str, alive: bool) -> None:  # noqa: ANN401
        kind = _SWITCH_KINDS.get(switch.type, "switch")
        identifier = f"S{switch.Index}"
        self.sketch.edges.append(_edge(identifier, kind, from_id, to_id, bool(switch.closed) and alive))
        voltage_kv = float(str(self.place[from_id]["voltage_kv"]))
        if kind == "breaker" and voltage_kv >= LV_BELOW_KV and switch.et != "t":
            self.sketch.sensors.append({"id": f"{identifier}-FTU", "edge_id": identifier, "kind": "switch"})


def _branches(net: Net, sketch: Sketch) -> None:
    dead = set(net.bus.index[~net.bus.in_service])
    ends = _Ends(net, sketch, {str(row["id"]): row for row in sketch.nodes}, dead)
    for switch in net.switch[net.switch.et == "b"].itertuples():
        alive = not dead & {switch.bus, switch.element}
        ends.add_switch(switch, f"B{switch.bus}", f"B{switch.element}", alive)
    for line in net.line.itertuples():
        _line(line, ends)
    for impedance in net.impedance.itertuples():
        buses = impedance.from_bus, impedance.to_bus
        closed = bool(impedance.in_service) and not dead & set(buses)
        sketch.edges.append(_edge(f"Z{impedance.Index}", "line", f"B{buses[0]}", f"B{buses[1]}", closed))
    for trafo in net.trafo.itertuples():
        _transformer(trafo, ends)
    for trafo in net.trafo3w.itertuples():
        _three_windings(trafo, ends)
    if ends.switches:
        et, element, bus = next(iter(ends.switches))
        facts = {"bus": str(bus), "element_id": str(element), "kind": et}
        raise NetworkRefused((Finding("dangling-switch", place="switch", facts=facts),))


def _line(line: Any, ends: _Ends) -> None:  # noqa: ANN401
    closed = bool(line.in_service) and not ends.dead & {line.from_bus, line.to_bus}
    ends.sketch.edges.append(
        _edge(
            f"L{line.Index}",
            "line" if line.type == "ol" else "cable",
            ends.reach("l", line.Index, line.from_bus),
            ends.reach("l", line.Index, line.to_bus),
            closed,
            length_m=round(float(line.length_km) * 1000, 3),
            rated_a=round(float(line.max_i_ka) * 1000 * line.parallel, 3),
            path=_path(getattr(line, "geo", None)) if ends.sketch.degrees else "",
        )
    )


def _transformer(trafo: Any, ends: _Ends) -> None:  # noqa: ANN401
    identifier = f"T{trafo.Index}"
    closed = bool(trafo.in_service) and not ends.dead & {trafo.hv_bus, trafo.lv_bus}
    distribution = trafo.vn_lv_kv < LV_BELOW_KV
    ends.sketch.edges.append(
        _edge(
            identifier,
            "transformer",
            ends.reach("t", trafo.Index, trafo.hv_bus),
            ends.reach("t", trafo.Index, trafo.lv_bus),
            closed,
            rated_kva=round(float(trafo.sn_mva) * 1000 * trafo.parallel, 3),
            transformer_kind="public" if distribution else "",
        )
    )
    if distribution:
        ends.sketch.terminals.append({"id": f"{identifier}-TTU", "edge_id": identifier})


def _three_windings(trafo: Any, ends: _Ends) -> None:  # noqa: ANN401
    """A node where the windings meet, of the highest voltage and beside its bus, and an edge to each side."""
    identifier, beside = f"TW{trafo.Index}", ends.place[f"B{trafo.hv_bus}"]
    lon, lat, voltage_kv = (float(str(beside[column])) for column in ("lon", "lat", "voltage_kv"))
    ends.sketch.nodes.append(_node(identifier, "junction", lon, lat, voltage_kv, "trafo3w"))
    for side in ("hv", "mv", "lv"):
        bus = getattr(trafo, f"{side}_bus")
        closed = bool(trafo.in_service) and bus not in ends.dead
        rated_kva = round(float(getattr(trafo, f"sn_{side}_mva")) * 1000, 3)
        reached = ends.reach("t3", trafo.Index, bus)
        ends.sketch.edges.append(
            _edge(
                f"{identifier}{side.upper()}", "transformer", identifier, reached, closed, rated_kva=rated_kva
            )
        )


def _loads(net: Net, sketch: Sketch) -> None:
    place = {str(row["id"]): row for row in sketch.nodes}
    live = net.load[net.load.in_service] if "in_service" in net.load else net.load
    for load in live.itertuples():
        _load(load, "", float(load.p_mw), place, sketch)
    for load in net.asymmetric_load[net.asymmetric_load.in_service].itertuples():
        power = {phase: float(getattr(load, f"p_{phase.lower()}_mw")) for phase in "ABC"}
        _load(load, "A", sum(power.values()), place, sketch)


def _load(load: Any, mark: str, p_mw: float, place: dict[str, Row], sketch: Sketch) -> None:  # noqa: ANN401
    """A load as a customer with a meter; ``mark`` tells ids of a second table of loads apart."""
    node, terminal, number = f"B{load.bus}", "", f"{mark}{load.Index}"
    if float(str(place[node]["voltage_kv"])) >= LV_BELOW_KV:
        node, terminal = _dedicated(number, p_mw, place[node], sketch)
    sketch.meters.append(
        {
            "id": f"M{number}", "node_id": node, "customer_id": f"C{number}", "phases": "ABC",
            "terminal_id": terminal, "profile": _text(getattr(load, "profile", "")),
            "p_kw": round(p_mw * 1000, 6), "load": load.Index,
        }
    )  # fmt: skip
    empty = dict.fromkeys(CUSTOMERS.columns, "")
    sketch.customers.append({**empty, "id": f"C{number}"})


def _dedicated(number: str, p_mw: float, bus: Row, sketch: Sketch) -> tuple[str, str]:
    """A customer's own transformer (专变) from their bus to their meter; answers node and terminal."""
    identifier, node = f"TD{number}", f"P{number}"
    lon, lat = (float(str(bus[column])) + DEDICATED_OFFSET_DEG for column in ("lon", "lat"))
    sketch.nodes.append(_node(node, "meter_point", lon, lat, 0.4, "load"))
    rated = _rated_kva(p_mw * 1000)
    more: Row = {"rated_kva": rated, "transformer_kind": "dedicated"}
    sketch.edges.append(_edge(identifier, "transformer", str(bus["id"]), node, True, **more))
    sketch.terminals.append({"id": f"{identifier}-TTU", "edge_id": identifier})
    return node, f"{identifier}-TTU"


def _rated_kva(load_kw: float) -> float:
    """The smallest usual size that carries the load at 80 %."""
    sizes: Iterable[float] = (50, 100, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500)
    return next((float(size) for size in sizes if size * 0.8 >= load_kw), round(load_kw / 0.8, 1))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

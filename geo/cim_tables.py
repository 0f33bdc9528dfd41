"""A CIM model as the tables of our doors.

Connectivity nodes become nodes, lines, switches and transformers edges (three windings: a star point with an
edge each), usage points with their meters meters, energy sources the substations. A cell that the standard
has no word for comes from our own property, where we wrote the model.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final

from geo import doors
from geo.cim_model import (
    BRANCHES,
    CONSUMERS,
    ENDS,
    LINES,
    NODES,
    OWN,
    SENSORS,
    SOURCES,
    SWITCHES,
    CimModel,
    CimObject,
    End,
)
from geo.report import Report
from geo.rows import Table
from geo.voltage import LV_BELOW_KV

VOLTS_FROM: Final = 1200.0
"""A highest nominal voltage above this is meant in volts: no grid has so many kilovolts."""
DEGREES: Final = frozenset({"", "urn:ogc:def:crs:epsg::4326", "urn:ogc:def:crs:epsg::4490", "wgs84"})
Row = dict[str, str]


def tables_of(model: CimModel, report: Report) -> dict[str, Table]:
    """The door tables; what cannot be used is reported with its line."""
    reading = _Reading(model, report)
    rows: dict[str, Iterable[_Placed]] = {
        "edges": reading.edges(),
        "meters": reading.meters(),
        "terminals": reading.terminals(),
        "sensors": reading.sensors(),
        "identifiers": reading.identifiers(),
        # Edges and meters may make nodes and customers: these tables are put together last.
        "nodes": chain(reading.nodes(), reading.made_nodes),
        "customers": chain(reading.customers(), reading.made_customers),
    }
    by_name = {door.name: door for door in doors.DOORS}
    made = {name: _table(by_name[name], found) for name, found in rows.items()}
    for kind, count in sorted(model.unread.items()):
        report.add("unread-class", place="CIM", facts={"name": kind, "count": count})
    return {name: table for name in by_name if (table := made[name]) is not None}


@dataclass(frozen=True, slots=True)
class _Placed:
    """A row with where it stood in the document."""

    row: Row
    place: str
    line: int


def _table(door: doors.Door, rows: Iterable[_Placed]) -> Table | None:
    """Row by row into columns, so that no row is kept; None of no rows."""
    columns: dict[str, list[str]] = {name: [] for name in door.columns}
    lines: list[int] = []
    places: list[str] = []
    for found in rows:
        for name in found.row:
            if name not in columns:
                columns[name] = [""] * len(lines)
        for name, column in columns.items():
            column.append(found.row.get(name, ""))
        lines.append(found.line)
        places.append(found.place)
    if not lines:
        return None
    return Table(places[0], {name: tuple(cells) for name, cells in columns.items()}, lines, places)


class _Reading:
    """Turns a whole model into rows."""

    def __init__(self, model: CimModel, report: Report) -> None:
        self.model = model
        self.report = report
        self.made_nodes: list[_Placed] = []
        self.made_customers: list[_Placed] = []

    @cached_property
    def _kilo(self) -> float:
        """What brings a voltage to kV and a length to km: 1 where it is in these (cgmes), else 1/1000."""
        if self.model.units:
            return 1.0 if self.model.units == "cgmes" else 1e-3
        voltages = [_number(base.get("BaseVoltage.nominalVoltage")) for base in self.model.of("BaseVoltage")]
        highest = max((kv for kv in voltages if kv is not None), default=0.0)
        in_volts = highest > VOLTS_FROM
        facts = {"units": "V, m, VA" if in_volts else "kV, km, MVA", "voltage": f"{highest:g}"}
        self.report.add("units-guessed", place="CIM", facts=facts)
        return 1e-3 if in_volts else 1.0

    @property
    def _kva(self) -> float:
        """What brings a power to kVA: MVA in cgmes, else VA."""
        return 1000.0 if self._kilo == 1.0 else 1e-3

    def _kv(self, text: str) -> float | None:
        value = _number(text)
        return None if value is None else round(value * self._kilo, 9)

    @cached_property
    def _base_kv(self) -> Mapping[str, float | None]:
        """By base voltage, and by voltage level."""
        known = {
            base.id: self._kv(base.get("BaseVoltage.nominalVoltage")) for base in self.model.of("BaseVoltage")
        }
        levels = {
            level.id: known.get(level.get("VoltageLevel.BaseVoltage"))
            for level in self.model.of("VoltageLevel")
        }
        return known | levels

    @cached_property
    def _windings(self) -> Mapping[str, list[CimObject]]:
        """By transformer its ends, the highest voltage first as numbered."""
        found: dict[str, list[CimObject]] = defaultdict(list)
        for end in self.model.of(*ENDS):
            owner = end.first("PowerTransformerEnd.PowerTransformer", "TransformerTankEnd.TransformerTank")
            tank = self.model.objects.get(owner)
            if tank is not None and tank.kind == "TransformerTank":
                owner = tank.get("TransformerTank.PowerTransformer")
            found[owner].append(end)
        for ends in found.values():
            ends.sort(key=lambda end: _number(end.get("TransformerEnd.endNumber")) or 0.0)
        return found

    def _end_node(self, winding: CimObject) -> str:
        terminal = winding.get("TransformerEnd.Terminal")
        equipment = self.model.equipment.get(terminal, "")
        return next((end.node for end in self.model.ends.get(equipment, ()) if end.terminal == terminal), "")

    def _ends(self, equipment: str) -> list[End]:
        return sorted(end for end in self.model.ends.get(equipment, ()) if end.node)

    @cached_property
    def _node_kv(self) -> Mapping[str, float]:
        """By node, from its container, from what is connected to it, from the windings there."""
        known: dict[str, float] = {}
        for node in self.model.of(*NODES):
            container = node.first(
                "ConnectivityNode.ConnectivityNodeContainer", "TopologicalNode.BaseVoltage"
            )
            _note(known, node.id, self._base_kv.get(container))
        for equipment in self.model.objects.values():
            base = equipment.first("ConductingEquipment.BaseVoltage", "Equipment.EquipmentContainer")
            if equipment.kind not in {"PowerTransformer", *ENDS}:
                for end in self.model.ends.get(equipment.id, ()):
                    _note(known, end.node, self._base_kv.get(base))
        for windings in self._windings.values():
            for winding in windings:
                base_kv = self._base_kv.get(winding.get("TransformerEnd.BaseVoltage"))
                _note(
                    known,
                    self._end_node(winding),
                    base_kv or self._kv(winding.get("PowerTransformerEnd.ratedU")),
                )
        return known

    @cached_property
    def _node_kind(self) -> Mapping[str, str]:
        """By node, from what is connected to it; a source outweighs a busbar, a busbar the rest."""
        known: dict[str, str] = {}
        for kinds, kind in ((SOURCES, "substation"), (("BusbarSection",), "busbar")):
            for equipment in self.model.of(*kinds):
                for end in self._ends(equipment.id):
                    known.setdefault(end.node, kind)
        for windings in self._windings.values():
            if windings and self._node_kv.get(low := self._end_node(windings[-1]), 10.0) < LV_BELOW_KV:
                known[low] = "transformer_lv"
        for consumer in self.model.of(*CONSUMERS):
            for end in self._ends(consumer.id):
                if self._node_kv.get(end.node, 10.0) < LV_BELOW_KV:
                    known.setdefault(end.node, "access_point")
        return known

    @cached_property
    def _node_at(self) -> Mapping[str, tuple[str, str]]:
        """By node (lon, lat), from the places of what is connected to it."""
        if any(system.lower() not in DEGREES for system in self.model.systems):
            facts = {"path": ", ".join(sorted(self.model.systems)), "expected": "EPSG::4326"}
            self.report.add("coordinates-not-read", place="CIM", facts=facts)
            return {}
        known: dict[str, tuple[str, str]] = {}
        placed = ((self._course(found), found) for found in self.model.objects.values())
        # Points say where a node stands better than the ends of drawn lines do.
        for course, found in sorted(((c, f) for c, f in placed if c), key=lambda pair: len(pair[0]) > 1):
            ends = self._ends(found.id)
            for end in ends:
                known.setdefault(end.node, course[0] if end is ends[0] else course[-1])
        return known

    def _course(self, found: CimObject) -> list[tuple[str, str]]:
        """(lon, lat) of an object's location in order."""
        course = self.model.courses.get(found.get("PowerSystemResource.Location"), ())
        return [(x, y) for _sequence, x, y in sorted(course, key=lambda point: point[0])]

    def nodes(self) -> Iterator[_Placed]:
        for node in self.model.of(*NODES):
            lon, lat = self._node_at.get(node.id, ("", ""))
            kv = self._node_kv.get(node.id)
            row = {
                "id": node.own_id, "kind": self._node_kind.get(node.id, "junction"), "name": node.name,
                "lon": lon, "lat": lat, "voltage_kv": "" if kv is None else repr(kv),
            }  # fmt: skip
            yield _placed(node, row)

    def _own(self, identifier: str) -> str:
        """Our id of an object of the document; one that is not there stays as it is, and is told later."""
        found = self.model.objects.get(identifier)
        return found.own_id if found else identifier

    def edges(self) -> Iterator[_Placed]:
        return (row for branch in self.model.of(*BRANCHES) for row in self._branch(branch))

    def _branch(self, branch: CimObject) -> Iterator[_Placed]:
        if branch.kind == "PowerTransformer":
            yield from self._transformer(branch)
            return
        ends = self._ends(branch.id)
        if len(ends) != 2:
            self._tell_ends(branch, len(ends), "2")
            return
        course = self._course(branch)
        length = _number(branch.get("Conductor.length"))
        row = {
            "id": branch.own_id, "kind": "line" if branch.kind in LINES else SWITCHES[branch.kind],
            "from_id": self._own(ends[0].node), "to_id": self._own(ends[1].node), "closed": _closed(branch),
            "phases": _phases(ends[0].phases), "name": branch.name,
            "length_m": "" if length is None else repr(round(length * self._kilo * 1000, 3)),
        }  # fmt: skip
        if len(course) > 2:
            # Two points say no more than the ends do.
            row["path"] = ";".join(f"{x} {y}" for x, y in course)
        yield _placed(branch, row)

    def _tell_ends(self, branch: CimObject, found: int, expected: str) -> None:
        facts = {"name": branch.kind, "found": found, "expected": expected}
        self.report.add("missing-end", branch.own_id, branch.place, branch.line, facts=facts)

    def _transformer(self, branch: CimObject) -> Iterator[_Placed]:
        windings = self._windings.get(branch.id, [])
        nodes = [node for winding in windings if (node := self._end_node(winding))]
        if not nodes:
            nodes = [end.node for end in self._ends(branch.id)]
        nodes = list(dict.fromkeys(nodes))
        rated = [_number(winding.get("PowerTransformerEnd.ratedS")) for winding in windings]
        row = {
            "kind": "transformer", "closed": _closed(branch), "phases": "", "length_m": "",
            "name": branch.name, "transformer_kind": "",
            "rated_kva": repr(round(rated[0] * self._kva, 3)) if rated and rated[0] else "",
        }  # fmt: skip
        if len(nodes) == 2:
            ends = {"id": branch.own_id, "from_id": self._own(nodes[0]), "to_id": self._own(nodes[1])}
            yield _placed(branch, row | ends)
        elif len(nodes) == 3:
            yield from self._star(branch, nodes, row)
        else:
            self._tell_ends(branch, len(nodes), "2 or 3")

    def _star(self, branch: CimObject, nodes: list[str], row: Row) -> Iterator[_Placed]:
        """Three windings meet in a node of the highest voltage."""
        middle = f"{branch.own_id}-0"
        kv = self._node_kv.get(nodes[0])
        star = {
            "id": middle,
            "kind": "junction",
            "name": branch.name,
            "voltage_kv": "" if kv is None else repr(kv),
        }
        self.made_nodes.append(_placed(branch, star))
        for number, node in enumerate(nodes, start=1):
            ends = {"id": f"{branch.own_id}-{number}", "from_id": middle, "to_id": self._own(node)}
            yield _placed(branch, row | ends)

    def meters(self) -> Iterator[_Placed]:
        """Meters in their order; then one for each usage point and each consumer that came without."""
        points = {point.id: point for point in self.model.of("UsagePoint")}
        for meter in self.model.of("Meter"):
            yield self._meter(meter, meter.own_id, points.get(meter.get("EndDevice.UsagePoint")))
        metered = {meter.get("EndDevice.UsagePoint") for meter in self.model.of("Meter")}
        for point in points.values():
            if point.id not in metered:
                yield self._made_meter(point, point)
        served = {point.get("UsagePoint.Equipments") for point in points.values()}
        for consumer in self.model.of(*CONSUMERS):
            if consumer.id not in served:
                yield self._made_meter(consumer, None)

    def _made_meter(self, source: CimObject, point: CimObject | None) -> _Placed:
        identifier = source.own_id if point else f"{source.own_id}-M"
        facts = {"meter": identifier}
        self.report.add("meter-made", source.own_id, source.place, source.line, facts=facts)
        return self._meter(source, identifier, point)

    def _meter(self, source: CimObject, identifier: str, point: CimObject | None) -> _Placed:
        equipment = point.get("UsagePoint.Equipments") if point else source.id
        ends = self._ends(equipment)
        customer = self.model.objects.get(source.get("EndDevice.Customer"))
        if customer is None:
            customer_id = (point or source).own_id
            self.made_customers.append(_placed(source, {"id": customer_id, "name": (point or source).name}))
        row = {
            "id": identifier, "node_id": self._own(ends[0].node) if ends else "",
            "customer_id": customer.own_id if customer else customer_id,
            "phases": _phases(_code(point.get("UsagePoint.phaseCode"))) if point else "", "terminal_id": "",
        }  # fmt: skip
        return _placed(source, row)

    def customers(self) -> Iterator[_Placed]:
        for found in self.model.of("Customer"):
            yield _placed(found, {"id": found.own_id, "name": found.name})

    def terminals(self) -> Iterator[_Placed]:
        """Only those that we wrote: CIM does not say which transformer a unit watches."""
        for unit in self.model.of("RemoteUnit"):
            if unit.get(OWN):
                yield _placed(unit, {"id": unit.own_id, "edge_id": ""})

    def sensors(self) -> Iterator[_Placed]:
        for sensor in self.model.of(*SENSORS):
            edge = self.model.equipment.get(sensor.get("AuxiliaryEquipment.Terminal"), "")
            row = {"id": sensor.own_id, "edge_id": self._own(edge), "kind": "fault_indicator"}
            yield _placed(sensor, row)

    def identifiers(self) -> Iterator[_Placed]:
        for name in self.model.of("Name"):
            system = self.model.objects.get(name.get("Name.NameType"))
            row = {
                "system": system.get("NameType.name") if system else "",
                "foreign_id": name.get("Name.name"),
                "own_id": self._own(name.get("Name.IdentifiedObject")),
                "from": "",
                "to": "",
            }
            yield _placed(name, row)


def _placed(source: CimObject, row: Row) -> _Placed:
    """The row, with the cells that we wrote beside the standard ones."""
    own = source.get(OWN)
    return _Placed(row | _own_cells(own) if own else row, source.place, source.line)


def _own_cells(text: str) -> Row:
    try:
        cells = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(cell) for name, cell in cells.items()} if isinstance(cells, dict) else {}


def _note(known: dict[str, float], node: str, kv: float | None) -> None:
    if node and kv:
        known.setdefault(node, kv)


def _number(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _closed(branch: CimObject) -> str:
    """The normal position of a switch; anything else is closed while it is in service."""
    if branch.kind in SWITCHES:
        return "0" if branch.first("Switch.normalOpen", "Switch.open").lower() == "true" else "1"
    service = branch.first("Equipment.normallyInService", "Equipment.inService")
    return "0" if service.lower() == "false" else "1"


def _phases(code: str) -> str:
    """A phase code as our spelling: neutral conductors and secondary phases fall away."""
    return "".join(letter for letter in "ABC" if letter in code)


def _code(reference: str) -> str:
    return reference.rsplit(".", 1)[-1]

"""A network as CIM XML: standard classes where the standard has words, one property of ours for the rest.

Written object by object. Each carries our id as its mRID; the id within the document is made from it, so that
the same network gives the same file.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape, quoteattr

from geo.adapters.cim import OWN_NAMESPACE, RDF
from geo.doors import PATH_COLUMN
from geo.network import Network
from geo.spelling import Columns, spelled

CIM: Final = "http://iec.ch/TC57/CIM100#"
HEADER: Final = "http://iec.ch/TC57/61970-552/ModelDescription/1#"
CLASS_OF_EDGE: Final[Mapping[str, str]] = {
    "line": "ACLineSegment",
    "cable": "ACLineSegment",
    "service": "ACLineSegment",
    "breaker": "Breaker",
    "switch": "LoadBreakSwitch",
    "fuse": "Fuse",
    "transformer": "PowerTransformer",
}
Property = tuple[str, str]
Row = Mapping[str, str]


def write_cim(network: Network, file: Path) -> tuple[str, ...]:
    """Write the file, replacing what was there; answers what it could not hold (nothing)."""
    beside = file.with_name(f".{file.name}.new")
    with beside.open("w", encoding="utf-8", newline="\n") as out:
        _Writing(network, out).write()
    beside.replace(file)
    return ()


def _rows(columns: Columns) -> Iterator[dict[str, str]]:
    names = list(columns)
    return (dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True))


def _uuid(table: str, identifier: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{OWN_NAMESPACE}{table}/{identifier}"))


class _Writing:
    def __init__(self, network: Network, out: TextIO) -> None:
        self._network = network
        self._tables = spelled(network)
        self._out = out
        self._node_kv = dict(zip(network.nodes.ids, network.nodes.voltage_kv.tolist(), strict=True))
        nodes = self._tables["nodes"]
        self._node_at = dict(zip(nodes["id"], zip(nodes["lon"], nodes["lat"], strict=True), strict=True))
        self._consumers: dict[str, str] = {}

    def write(self) -> None:
        self._out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        names = {"rdf": RDF, "cim": CIM, "md": HEADER, "gridcrew": OWN_NAMESPACE}
        declared = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in names.items())
        self._out.write(f"<rdf:RDF {declared}>\n")
        self._header()
        self._voltages()
        for row in _rows(self._tables["nodes"]):
            self._node(row)
        for row in _rows(self._tables["edges"]):
            self._edge(row)
        self._people()
        self._devices()
        self._identifiers()
        self._out.write("</rdf:RDF>\n")

    def _object(
        self, kind: str, uuid: str, *properties: Property, references: Sequence[Property] = ()
    ) -> None:
        lines = [f'<{kind} rdf:ID="_{uuid}">']
        for name, value in properties:
            if value:
                lines.append(f"  <{name}>{escape(value)}</{name}>")
        for name, target in references:
            if target:
                where = target if "#" in target else f"#_{target}"
                lines.append(f"  <{name} rdf:resource={quoteattr(where)}/>")
        lines.append(f"</{kind}>\n")
        self._out.write("\n".join(lines))

    def _header(self) -> None:
        uuid = _uuid("model", self._network.content_hash)
        self._object("md:FullModel", uuid, ("gridcrew:units", "si"))
        system = ("cim:CoordinateSystem.crsUrn", "urn:ogc:def:crs:EPSG::4326")
        self._object("cim:CoordinateSystem", _uuid("system", "wgs84"), system)

    def _voltages(self) -> None:
        levels = sorted({kv for kv in self._node_kv.values() if kv > 0})
        for kv in levels:
            volts = ("cim:BaseVoltage.nominalVoltage", f"{kv * 1000:.10g}")
            self._object("cim:BaseVoltage", _uuid("voltage", repr(kv)), volts)

    def _base(self, kv: float) -> str:
        return _uuid("voltage", repr(kv)) if kv > 0 else ""

    def _node(self, row: dict[str, str]) -> None:
        identifier = row["id"]
        rest = {name: cell for name, cell in row.items() if name not in {"id", "name"}}
        self._object("cim:ConnectivityNode", _uuid("nodes", identifier), *_named(row), _rest(rest))
        kind = {"substation": "EnergySource", "busbar": "BusbarSection"}.get(row["kind"])
        if kind:
            uuid = _uuid("node-equipment", identifier)
            self._equipment(f"cim:{kind}", uuid, identifier, row)

    def _equipment(self, kind: str, uuid: str, node: str, row: Row) -> None:
        """A thing of one terminal at a node."""
        location = self._location(uuid, [self._node_at[node]])
        references = [
            ("cim:ConductingEquipment.BaseVoltage", self._base(self._node_kv[node])),
            ("cim:PowerSystemResource.Location", location),
        ]
        name = ("cim:IdentifiedObject.name", row.get("name", ""))
        self._object(kind, uuid, name, references=references)
        self._terminal(uuid, 1, node, "")

    def _terminal(self, equipment: str, sequence: int, node: str, phases: str) -> str:
        uuid = _uuid("terminal", f"{equipment}/{sequence}")
        references = [
            ("cim:Terminal.ConductingEquipment", equipment),
            ("cim:Terminal.ConnectivityNode", _uuid("nodes", node)),
            ("cim:Terminal.phases", f"{CIM}PhaseCode.{phases}" if phases else ""),
        ]
        self._object(
            "cim:Terminal", uuid, ("cim:ACDCTerminal.sequenceNumber", str(sequence)), references=references
        )
        return uuid

    def _location(self, owner: str, course: Sequence[tuple[str, str]]) -> str:
        if not all(lon and lat for lon, lat in course):
            return ""
        uuid = _uuid("location", owner)
        system = [("cim:Location.CoordinateSystem", _uuid("system", "wgs84"))]
        self._object("cim:Location", uuid, references=system)
        for sequence, (lon, lat) in enumerate(course, start=1):
            self._object(
                "cim:PositionPoint", _uuid("point", f"{owner}/{sequence}"),
                ("cim:PositionPoint.sequenceNumber", str(sequence)),
                ("cim:PositionPoint.xPosition", lon), ("cim:PositionPoint.yPosition", lat),
                references=[("cim:PositionPoint.Location", uuid)],
            )  # fmt: skip
        return uuid

    def _edge(self, row: dict[str, str]) -> None:
        uuid, kind = _uuid("edges", row["id"]), CLASS_OF_EDGE[row["kind"]]
        ends = row["from_id"], row["to_id"]
        rest = {name: cell for name, cell in row.items() if name not in {"id", "name", "from_id", "to_id"}}
        references = [("cim:PowerSystemResource.Location", self._location(uuid, self._course(row)))]
        if kind == "PowerTransformer":
            properties = [("cim:Equipment.normallyInService", "true" if row["closed"] == "1" else "false")]
        else:
            references.append(("cim:ConductingEquipment.BaseVoltage", self._base(self._node_kv[ends[0]])))
            properties = _state(kind, row)
        self._object(f"cim:{kind}", uuid, *_named(row), *properties, _rest(rest), references=references)
        terminals = [self._terminal(uuid, at, node, row["phases"]) for at, node in enumerate(ends, start=1)]
        if kind == "PowerTransformer":
            self._windings(uuid, ends, terminals, row)

    def _course(self, row: Row) -> list[tuple[str, str]]:
        pairs = [pair.split() for pair in row.get(PATH_COLUMN, "").split(";") if pair]
        if len(pairs) > 1 and all(len(pair) == 2 for pair in pairs):
            return [(lon, lat) for lon, lat in pairs]
        return [self._node_at[row["from_id"]], self._node_at[row["to_id"]]]

    def _windings(self, transformer: str, ends: tuple[str, str], terminals: list[str], row: Row) -> None:
        """One end per winding, the higher voltage first."""
        sides = sorted(zip(ends, terminals, strict=True), key=lambda side: -_or_zero(self._node_kv[side[0]]))
        rated = f"{float(row['rated_kva']) * 1000:.10g}" if row["rated_kva"] else ""
        for number, (node, terminal) in enumerate(sides, start=1):
            kv = _or_zero(self._node_kv[node])
            self._object(
                "cim:PowerTransformerEnd", _uuid("winding", f"{transformer}/{number}"),
                ("cim:TransformerEnd.endNumber", str(number)),
                ("cim:PowerTransformerEnd.ratedU", f"{kv * 1000:.10g}" if kv else ""),
                ("cim:PowerTransformerEnd.ratedS", rated),
                references=[
                    ("cim:PowerTransformerEnd.PowerTransformer", transformer),
                    ("cim:TransformerEnd.Terminal", terminal),
                    ("cim:TransformerEnd.BaseVoltage", self._base(kv)),
                ],
            )  # fmt: skip

    def _people(self) -> None:
        for row in _rows(self._tables["customers"]):
            rest = {name: cell for name, cell in row.items() if name not in {"id", "name"}}
            self._object("cim:Customer", _uuid("customers", row["id"]), *_named(row), _rest(rest))
        for row in _rows(self._tables["meters"]):
            self._meter(row)

    def _meter(self, row: dict[str, str]) -> None:
        """A meter with its usage point; meters at one node share a consumer."""
        node, point = row["node_id"], _uuid("usage-points", row["id"])
        if node not in self._consumers:
            self._consumers[node] = _uuid("consumers", node)
            self._equipment("cim:EnergyConsumer", self._consumers[node], node, {})
        self._object(
            "cim:UsagePoint", point,
            references=[
                ("cim:UsagePoint.Equipments", self._consumers[node]),
                ("cim:UsagePoint.phaseCode", f"{CIM}PhaseCode.{row['phases']}"),
            ],
        )  # fmt: skip
        rest = {name: cell for name, cell in row.items() if name not in {"id", "node_id", "customer_id"}}
        references = [
            ("cim:EndDevice.UsagePoint", point),
            ("cim:EndDevice.Customer", _uuid("customers", row["customer_id"])),
        ]
        self._object(
            "cim:Meter", _uuid("meters", row["id"]), *_named(row), _rest(rest), references=references
        )

    def _devices(self) -> None:
        for row in _rows(self._tables["terminals"]):
            rest = {name: cell for name, cell in row.items() if name != "id"}
            self._object("cim:RemoteUnit", _uuid("terminals", row["id"]), *_named(row), _rest(rest))
        for row in _rows(self._tables["sensors"]):
            kind = "FaultIndicator" if row["kind"] == "fault_indicator" else "PostLineSensor"
            rest = {name: cell for name, cell in row.items() if name not in {"id", "edge_id"}}
            at = _uuid("terminal", f"{_uuid('edges', row['edge_id'])}/1")
            references = [("cim:AuxiliaryEquipment.Terminal", at)]
            self._object(
                f"cim:{kind}", _uuid("sensors", row["id"]), *_named(row), _rest(rest), references=references
            )

    def _identifiers(self) -> None:
        columns = self._tables.get("identifiers", {})
        for system in dict.fromkeys(columns.get("system", ())):
            self._object("cim:NameType", _uuid("systems", system), ("cim:NameType.name", system))
        for number, row in enumerate(_rows(columns) if columns else ()):
            rest = {name: cell for name, cell in row.items() if name not in {"system", "foreign_id"}}
            self._object(
                "cim:Name", _uuid("names", str(number)), ("cim:Name.name", row["foreign_id"]), _rest(rest),
                references=[("cim:Name.NameType", _uuid("systems", row["system"]))],
            )  # fmt: skip


def _named(row: Row) -> tuple[Property, Property]:
    return ("cim:IdentifiedObject.mRID", row["id"]), ("cim:IdentifiedObject.name", row.get("name", ""))


def _rest(cells: Row) -> Property:
    """What the standard has no word for; empty cells too, because they may differ from what is derived."""
    return "gridcrew:Row", json.dumps(dict(cells), ensure_ascii=False, separators=(",", ":"))


def _state(kind: str, row: Row) -> list[Property]:
    if kind == "ACLineSegment":
        service = "true" if row["closed"] == "1" else "false"
        return [("cim:Conductor.length", row["length_m"]), ("cim:Equipment.normallyInService", service)]
    position = "false" if row["closed"] == "1" else "true"
    return [("cim:Switch.normalOpen", position), ("cim:Switch.open", position)]


def _or_zero(kv: float) -> float:
    return kv if kv > 0 else 0.0

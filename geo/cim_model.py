"""What is kept of a CIM model (IEC 61970/61968) while its objects stream by: only what a network needs.

Terminals become the ends of their equipment and position points the course of their location at once, so
that the millions of small objects of a large model are not held one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

OWN: Final = "gridcrew:Row"
"""Property of our own: JSON of the cells that CIM has no words for."""

SWITCHES: Final[Mapping[str, str]] = {
    "Breaker": "breaker",
    "Recloser": "breaker",
    "LoadBreakSwitch": "switch",
    "Disconnector": "switch",
    "DisconnectingCircuitBreaker": "breaker",
    "Sectionaliser": "switch",
    "Switch": "switch",
    "ProtectedSwitch": "switch",
    "Jumper": "switch",
    "Cut": "switch",
    "Fuse": "fuse",
}
LINES: Final = ("ACLineSegment",)
TRANSFORMERS: Final = ("PowerTransformer",)
ENDS: Final = ("PowerTransformerEnd", "TransformerTankEnd")
SOURCES: Final = ("EnergySource", "ExternalNetworkInjection")
CONSUMERS: Final = ("EnergyConsumer", "ConformLoad", "NonConformLoad")
NODES: Final = ("ConnectivityNode", "TopologicalNode")
SENSORS: Final = ("FaultIndicator", "PostLineSensor")
BRANCHES: Final = (*LINES, *SWITCHES, *TRANSFORMERS)
KEPT: Final = frozenset(
    {
        *NODES, *BRANCHES, *ENDS, *SOURCES, *CONSUMERS, *SENSORS, "BusbarSection", "BaseVoltage",
        "VoltageLevel", "UsagePoint", "Meter", "Customer", "RemoteUnit", "Name", "NameType",
        "TransformerTank",
    }
)  # fmt: skip
ABSORBED: Final = frozenset({"Terminal", "PositionPoint", "CoordinateSystem", "FullModel", "Location"})
"""Read, but not as objects."""
SILENT: Final = frozenset(
    {
        "Substation", "Bay", "Line", "Feeder", "GeographicalRegion", "SubGeographicalRegion", "PSRType",
        "UsagePointLocation", "ServiceLocation", "Location",
    }
)  # fmt: skip
"""Containers and labels: nothing of the network is lost with them."""


@dataclass(frozen=True, slots=True)
class CimObject:
    """One object of the document; references are ids, literals text."""

    kind: str
    id: str
    properties: Mapping[str, str]
    place: str = ""
    line: int = 0

    def get(self, name: str) -> str:
        """A property, '' where it has none."""
        return self.properties.get(name, "")

    def first(self, *names: str) -> str:
        """The first property that is given."""
        return next((found for name in names if (found := self.get(name))), "")

    @property
    def own_id(self) -> str:
        """The id by which we know it: its mRID, else that of the document."""
        return self.get("IdentifiedObject.mRID") or self.id

    @property
    def name(self) -> str:
        return self.get("IdentifiedObject.name")


class End(NamedTuple):
    """Where an equipment is connected."""

    sequence: int
    node: str
    phases: str
    terminal: str


@dataclass(slots=True)
class CimModel:
    """Fill with ``take``; order of the document is kept within each class group."""

    objects: dict[str, CimObject] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)
    ends: dict[str, list[End]] = field(default_factory=lambda: defaultdict(list))
    """By equipment."""
    equipment: dict[str, str] = field(default_factory=dict)
    """By terminal."""
    courses: dict[str, list[tuple[int, str, str]]] = field(default_factory=lambda: defaultdict(list))
    """By location: (sequence, x, y)."""
    systems: set[str] = field(default_factory=set)
    """Names of coordinate systems."""
    units: str = ""
    """``si`` or ``cgmes`` where the header says so."""

    def take(self, found: CimObject) -> None:
        """Keep what matters of one object; a second with the same id adds its properties (profiles)."""
        match found.kind:
            case "Terminal":
                self._terminal(found)
            case "PositionPoint":
                self._position(found)
            case "CoordinateSystem":
                self.systems.add(found.get("CoordinateSystem.crsUrn"))
            case "FullModel":
                self._header(found)
            case kind if kind in KEPT:
                self._keep(found)
            case kind if kind not in SILENT:
                self.unread[kind] += 1

    def of(self, *kinds: str) -> Iterable[CimObject]:
        """Objects of these classes, in the order of the document."""
        return (found for found in self.objects.values() if found.kind in kinds)

    def _keep(self, found: CimObject) -> None:
        known = self.objects.get(found.id)
        if known is None:
            self.objects[found.id] = found
            return
        merged = {**known.properties, **found.properties}
        self.objects[found.id] = CimObject(known.kind, known.id, merged, known.place, known.line)

    def _terminal(self, found: CimObject) -> None:
        equipment = found.get("Terminal.ConductingEquipment")
        if not equipment:
            # Other profiles add states to a terminal that is already known.
            return
        number = found.first("ACDCTerminal.sequenceNumber", "Terminal.sequenceNumber")
        sequence = int(number) if number.isdigit() else len(self.ends[equipment]) + 1
        node = found.first("Terminal.ConnectivityNode", "Terminal.TopologicalNode")
        self.ends[equipment].append(End(sequence, node, _last(found.get("Terminal.phases")), found.id))
        self.equipment[found.id] = equipment

    def _position(self, found: CimObject) -> None:
        number = found.get("PositionPoint.sequenceNumber")
        course = self.courses[found.get("PositionPoint.Location")]
        sequence = int(number) if number.isdigit() else len(course) + 1
        course.append((sequence, found.get("PositionPoint.xPosition"), found.get("PositionPoint.yPosition")))

    def _header(self, found: CimObject) -> None:
        profile = found.get("Model.profile").lower()
        self.units = found.get("gridcrew:units") or self.units
        if not self.units and ("entsoe" in profile or "cgmes" in profile or "coreequipment" in profile):
            self.units = "cgmes"


def _last(reference: str) -> str:
    """``…#PhaseCode.ABC`` → ``ABC``."""
    return reference.rsplit(".", 1)[-1]

"""The seven tables by which a network comes in and goes out, and the spelling of their values."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from geo.network import CustomerClass, EdgeKind, NodeKind, Phases, Priority, SensorKind, TransformerKind


@dataclass(frozen=True, slots=True)
class Door:
    """One table: the columns that must be there, those that may, and whether the table itself may be absent.

    Any further column is kept as it came.
    """

    name: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    may_be_absent: bool = False

    @property
    def file(self) -> str:
        return f"{self.name}.csv"

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns + self.optional


NODES: Final = Door("nodes", ("id", "kind", "name", "lon", "lat", "voltage_kv"))
EDGES: Final = Door(
    "edges",
    ("id", "kind", "from_id", "to_id", "closed", "phases", "length_m", "name"),
    ("rated_kva", "transformer_kind"),
)
METERS: Final = Door("meters", ("id", "node_id", "customer_id", "phases", "terminal_id"))
TERMINALS: Final = Door("terminals", ("id", "edge_id"), may_be_absent=True)
SENSORS: Final = Door("sensors", ("id", "edge_id", "kind"), may_be_absent=True)
CUSTOMERS: Final = Door(
    "customers",
    ("id", "name", "class", "priority", "phone", "address", "grid_id", "access_point_id"),
    may_be_absent=True,
)
IDENTIFIERS: Final = Door("identifiers", ("system", "foreign_id", "own_id", "from", "to"), may_be_absent=True)

PATH_COLUMN: Final = "path"
"""Unread column of edges.csv with an edge's own course: ``lon lat;lon lat;…`` from ``from`` to ``to``."""
DEFAULT_CELLS: Final = 12
"""Service grid cells into which a grid is parted that names none."""

DOORS: Final = (NODES, EDGES, METERS, TERMINALS, SENSORS, CUSTOMERS, IDENTIFIERS)


def spelling(kinds: type[IntEnum]) -> dict[str, int]:
    """Lower-case name → number, as the doors spell it."""
    return {kind.name.lower(): int(kind) for kind in kinds}


NODE_KINDS: Final = spelling(NodeKind)
EDGE_KINDS: Final = spelling(EdgeKind)
SENSOR_KINDS: Final = spelling(SensorKind)
TRANSFORMER_KINDS: Final = {"": int(TransformerKind.NONE)} | spelling(TransformerKind)
CUSTOMER_CLASSES: Final = {"": int(CustomerClass.RESIDENT)} | spelling(CustomerClass)
PRIORITIES: Final = {"": int(Priority.NORMAL)} | spelling(Priority)
FLAGS: Final = {"0": 0, "1": 1}

PHASE_NAMES: Final = tuple(
    "".join(phase.name or "" for phase in (Phases.A, Phases.B, Phases.C) if phase & bits) for bits in range(8)
)
"""Spelling by number: '', A, B, AB, C, AC, BC, ABC."""

PHASES: Final = {"": int(Phases.ABC)} | {name: bits for bits, name in enumerate(PHASE_NAMES) if name}
"""Number by spelling; an empty cell means all three."""

"""The electric network as immutable columns: station → line → transformer → access point → meter → customer.

The connected model of INT-01. A network is a *snapshot*, named by the hash of its content. What changes by
the minute (switch positions, failures, jumpers) is evidence and lives elsewhere; ``closed`` here is the
normal position.

Every table is a set of parallel columns. References between tables are row numbers (int32), so that
everything computed on a network is array work; ids are text and matter only at the edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
UInt64 = NDArray[np.uint64]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Texts = tuple[str, ...]

ABSENT = -1
"""A reference to nothing: a meter without a terminal, a customer without an access point."""


class NodeKind(IntEnum):
    """Kinds of ``nodes.csv``; the door's spelling is the lower-case name. A substation is a source."""

    SUBSTATION = 0
    BUSBAR = 1
    JUNCTION = 2
    POLE = 3
    RING_MAIN_UNIT = 4
    SWITCHING_STATION = 5
    TRANSFORMER_LV = 6
    BRANCH_BOX = 7
    ACCESS_POINT = 8
    METER_POINT = 9


class EdgeKind(IntEnum):
    """Kinds of ``edges.csv``; the door's spelling is the lower-case name."""

    LINE = 0
    CABLE = 1
    BREAKER = 2
    SWITCH = 3
    FUSE = 4
    TRANSFORMER = 5
    SERVICE = 6


SWITCHING_KINDS = frozenset({EdgeKind.BREAKER, EdgeKind.SWITCH, EdgeKind.FUSE})


class SensorKind(IntEnum):
    """Kinds of ``sensors.csv``."""

    SWITCH = 0
    FAULT_INDICATOR = 1


class Phases(IntFlag):
    """Which conductors an element has; ``ABC`` is 7."""

    NONE = 0
    A = 1
    B = 2
    C = 4
    ABC = 7


class TransformerKind(IntEnum):
    """公变 serves many customers, 专变 belongs to one (``transformer_kind`` of edges.csv)."""

    NONE = 0
    PUBLIC = 1
    DEDICATED = 2


class CustomerClass(IntEnum):
    """``class`` of customers.csv."""

    RESIDENT = 0
    NON_RESIDENT = 1
    SMALL_MICRO = 2
    HIGH_VOLTAGE = 3


class Priority(IntEnum):
    """``priority`` of customers.csv: key customers (重要客户) and vulnerable people (弱势群体) come first."""

    NORMAL = 0
    VULNERABLE = 1
    KEY = 2


Extra = Mapping[str, Texts]
"""Columns of the source that we do not read, kept for export and for others."""


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    ids: Texts
    kind: Int8
    name: Texts
    lon: Float64
    """WGS-84 degrees; NaN where unknown."""
    lat: Float64
    voltage_kv: Float64
    extra: Extra = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    ids: Texts
    kind: Int8
    from_node: Int32
    to_node: Int32
    closed: Bool
    """Normal position; False on something that is no switch means out of service."""
    phases: Int8
    length_m: Float64
    name: Texts
    rated_kva: Float64
    """NaN where not given."""
    transformer_kind: Int8
    extra: Extra = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Meters:
    ids: Texts
    node: Int32
    customer: Int32
    phases: Int8
    terminal: Int32
    """Row of the terminal that collects it, or ABSENT."""
    extra: Extra = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Terminals:
    """台区智能融合终端: one beside each watched transformer."""

    ids: Texts
    edge: Int32
    """Row of the transformer that it watches."""
    extra: Extra = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Sensors:
    ids: Texts
    edge: Int32
    kind: Int8
    extra: Extra = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """Personal data: leaves the process only masked, or unmasked with a logged reason."""

    ids: Texts
    name: Texts
    customer_class: Int8
    priority: Int8
    phone: Texts
    address: Texts
    grid: Texts
    """Id of the service grid cell (网格), '' where none."""
    access_point: Int32
    extra: Extra = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Identifiers:
    """Which foreign id names which element of ours, and when (``identifiers.csv``; times as they came)."""

    system: Texts = ()
    foreign_id: Texts = ()
    own_id: Texts = ()
    valid_from: Texts = ()
    valid_to: Texts = ()
    extra: Extra = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.system)


@dataclass(frozen=True, eq=False)
class Network:
    """One immutable snapshot. Two networks are the same when their ``content_hash`` is."""

    nodes: Nodes
    edges: Edges
    meters: Meters
    terminals: Terminals
    sensors: Sensors
    customers: Customers
    content_hash: str
    """Hex, 16 digits; see ``geo.fingerprint``."""
    identifiers: Identifiers = field(default_factory=Identifiers)

    @cached_property
    def node_row(self) -> Mapping[str, int]:
        return {identifier: row for row, identifier in enumerate(self.nodes.ids)}

    @cached_property
    def edge_row(self) -> Mapping[str, int]:
        return {identifier: row for row, identifier in enumerate(self.edges.ids)}

    @cached_property
    def meter_row(self) -> Mapping[str, int]:
        return {identifier: row for row, identifier in enumerate(self.meters.ids)}

    @cached_property
    def terminal_row(self) -> Mapping[str, int]:
        return {identifier: row for row, identifier in enumerate(self.terminals.ids)}

    @cached_property
    def sensor_row(self) -> Mapping[str, int]:
        return {identifier: row for row, identifier in enumerate(self.sensors.ids)}

    @cached_property
    def customer_row(self) -> Mapping[str, int]:
        return {identifier: row for row, identifier in enumerate(self.customers.ids)}

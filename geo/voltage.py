"""Which side of a transformer is which, and the level of an element."""

from typing import Final, Literal

import numpy as np

from geo.network import Edges, Float64, Int32, Nodes

Level = Literal["hv", "mv", "lv"]

LV_BELOW_KV: Final = 1.0
HV_FROM_KV: Final = 35.0


def low_side(nodes: Nodes, edges: Edges) -> Int32:
    """Row of the low-voltage end of every edge; ``to`` where the voltages do not tell."""
    first, second = nodes.voltage_kv[edges.from_node], nodes.voltage_kv[edges.to_node]
    return np.where(first < second, edges.from_node, edges.to_node).astype(np.int32)


def high_side(nodes: Nodes, edges: Edges) -> Int32:
    """Row of the other end."""
    return (edges.from_node + edges.to_node - low_side(nodes, edges)).astype(np.int32)


def level(voltage_kv: float) -> Level:
    """hv from 35 kV, lv below 1 kV, mv between and where unknown (DL/T: 低压 < 1 kV)."""
    if voltage_kv < LV_BELOW_KV:
        return "lv"
    return "hv" if voltage_kv >= HV_FROM_KV else "mv"


def levels(voltage_kv: Float64) -> tuple[Level, ...]:
    """The level of many voltages."""
    return tuple(level(value) for value in voltage_kv.tolist())

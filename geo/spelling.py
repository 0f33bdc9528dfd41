"""A network as the seven tables of text by which it came in: what exports write, and what is compared."""

from collections.abc import Mapping
from dataclasses import fields

from geo import doors
from geo.network import ABSENT, Float64, Int8, Int32, Network, Texts

Columns = dict[str, Texts]


def spelled(network: Network) -> dict[str, Columns]:
    """Per table its columns in their order, those that we do not read last; no table of identifiers if empty.

    Reading these cells again (``geo.assemble``) gives the same ``content_hash``.
    """
    written = {
        "nodes": _nodes(network),
        "edges": _edges(network),
        "meters": _meters(network),
        "terminals": _terminals(network),
        "sensors": _sensors(network),
        "customers": _customers(network),
    }
    if len(network.identifiers):
        written["identifiers"] = _identifiers(network)
    return {name: {**columns, **getattr(network, name).extra} for name, columns in written.items()}


def _terminals(network: Network) -> Columns:
    terminals = network.terminals
    return {"id": terminals.ids, "edge_id": _ids(network.edges.ids, terminals.edge)}


def _sensors(network: Network) -> Columns:
    sensors = network.sensors
    return {
        "id": sensors.ids,
        "edge_id": _ids(network.edges.ids, sensors.edge),
        "kind": _spelled(doors.SENSOR_KINDS, sensors.kind),
    }


def _identifiers(network: Network) -> Columns:
    cells = (getattr(network.identifiers, column.name) for column in fields(network.identifiers))
    return dict(zip(doors.IDENTIFIERS.columns, cells, strict=False))


def _nodes(network: Network) -> Columns:
    nodes = network.nodes
    return {
        "id": nodes.ids,
        "kind": _spelled(doors.NODE_KINDS, nodes.kind),
        "name": nodes.name,
        "lon": _numbers(nodes.lon),
        "lat": _numbers(nodes.lat),
        "voltage_kv": _numbers(nodes.voltage_kv),
    }


def _edges(network: Network) -> Columns:
    edges, node_ids = network.edges, network.nodes.ids
    return {
        "id": edges.ids,
        "kind": _spelled(doors.EDGE_KINDS, edges.kind),
        "from_id": _ids(node_ids, edges.from_node),
        "to_id": _ids(node_ids, edges.to_node),
        "closed": tuple("1" if closed else "0" for closed in edges.closed.tolist()),
        "phases": tuple(doors.PHASE_NAMES[bits] for bits in edges.phases.tolist()),
        "length_m": _numbers(edges.length_m),
        "name": edges.name,
        "rated_kva": _numbers(edges.rated_kva),
        "transformer_kind": _spelled(doors.TRANSFORMER_KINDS, edges.transformer_kind, nothing="none"),
    }


def _meters(network: Network) -> Columns:
    meters = network.meters
    return {
        "id": meters.ids,
        "node_id": _ids(network.nodes.ids, meters.node),
        "customer_id": _ids(network.customers.ids, meters.customer),
        "phases": tuple(doors.PHASE_NAMES[bits] for bits in meters.phases.tolist()),
        "terminal_id": _ids(network.terminals.ids, meters.terminal),
    }


def _customers(network: Network) -> Columns:
    customers = network.customers
    return {
        "id": customers.ids,
        "name": customers.name,
        "class": _spelled(doors.CUSTOMER_CLASSES, customers.customer_class),
        "priority": _spelled(doors.PRIORITIES, customers.priority),
        "phone": customers.phone,
        "address": customers.address,
        "grid_id": customers.grid,
        "access_point_id": _ids(network.nodes.ids, customers.access_point),
    }


def _ids(ids: Texts, rows: Int32) -> Texts:
    return tuple("" if row == ABSENT else ids[row] for row in rows.tolist())


def _spelled(spelling: Mapping[str, int], values: Int8, nothing: str = "") -> Texts:
    names = {number: "" if name == nothing else name for name, number in spelling.items() if name}
    return tuple(names[value] for value in values.tolist())


def _numbers(values: Float64) -> Texts:
    return tuple("" if value != value else repr(value) for value in values.tolist())  # noqa: PLR0124 (NaN)

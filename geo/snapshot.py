"""A network as bytes and back: self-describing columns, compressed, checked against their hash."""

import zlib
from dataclasses import fields
from typing import Any, Final

import msgspec
import numpy as np

from geo.errors import GeoError
from geo.fingerprint import content_hash
from geo.network import Customers, Edges, Identifiers, Meters, Network, Nodes, Sensors, Terminals

FORMAT: Final = 1
MAX_BYTES: Final = 4_000_000_000
"""Most that a snapshot may unfold to."""
_TABLES: Final[dict[str, type]] = {
    "nodes": Nodes,
    "edges": Edges,
    "meters": Meters,
    "terminals": Terminals,
    "sensors": Sensors,
    "customers": Customers,
    "identifiers": Identifiers,
}


class SnapshotDamaged(GeoError):
    """Stored bytes that are no snapshot, or not the one that their name promises."""


def pack(network: Network) -> bytes:
    """The network's columns as compressed MessagePack."""
    tables = {name: _columns(getattr(network, name)) for name in _TABLES}
    return zlib.compress(msgspec.msgpack.encode({"format": FORMAT, "tables": tables}), level=6)


def unpack(content: bytes, expected_hash: str) -> Network:
    """The network of these bytes; raises ``SnapshotDamaged`` unless its hash is the expected one."""
    tables = _document(content)["tables"]
    try:
        parts = {name: table(**_values(tables[name])) for name, table in _TABLES.items()}
    except (KeyError, TypeError, ValueError) as problem:
        raise SnapshotDamaged(f"snapshot {expected_hash}: {problem}") from problem
    network = Network(**parts, content_hash=expected_hash)
    found = content_hash(network)
    if found != expected_hash:
        raise SnapshotDamaged(f"snapshot {expected_hash} holds a network with hash {found}")
    return network


def _document(content: bytes) -> dict[str, Any]:
    unfolder = zlib.decompressobj()
    try:
        plain = unfolder.decompress(content, MAX_BYTES)
        document = msgspec.msgpack.decode(plain, type=dict[str, Any])
    except (zlib.error, msgspec.DecodeError) as problem:
        raise SnapshotDamaged(f"not a snapshot: {problem}") from problem
    if document.get("format") != FORMAT:
        raise SnapshotDamaged(f"snapshot format {document.get('format')!r}; this program reads {FORMAT}")
    return document


def _columns(table: object) -> dict[str, object]:
    columns: dict[str, object] = {}
    for column in fields(table):  # type: ignore[arg-type]
        value = getattr(table, column.name)
        if isinstance(value, np.ndarray):
            little = value.astype(value.dtype.newbyteorder("<"))
            columns[column.name] = {"dtype": little.dtype.str, "data": little.tobytes()}
        else:
            columns[column.name] = dict(value) if column.name == "extra" else value
    return columns


def _values(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in columns.items()}


def _value(name: str, value: Any) -> object:  # noqa: ANN401 (decoded MessagePack)
    if name == "extra":
        return {key: tuple(cells) for key, cells in value.items()}
    if isinstance(value, dict):
        stored = np.frombuffer(value["data"], np.dtype(value["dtype"]))
        column = stored.astype(stored.dtype.newbyteorder("="))
        column.flags.writeable = False
        return column
    return tuple(value)

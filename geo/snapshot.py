"""A network as bytes and back: self-describing columns, compressed, checked against their hash.

What is said of customers as persons (``PRIVATE``) is one block of its own, sealed where there are keys: one
encryption for a whole network costs nothing beside its compression.
Beside the block lies a keyed hash of each phone number, to find whose it is without opening it.
"""

import zlib
from dataclasses import fields
from typing import Any, Final

import msgspec
import numpy as np

from geo.errors import GeoError
from geo.fingerprint import content_hash
from geo.network import Customers, Edges, Identifiers, Meters, Network, Nodes, Sensors, Terminals
from geo.ports import DIGEST_BYTES, Seals

PLAIN: Final = 1
"""Everything in one compressed document."""
SEALED: Final = 2
"""Persons apart, under keys."""
MAX_BYTES: Final = 4_000_000_000
"""Most that a snapshot may unfold to."""
PRIVATE: Final = ("name", "phone", "address", "extra")
"""Columns of customers that are sealed; ``extra`` holds those that nobody reads, identity cards perhaps."""
_TABLES: Final[dict[str, type]] = {
    "nodes": Nodes,
    "edges": Edges,
    "meters": Meters,
    "terminals": Terminals,
    "sensors": Sensors,
    "customers": Customers,
    "identifiers": Identifiers,
}
_COMPRESSION: Final = 6


class SnapshotDamaged(GeoError):
    """Stored bytes that are no snapshot, or not the one that their name promises."""


class SnapshotSealed(GeoError):
    """The keys that open the snapshot are not here."""


class _Sealed(msgspec.Struct):
    """A snapshot of which the persons are under keys."""

    format: int
    public: bytes
    """The tables without the private columns, compressed."""
    private: bytes
    """The private columns: compressed, then sealed."""
    numbers: bytes
    """Keyed hashes of the customers' phones, by row."""


def pack(network: Network, seals: Seals | None) -> bytes:
    """The network's columns as compressed MessagePack; without ``seals`` persons are readable in it."""
    tables = {name: _columns(getattr(network, name)) for name in _TABLES}
    if seals is None:
        return _folded({"format": PLAIN, "tables": tables})
    private = {column: tables["customers"].pop(column) for column in PRIVATE}
    return msgspec.msgpack.encode(
        _Sealed(
            SEALED, _folded(tables), seals.seal_block(_folded(private), network.content_hash),
            seals.digest_numbers(network.customers.phone),
        )
    )  # fmt: skip


def unpack(content: bytes, expected_hash: str, seals: Seals | None) -> Network:
    """The network of these bytes, as ``pack`` makes them with or without seals.

    Raises ``SnapshotDamaged`` unless its hash is the expected one, ``SnapshotSealed`` where no key opens it.
    """
    tables = _tables(content, expected_hash, seals)
    try:
        parts = {name: table(**_values(tables[name])) for name, table in _TABLES.items()}
    except (KeyError, TypeError, ValueError) as problem:
        raise SnapshotDamaged(f"snapshot {expected_hash}: {problem}") from problem
    network = Network(**parts, content_hash=expected_hash)
    found = content_hash(network)
    if found != expected_hash:
        raise SnapshotDamaged(f"snapshot {expected_hash} holds a network with hash {found}")
    return network


def is_sealed_anew(content: bytes, seals: Seals) -> bool:
    """Is nothing in it readable, and was it sealed with the newest key?"""
    return not _is_plain(content) and seals.is_newest(_sealed(content).private)


def rows_with_number(content: bytes, number: str, seals: Seals) -> tuple[int, ...]:
    """Customers' rows with that phone, found by its keyed hash; persons stay sealed."""
    if _is_plain(content):
        raise SnapshotSealed("the snapshot was stored before there were keys: gridcrew migrate seals it")
    digests = np.frombuffer(_sealed(content).numbers, dtype=f"V{DIGEST_BYTES}")
    wanted = [np.void(one) for one in seals.number_digests(number)]
    return tuple(np.flatnonzero(np.isin(digests, wanted)).tolist())


def _tables(content: bytes, name: str, seals: Seals | None) -> dict[str, Any]:
    if _is_plain(content):
        return _plain_tables(content)
    sealed = _sealed(content)
    if seals is None:
        raise SnapshotSealed(f"snapshot {name} is sealed and there are no keys here")
    try:
        private = _unfolded(seals.unseal_block(sealed.private, name))
    except ValueError as problem:
        raise SnapshotSealed(f"snapshot {name} cannot be opened: {problem}") from problem
    tables = _unfolded(sealed.public)
    tables["customers"] = tables.get("customers", {}) | private
    return tables


def _is_plain(content: bytes) -> bool:
    return content[:1] == b"\x78"  # of a zlib stream; MessagePack's maps begin otherwise


def _plain_tables(content: bytes) -> dict[str, Any]:
    document = _unfolded(content)
    if document.get("format") != PLAIN:
        raise SnapshotDamaged(f"snapshot format {document.get('format')!r}; this program reads {PLAIN}")
    tables: dict[str, Any] = document["tables"]
    return tables


def _sealed(content: bytes) -> _Sealed:
    try:
        sealed = msgspec.msgpack.decode(content, type=_Sealed)
    except msgspec.MsgspecError as problem:
        raise SnapshotDamaged(f"not a snapshot: {problem}") from problem
    if sealed.format != SEALED:
        raise SnapshotDamaged(f"snapshot format {sealed.format}; this program reads {PLAIN} and {SEALED}")
    return sealed


def _folded(document: dict[str, Any]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(document), level=_COMPRESSION)


def _unfolded(content: bytes) -> dict[str, Any]:
    try:
        plain = zlib.decompressobj().decompress(content, MAX_BYTES)
        return msgspec.msgpack.decode(plain, type=dict[str, Any])
    except (zlib.error, msgspec.MsgspecError) as problem:
        raise SnapshotDamaged(f"not a snapshot: {problem}") from problem


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

"""The name of a snapshot: a hash of everything in it, rows in their order, the same on every machine."""

import hashlib
from dataclasses import fields

import msgspec
import numpy as np

from geo.network import Network

DIGITS = 16
_TABLES = ("nodes", "edges", "meters", "terminals", "sensors", "customers", "identifiers")


def content_hash(network: Network) -> str:
    """First 16 hex digits of the SHA-256 over all columns, unread ones included.

    Row order counts, because rows are the numbers by which others know elements; the order of unread columns
    does not. The network's own ``content_hash`` field is not read.
    """
    digest = hashlib.sha256()
    for name in _TABLES:
        table = getattr(network, name)
        for column in fields(table):
            value = getattr(table, column.name)
            if column.name == "extra":
                for key in sorted(value):
                    _feed(digest, f"{name}.+{key}", value[key])
            else:
                _feed(digest, f"{name}.{column.name}", value)
    return digest.hexdigest()[:DIGITS]


def _feed(digest: "hashlib._Hash", name: str, column: object) -> None:
    packed = _bytes(column) if isinstance(column, np.ndarray) else msgspec.msgpack.encode(column)
    digest.update(f"{name}:{len(packed)}:".encode())
    digest.update(packed)


def _bytes(column: np.ndarray) -> bytes:
    if column.dtype.kind == "f":
        # One bit pattern each for "unknown" and for zero.
        column = np.where(np.isnan(column), np.nan, column + 0.0)
    return column.astype(column.dtype.newbyteorder("<")).tobytes()

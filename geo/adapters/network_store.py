"""The ``NetworkStore`` on SQLite or PostgreSQL."""

from sqlalchemy import Connection, Engine, Row, insert, select

from geo.adapters.database import writing
from geo.adapters.tables import SNAPSHOTS, VERSIONS
from geo.errors import UnknownElement
from geo.network import Network
from geo.ports import NetworkVersion
from geo.snapshot import pack, unpack


class SqlNetworkStore:
    """Snapshots are written once per hash and verified on every load; the newest loaded one is kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loaded: Network | None = None

    def put(self, network: Network, version: NetworkVersion) -> None:
        """Keep the snapshot and note its effective time; the same twice changes nothing."""
        if version.content_hash != network.content_hash:
            raise ValueError(f"version names {version.content_hash}, the network is {network.content_hash}")
        noted = select(VERSIONS.c.id).where(
            VERSIONS.c.content_hash == version.content_hash, VERSIONS.c.effective_ms == version.effective_ms
        )
        with writing(self._engine).begin() as connection:
            _keep(connection, network)
            if connection.execute(noted).first() is None:
                connection.execute(
                    insert(VERSIONS),
                    {
                        "content_hash": version.content_hash,
                        "effective_ms": version.effective_ms,
                        "imported_ms": version.imported_ms,
                        "source": version.source,
                        "made_by": version.made_by,
                        "note": version.note,
                    },
                )

    def keep(self, network: Network) -> None:
        """Keep the snapshot without making it take effect."""
        with writing(self._engine).begin() as connection:
            _keep(connection, network)

    def get(self, content_hash: str) -> Network:
        """The snapshot; raises ``UnknownElement`` if never stored, ``SnapshotDamaged`` if altered."""
        loaded = self._loaded
        if loaded is not None and loaded.content_hash == content_hash:
            return loaded
        query = select(SNAPSHOTS.c.content).where(SNAPSHOTS.c.content_hash == content_hash)
        with self._engine.begin() as connection:
            content = connection.execute(query).scalar_one_or_none()
        if content is None:
            raise UnknownElement(content_hash)
        self._loaded = unpack(content, content_hash)
        return self._loaded

    def versions(self) -> tuple[NetworkVersion, ...]:
        """All versions, oldest effective time first; of equal times the later noted comes later."""
        query = select(VERSIONS).order_by(VERSIONS.c.effective_ms, VERSIONS.c.id)
        with self._engine.begin() as connection:
            return tuple(_version(row) for row in connection.execute(query))

    def effective(self, at_ms: int) -> NetworkVersion | None:
        """The version in force at that instant, or None before the first."""
        query = (
            select(VERSIONS)
            .where(VERSIONS.c.effective_ms <= at_ms)
            .order_by(VERSIONS.c.effective_ms.desc(), VERSIONS.c.id.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).first()
        return None if row is None else _version(row)


def _keep(connection: Connection, network: Network) -> None:
    known = select(SNAPSHOTS.c.content_hash).where(SNAPSHOTS.c.content_hash == network.content_hash)
    if connection.execute(known).first() is None:
        connection.execute(
            insert(SNAPSHOTS), {"content_hash": network.content_hash, "content": pack(network)}
        )


def _version(row: Row[tuple[object, ...]]) -> NetworkVersion:
    return NetworkVersion(
        content_hash=row.content_hash,
        effective_ms=row.effective_ms,
        imported_ms=row.imported_ms,
        source=row.source,
        made_by=row.made_by,
        note=row.note,
    )

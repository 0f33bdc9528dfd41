"""The ``NetworkStore`` on SQLite or PostgreSQL."""

from contextlib import closing

from sqlalchemy import Connection, Engine, Row, Select, insert, select, update

from geo.adapters.database import writing
from geo.adapters.tables import SNAPSHOTS, VERSIONS
from geo.errors import UnknownElement
from geo.network import Network
from geo.ports import NetworkVersion, Seals
from geo.snapshot import is_sealed_anew, pack, rows_with_number, unpack


class SqlNetworkStore:
    """Snapshots are written once per hash and verified on every load; the newest loaded one is kept."""

    def __init__(self, engine: Engine, seals: Seals | None) -> None:
        """``seals`` None: persons are stored readable, and what others sealed is not opened."""
        self._engine = engine
        self._seals = seals
        self._loaded: Network | None = None

    def put(self, network: Network, version: NetworkVersion) -> None:
        """Keep the snapshot and note its effective time; the same twice changes nothing."""
        if version.content_hash != network.content_hash:
            raise ValueError(f"version names {version.content_hash}, the network is {network.content_hash}")
        noted = select(VERSIONS.c.id).where(
            VERSIONS.c.content_hash == version.content_hash, VERSIONS.c.effective_ms == version.effective_ms
        )
        packed = self._packed(network)
        with writing(self._engine).begin() as connection:
            _keep(connection, network.content_hash, packed)
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
        packed = self._packed(network)
        with writing(self._engine).begin() as connection:
            _keep(connection, network.content_hash, packed)

    def get(self, content_hash: str) -> Network:
        """The snapshot; raises ``UnknownElement`` if never stored, ``SnapshotDamaged`` if altered."""
        loaded = self._loaded
        if loaded is not None and loaded.content_hash == content_hash:
            return loaded
        with self._engine.begin() as connection:
            content = _content(connection, content_hash)
        if content is None:
            raise UnknownElement(content_hash)
        self._loaded = unpack(content, content_hash, self._seals)
        return self._loaded

    def rows_with_number(self, content_hash: str, number: str, seals: Seals) -> tuple[int, ...]:
        """Customers' rows of a snapshot with that phone, by its keyed hash; raises ``UnknownElement``."""
        with self._engine.begin() as connection:
            content = _content(connection, content_hash)
        if content is None:
            raise UnknownElement(content_hash)
        return rows_with_number(content, number, seals)

    def seal_anew(self, seals: Seals) -> int:
        """Snapshots that are readable or under an old key, under the newest; how many there were.

        One at a time: each is a transaction, so that whoever is stopped goes on where they were.
        """
        with self._engine.begin() as connection:
            names = tuple(connection.execute(select(SNAPSHOTS.c.content_hash)).scalars())
        done = sum(self._seal_one(name, seals) for name in names)
        if done:
            _forget_old_pages(self._engine)
        return done

    def _seal_one(self, name: str, seals: Seals) -> bool:
        with self._engine.begin() as connection:
            content = _content(connection, name)
        if content is None or is_sealed_anew(content, seals):
            return False
        sealed = pack(unpack(content, name, seals), seals)
        change = update(SNAPSHOTS).where(SNAPSHOTS.c.content_hash == name).values(content=sealed)
        with writing(self._engine).begin() as connection:
            connection.execute(change)
        return True

    def _packed(self, network: Network) -> bytes | None:
        """None where it is stored already; made before the transaction, so that nobody waits for it."""
        with self._engine.begin() as connection:
            known = connection.execute(_known(network.content_hash)).first()
        return pack(network, self._seals) if known is None else None

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


def _known(content_hash: str) -> Select[tuple[str]]:
    return select(SNAPSHOTS.c.content_hash).where(SNAPSHOTS.c.content_hash == content_hash)


def _keep(connection: Connection, content_hash: str, packed: bytes | None) -> None:
    if packed is not None and connection.execute(_known(content_hash)).first() is None:
        connection.execute(insert(SNAPSHOTS), {"content_hash": content_hash, "content": packed})


def _content(connection: Connection, content_hash: str) -> bytes | None:
    query = select(SNAPSHOTS.c.content).where(SNAPSHOTS.c.content_hash == content_hash)
    return connection.execute(query).scalar_one_or_none()


def _forget_old_pages(engine: Engine) -> None:
    """What was replaced must not stay readable in the file: it is written anew without free pages."""
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as raw:  # SQLAlchemy would begin a transaction
            raw.cursor().execute("VACUUM")
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM FULL {SNAPSHOTS.name}")


def _version(row: Row[tuple[object, ...]]) -> NetworkVersion:
    return NetworkVersion(
        content_hash=row.content_hash,
        effective_ms=row.effective_ms,
        imported_ms=row.imported_ms,
        source=row.source,
        made_by=row.made_by,
        note=row.note,
    )

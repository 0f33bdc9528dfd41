"""The contract of NetworkStore, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from geo.adapters.csv_folder import read_folder
from geo.adapters.network_store import SqlNetworkStore
from geo.adapters.tables import METADATA, SNAPSHOTS
from geo.errors import UnknownElement
from geo.fingerprint import content_hash
from geo.network import Network
from geo.ports import NetworkStore, NetworkVersion
from geo.snapshot import SnapshotDamaged, pack, unpack

Database = Callable[[str], Engine]


@pytest.fixture
def engine(database: Database) -> Engine:
    return database("network")


@pytest.fixture
def store(engine: Engine) -> NetworkStore:
    return SqlNetworkStore(engine)


@pytest.fixture
def network(folder: Path) -> Network:
    return read_folder(folder).accepted()


def _renamed(network: Network, name: str) -> Network:
    nodes = replace(network.nodes, name=(name, *network.nodes.name[1:]))
    changed = replace(network, nodes=nodes)
    return replace(changed, content_hash=content_hash(changed))


def _version(network: Network, effective_ms: int) -> NetworkVersion:
    return NetworkVersion(network.content_hash, effective_ms, 5_000, "folder")


def test_a_snapshot_comes_back_whole(store: NetworkStore, engine: Engine, network: Network) -> None:
    store.put(network, _version(network, 1_000))
    again = SqlNetworkStore(engine).get(network.content_hash)
    assert content_hash(again) == network.content_hash
    assert again.nodes.extra == network.nodes.extra
    assert again.identifiers.foreign_id == ("12345",)


def test_the_same_twice_changes_nothing(store: NetworkStore, network: Network) -> None:
    store.put(network, _version(network, 1_000))
    store.put(network, _version(network, 1_000))
    assert store.versions() == (_version(network, 1_000),)


def test_versions_take_effect_in_their_order(store: NetworkStore, network: Network) -> None:
    later = _renamed(network, "新站")
    store.put(later, _version(later, 2_000))
    store.put(network, _version(network, 1_000))
    store.put(network, _version(network, 3_000))
    assert store.effective(999) is None
    hashes = [version.content_hash for at in (1_000, 2_500, 3_000) if (version := store.effective(at))]
    assert hashes == [network.content_hash, later.content_hash, network.content_hash]
    assert [version.effective_ms for version in store.versions()] == [1_000, 2_000, 3_000]


def test_of_two_at_one_instant_the_later_noted_counts(store: NetworkStore, network: Network) -> None:
    other = _renamed(network, "新站")
    store.put(network, _version(network, 1_000))
    store.put(other, _version(other, 1_000))
    assert store.effective(1_000) == _version(other, 1_000)


def test_an_unknown_hash_is_told(store: NetworkStore) -> None:
    with pytest.raises(UnknownElement):
        store.get("0123456789abcdef")


def test_a_version_must_name_its_network(store: NetworkStore, network: Network) -> None:
    with pytest.raises(ValueError, match="version names"):
        store.put(network, replace(_version(network, 1_000), content_hash="0" * 16))


def test_another_network_under_a_stored_hash_is_noticed(
    store: NetworkStore, engine: Engine, network: Network
) -> None:
    store.put(network, _version(network, 1_000))
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(update(SNAPSHOTS).values(content=pack(_renamed(network, "别站"))))
    with pytest.raises(SnapshotDamaged, match="holds a network with hash"):
        SqlNetworkStore(engine).get(network.content_hash)


@pytest.mark.parametrize("content", [b"", b"nonsense", pack.__doc__.encode() if pack.__doc__ else b"x"])
def test_bytes_that_are_no_snapshot_are_refused(content: bytes) -> None:
    with pytest.raises(SnapshotDamaged):
        unpack(content, "0" * 16)


def test_the_migration_makes_the_declared_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in METADATA.sorted_tables:
            assert connection.execute(table.select().limit(1)).first() is None

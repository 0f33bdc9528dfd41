"""The contract of NetworkStore, on SQLite and on PostgreSQL: with keys, and what older ones wrote without."""

import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from field_api.adapters.vault import Vault
from geo.adapters.csv_folder import read_folder
from geo.adapters.network_store import SqlNetworkStore
from geo.adapters.tables import METADATA, SNAPSHOTS
from geo.errors import UnknownElement
from geo.fingerprint import content_hash
from geo.network import Network
from geo.ports import NetworkStore, NetworkVersion
from geo.snapshot import SnapshotDamaged, SnapshotSealed, pack, unpack

Database = Callable[[str], Engine]


@pytest.fixture
def engine(database: Database) -> Engine:
    return database("network")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "people.keys")


@pytest.fixture
def store(engine: Engine, vault: Vault) -> NetworkStore:
    return SqlNetworkStore(engine, vault)


@pytest.fixture
def network(folder: Path) -> Network:
    """With phones and addresses, and a column that nobody reads."""
    read = read_folder(folder).accepted()
    number = len(read.customers)
    customers = replace(
        read.customers,
        phone=tuple(f"1391234{row % 2:04d}" for row in range(number)),
        address=tuple(f"梨树街{row + 1}号" for row in range(number)),
        extra={"identity": tuple(f"11010119900101{row:04d}" for row in range(number))},
    )
    changed = replace(read, customers=customers)
    return replace(changed, content_hash=content_hash(changed))


def _renamed(network: Network, name: str) -> Network:
    nodes = replace(network.nodes, name=(name, *network.nodes.name[1:]))
    changed = replace(network, nodes=nodes)
    return replace(changed, content_hash=content_hash(changed))


def _version(network: Network, effective_ms: int) -> NetworkVersion:
    return NetworkVersion(network.content_hash, effective_ms, 5_000, "folder")


def test_a_snapshot_comes_back_whole(
    store: NetworkStore, engine: Engine, vault: Vault, network: Network
) -> None:
    store.put(network, _version(network, 1_000))
    again = SqlNetworkStore(engine, vault).get(network.content_hash)
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
        connection.execute(update(SNAPSHOTS).values(content=pack(_renamed(network, "别站"), None)))
    with pytest.raises(SnapshotDamaged, match="holds a network with hash"):
        SqlNetworkStore(engine, None).get(network.content_hash)


@pytest.mark.parametrize("content", [b"", b"nonsense", pack.__doc__.encode() if pack.__doc__ else b"x"])
def test_bytes_that_are_no_snapshot_are_refused(content: bytes) -> None:
    with pytest.raises(SnapshotDamaged):
        unpack(content, "0" * 16, None)


def _stored(engine: Engine, network: Network) -> bytes:
    with engine.begin() as connection:
        query = select(SNAPSHOTS.c.content).where(SNAPSHOTS.c.content_hash == network.content_hash)
        return bytes(connection.execute(query).scalar_one())


def _readable(content: bytes) -> bytes:
    """All that somebody without keys gets out of it, with every part unfolded."""
    parts = [content]
    for at in (match.start() for match in re.finditer(b"\x78[\x01\x9c\xda]", content)):
        with suppress(zlib.error):
            parts.append(zlib.decompressobj().decompress(content[at:]))
    return b"".join(parts)


def test_persons_are_sealed_and_only_the_keys_open_them(
    store: NetworkStore, engine: Engine, network: Network, tmp_path: Path
) -> None:
    customers = network.customers
    told = [
        text.encode()
        for text in (*customers.name, *customers.phone, *customers.address, *customers.extra["identity"])
    ]
    assert all(text in _readable(pack(network, None)) for text in told), "the look is able to find them"
    store.put(network, _version(network, 1_000))
    stored = _readable(_stored(engine, network))
    assert "东站".encode() in stored
    assert not [text for text in told if text in stored]
    with pytest.raises(SnapshotSealed, match="no keys"):
        SqlNetworkStore(engine, None).get(network.content_hash)
    stranger = Vault(tmp_path / "others.keys")
    with pytest.raises(SnapshotSealed, match=r"others\.keys"):
        SqlNetworkStore(engine, stranger).get(network.content_hash)
    assert not stranger.file.exists(), "keys are not made to open something"


def test_what_was_stored_readable_opens_and_is_sealed_without_a_trace(
    engine: Engine, vault: Vault, network: Network
) -> None:
    SqlNetworkStore(engine, None).put(network, _version(network, 1_000))
    store = SqlNetworkStore(engine, vault)
    assert store.get(network.content_hash).customers.phone == network.customers.phone
    before = _stored(engine, network)
    assert (store.seal_anew(vault), store.seal_anew(vault)) == (1, 0)
    assert SqlNetworkStore(engine, vault).get(network.content_hash).customers.extra == network.customers.extra
    if engine.url.database and engine.dialect.name == "sqlite":
        file = Path(engine.url.database)
        left = file.read_bytes() + file.with_name(f"{file.name}-wal").read_bytes()
        assert before[:200] not in left, "the file was written anew"


def test_a_new_key_seals_anew_and_old_ones_still_open(
    store: NetworkStore, engine: Engine, vault: Vault, network: Network
) -> None:
    store.put(network, _version(network, 1_000))
    vault.rotate()
    assert SqlNetworkStore(engine, vault).get(network.content_hash).content_hash == network.content_hash
    assert SqlNetworkStore(engine, vault).seal_anew(vault) == 1
    other_process = Vault(vault.file)
    found = SqlNetworkStore(engine, other_process).get(network.content_hash)
    assert found.customers.name == network.customers.name


def test_a_block_of_another_snapshot_does_not_open(vault: Vault, network: Network) -> None:
    other = _renamed(network, "别站")
    mixed = msgspec.msgpack.decode(pack(network, vault)) | {
        "private": msgspec.msgpack.decode(pack(other, vault))["private"]
    }
    with pytest.raises(SnapshotSealed, match="altered"):
        unpack(msgspec.msgpack.encode(mixed), network.content_hash, vault)


def test_whose_number_it_is_is_found_without_opening_anything(
    store: SqlNetworkStore, vault: Vault, network: Network
) -> None:
    store.put(network, _version(network, 1_000))
    phones = network.customers.phone
    number = next(phone for phone in phones if phone)
    rows = tuple(row for row, phone in enumerate(phones) if phone == number)
    spaced = f"{number[:3]} {number[3:7]}-{number[7:]}"
    assert store.rows_with_number(network.content_hash, spaced, vault) == rows
    assert store.rows_with_number(network.content_hash, "13000000000", vault) == ()
    assert store.rows_with_number(network.content_hash, "", vault) == ()
    vault.rotate()
    assert store.rows_with_number(network.content_hash, number, vault) == rows, "by the old key's hash"


def test_the_migration_makes_the_declared_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in METADATA.sorted_tables:
            assert connection.execute(table.select().limit(1)).first() is None

"""Schemas: once is enough, and a later version's data are not touched."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text

from geo.adapters.database import open_database, writing
from gridcrew.migrations import runner
from gridcrew.migrations.runner import OWNERS, SchemaTooNew, migrate, migrate_all, newest_version
from telemetry.adapters.device_records import SqlDeviceRegistry
from telemetry.adapters.gateway_tables import metadata
from telemetry.devices import Approval, DeviceKind
from telemetry.gateway_ports import DeviceFilter
from tests.conftest import DatabaseFactory


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    first = migrate_all(str(tmp_path))
    assert first == {owner: newest_version(owner) for owner in OWNERS}
    assert migrate_all(str(tmp_path)) == first


@pytest.mark.parametrize("owner", OWNERS)
def test_every_owner_migrates_on_every_server(database: DatabaseFactory, owner: str) -> None:
    with database(owner).connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == newest_version(owner)


def test_a_later_versions_data_are_refused(tmp_path: Path) -> None:
    engine = open_database(str(tmp_path), "desk")
    migrate(engine, "desk")
    with writing(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'desk_9999'"))
    with pytest.raises(SchemaTooNew, match="desk_9999"):
        migrate(engine, "desk")
    engine.dispose()


def test_terminals_that_were_known_become_devices(tmp_path: Path) -> None:
    """gateway_0002 moves them, believed and with their times; going back keeps them."""
    engine = open_database(str(tmp_path), "gateway")
    config = runner._config("gateway")
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "gateway_0001")
        connection.execute(text("INSERT INTO terminals VALUES ('T1', 5, 7, true), ('T2', 6, 6, false)"))
        command.upgrade(config, "gateway_0002")
    found = SqlDeviceRegistry(engine).listed(DeviceFilter(DeviceKind.TERMINAL))
    assert [(one.device, one.first_seen_ms, one.last_seen_ms, one.online) for one in found] == [
        ("T1", 5, 7, True),
        ("T2", 6, 6, False),
    ]
    assert {one.approval for one in found} == {Approval.APPROVED}
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "gateway_0001")
        kept = connection.execute(text("SELECT * FROM terminals ORDER BY terminal")).all()
    assert [tuple(row) for row in kept] == [("T1", 5, 7, 1), ("T2", 6, 6, 0)]
    engine.dispose()


def test_tables_and_migrations_agree(tmp_path: Path) -> None:
    """What the code reads is what the migrations made, column by column."""
    engine = open_database(str(tmp_path), "gateway")
    migrate(engine, "gateway")
    made = inspect(engine)
    for name, table in metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in made.get_columns(name)}
        assert columns == {column.name: column.nullable for column in table.columns}, name
        indexes = {index["name"] for index in made.get_indexes(name)}
        assert indexes == {index.name for index in table.indexes}, name
    engine.dispose()

"""Schemas: once is enough, and a later version's data are not touched."""

from pathlib import Path

import pytest
from sqlalchemy import text

from geo.adapters.database import open_database, writing
from gridcrew.migrations.runner import OWNERS, SchemaTooNew, migrate, migrate_all, newest_version
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

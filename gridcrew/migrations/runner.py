"""Bring one owner's database to the newest version; refuse one that is newer than this program."""

from pathlib import Path
from typing import Final

import click
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from field_api.adapters.sql_calendar import fill_published_years
from field_api.adapters.system_clock import wall_clock_ms
from geo.adapters.database import open_database, writing

OWNERS: Final = ("network", "gateway", "outages", "desk")
_HOME: Final = Path(__file__).parent


class SchemaTooNew(click.ClickException):
    """The data were written by a later version of the program; going back would harm them."""


def migrate_all(location: str) -> dict[str, str]:
    """Migrate every owner's database at ``location``; owner → version reached."""
    return {owner: migrate(open_database(location, owner), owner) for owner in OWNERS}


def migrate(engine: Engine, owner: str) -> str:
    """Migrate one database and answer its version. Running it again changes nothing.

    The desk gets the published working days of the years that nobody has entered.
    """
    config = _config(owner)
    scripts = ScriptDirectory.from_config(config)
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{owner}"'))
        known = {script.revision for script in scripts.walk_revisions()}
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise SchemaTooNew(
                f"{owner}: the database has version {current}, this program knows {sorted(known)}"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if owner == "desk":
            fill_published_years(connection, wall_clock_ms())
        return str(scripts.get_current_head())


def upgrade_to(connection: Connection, owner: str, version: str) -> None:
    """Make the owner's tables of that version; raises ``SchemaTooNew`` for an unknown one."""
    if not knows(owner, version):
        raise SchemaTooNew(f"{owner}: version {version} is newer than this program ({newest_version(owner)})")
    config = _config(owner)
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def knows(owner: str, version: str) -> bool:
    """Is it one of the versions that this program can bring to the newest?"""
    return version in {one.revision for one in ScriptDirectory.from_config(_config(owner)).walk_revisions()}


def newest_version(owner: str) -> str:
    """The version that this program brings the owner's database to."""
    return str(ScriptDirectory.from_config(_config(owner)).get_current_head())


def _config(owner: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HOME))
    config.set_main_option("version_locations", str(_HOME / owner))
    config.set_main_option("path_separator", "os")
    return config

"""Real parts for tests: databases on SQLite files and on a PostgreSQL server of our own."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from geo.adapters.database import open_database
from gridcrew.migrations.runner import migrate
from tests.ports import free_port
from tests.product import Product, demo

POSTGRES_BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nowhere"))

DatabaseFactory = Callable[[str], Engine]


def _server_account() -> str | None:
    """PostgreSQL refuses to run as root: use its own account there."""
    return "postgres" if os.geteuid() == 0 else None


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> None:
    """Tests say themselves what differs from the defaults."""
    for name in [name for name in os.environ if name.startswith("GRIDCREW_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a throw-away PostgreSQL server on loopback."""
    home = Path(f"/tmp/gridcrew-postgres-{os.getpid()}")  # noqa: S108 (its account must reach it)
    home.mkdir(mode=0o700)
    account, port = _server_account(), free_port()
    if account:
        shutil.chown(home, account)
    user = account or pwd.getpwuid(os.geteuid()).pw_name
    subprocess.run(
        [str(POSTGRES_BIN / "initdb"), "-D", str(home / "data"), "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, cwd=home, user=account,
    )  # fmt: skip
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    control = [str(POSTGRES_BIN / "pg_ctl"), "-D", str(home / "data"), "-w", "-l", str(home / "log")]
    subprocess.run(
        [*control, "-o", options, "start"], check=True, capture_output=True, cwd=home, user=account
    )
    yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
    subprocess.run(
        [*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=home, user=account
    )
    shutil.rmtree(home)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseFactory]:
    """Opens the migrated database of an owner; the test runs once on each kind of server."""
    engines: list[Engine] = []
    location = str(tmp_path / "var")
    if request.param == "postgresql":
        location = _fresh_database(request.getfixturevalue("postgres_server"), tmp_path.name)

    def opened(owner: str) -> Engine:
        engine = open_database(location, owner)
        migrate(engine, owner)
        engines.append(engine)
        return engine

    yield opened
    for engine in engines:
        engine.dispose()


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[DatabaseFactory]:
    """As ``database``, on SQLite only: for tests that are not about the store."""
    engines: list[Engine] = []

    def opened(owner: str) -> Engine:
        engine = open_database(str(tmp_path / "var"), owner)
        migrate(engine, owner)
        engines.append(engine)
        return engine

    yield opened
    for engine in engines:
        engine.dispose()


def _fresh_database(server: str, name: str) -> str:
    name = f"t{abs(hash((name, os.getpid(), free_port())))}"
    admin = create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    admin.dispose()
    return f"{server.rsplit('/', 1)[0]}/{name}"


@pytest.fixture(scope="session")
def running_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """`gridcrew up --demo` with its own ports and data, one for all tests of a worker."""
    # What these tests see shall not depend on which words happen to be lost.
    faithful = {"GRIDCREW_SIM__LOST_LAST_GASPS": "0", "GRIDCREW_SIM__WRONG_METERS": "0"}
    with demo(tmp_path_factory.mktemp("product"), faithful) as product:
        yield product

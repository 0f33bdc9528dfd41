"""Real parts for tests: databases on SQLite files and on a PostgreSQL server of our own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from geo.adapters.database import open_database
from gridcrew.migrations.runner import migrate
from tests.another_system import Login
from tests.ports import free_port
from tests.postgres import postgres
from tests.product import Product, demo

DatabaseFactory = Callable[[str], Engine]
ROOT = Path(__file__).parent.parent


# Loops are compiled once for all tests and their processes: that takes longer than most tests.
# Set here since the compiler reads it when it is imported first.
os.environ["NUMBA_CACHE_DIR"] = str(ROOT / "var" / "compiled")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> None:
    """Tests say themselves what differs from the defaults."""
    for name in [name for name in os.environ if name.startswith("GRIDCREW_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a throw-away PostgreSQL server on loopback."""
    with postgres() as url:
        yield url


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
    """`gridcrew up --demo` with its own ports and data, one for all tests: they are a group of one worker."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        asked_by = os.environ["PYTEST_CURRENT_TEST"]
        assert "@product" in asked_by, f"{asked_by}: not grouped, a second product would run beside the first"
    # What these tests see shall not depend on which words happen to be lost.
    faithful = {"GRIDCREW_SIM__LOST_LAST_GASPS": "0", "GRIDCREW_SIM__WRONG_METERS": "0"}
    with demo(tmp_path_factory.mktemp("product"), faithful) as product:
        yield product


@pytest.fixture(scope="module")
def desk(running_product: Product) -> Login:
    """The office of the running product."""
    return Login.of(running_product, running_product.username, running_product.password)

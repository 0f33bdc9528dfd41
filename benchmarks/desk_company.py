"""A company of many crews for measuring the desk: two cells of a small network are enough customers, but
there are as many crews as asked for, and as many orders, most of them closed long ago."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, Table, text

from field_api.adapters.demo import prepare_demo
from field_api.adapters.tables import order_history, orders
from field_api.app import Installation, build_services
from field_api.http.services import Services, WebConfig
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.ports import NetworkVersion
from gridcrew.migrations.runner import migrate_all
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from tests.field_api.world import START_MS, write_network

CELLS: Final = {"C1": ("G1", "crew-01"), "C3": ("G2", "crew-02")}
MINUTE_MS: Final = 60_000
_SERIES: Final = (
    "WITH RECURSIVE series(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM series WHERE i < {last})"
)


def found(location: str, folder: Path) -> Services:
    """A new company in the database at that location, and what its web process works with."""
    migrate_all(location)
    network = write_network(folder / "network")
    store = SqlNetworkStore(open_database(location, "network"), None)
    store.put(network, NetworkVersion(network.content_hash, 0, START_MS, "benchmark"))
    prepare_demo(location, network)
    config = WebConfig(True, "zh", 8440, 8441, folder / "dist", requests_per_s=100_000)
    home = Installation(location, folder / "var", "zh")
    return build_services(home, config, EmbeddedReadingStore(folder / "readings"), simulator_port=9)


@dataclass(frozen=True, slots=True)
class History:
    """Orders closed long ago, copied from one that was done in each cell."""

    engine: Engine

    def grow(self, there: int, wanted: int, models: Mapping[str, str], before_ms: int) -> None:
        """From ``there`` to ``wanted`` orders; ``models`` are the ids of closed orders to copy."""
        share = (wanted - there) // len(models)
        with self.engine.begin() as connection:
            for name, model in models.items():
                first = there // len(models) + 1
                series = _SERIES.format(first=first, last=first + share - 1)
                moved = {
                    "id": f"'{name}-' || series.i",
                    "number": f"'{name.upper()}-' || series.i",
                    "created_ms": f"{before_ms} - CAST(series.i AS BIGINT) * {MINUTE_MS}",
                }
                _copy(connection, orders, "id", model, series, moved)
                times = {"order_id": moved["id"], "at_ms": f"{moved['created_ms']} + sequence * 1000"}
                _copy(connection, order_history, "order_id", model, series, times)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


def _copy(
    connection: Connection, table: Table, key: str, model: str, series: str, changed: Mapping[str, str]
) -> None:
    """The model's rows once for each number of the series."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(changed.get(column.name, f'"{column.name}"') for column in table.columns)
    connection.execute(
        text(
            f"INSERT INTO {table.name} ({names}) {series} "  # noqa: S608 (names of our own tables)
            f"SELECT {values} FROM series CROSS JOIN {table.name} WHERE {key} = :model"
        ),
        {"model": model},
    )

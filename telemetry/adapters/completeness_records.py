"""The completeness ledger on the gateway's database: arrivals folded into blocks, and both read as one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, bindparam, case, delete, func, insert, select, union

from geo.adapters.database import writing
from telemetry.adapters.gateway_tables import arrivals, completeness, devices, meter_places
from telemetry.completeness import (
    INTERVALS,
    SHARD_METERS,
    WHOLE_TERMINAL,
    Arrival,
    Counts,
    MeterBlock,
    Outcome,
    Runs,
    ShardDay,
    TerminalDay,
    counted,
    no_counts,
    pack_counts,
    totals,
    unpack_counts,
    unpacked,
)

MAX_FOLD_ROWS: Final = 2_000
MAX_FOLD_BLOCKS: Final = 500
MAX_PAGE: Final = 10_000
MAX_BLOCKS: Final = 50_000
_MAX_UNCOUNTED: Final = 50_000

_THIS: Final = (
    completeness.c.day == bindparam("of_day"),
    completeness.c.terminal == bindparam("of_terminal"),
    completeness.c.shard == bindparam("of_shard"),
)
_SUMS: Final = ("covered", "late", "duplicate", "dead")
_BODY: Final = select(completeness.c.body).where(*_THIS)
_OLD: Final = delete(completeness).where(*_THIS)

_Runs = defaultdict[tuple[Arrival, int, int], list[int]]


def fold(engine: Engine) -> int:
    """Count the oldest arrivals into their blocks; how many rows of arrivals were counted.

    Only one process may fold. What it counted and what it then forgets are one transaction.
    """
    with _snapshot(engine) as connection:
        taken, blocks = _oldest(connection)
        if not taken:
            return 0
        rows = [_row(key, _block(connection, key, runs)) for key, runs in blocks.items()]
    with writing(engine).begin() as connection:
        _replace(connection, rows)
        connection.execute(
            delete(arrivals).where(arrivals.c.id == bindparam("row")), [{"row": r} for r in taken]
        )
    return len(taken)


def _oldest(connection: Connection) -> tuple[list[int], Mapping[ShardDay, "_Runs"]]:
    """Rows of arrivals, and what they say by block; not many blocks at once, so that others can write."""
    blocks: dict[ShardDay, _Runs] = {}
    taken: list[int] = []
    query = select(arrivals.c.id, arrivals.c.body).order_by(arrivals.c.id).limit(MAX_FOLD_ROWS)
    for row in connection.execute(query):
        taken.append(int(row.id))
        for block, interval, outcome, first, behind in unpacked(bytes(row.body)):
            runs = blocks.get(block)
            if runs is None:
                runs = blocks[block] = defaultdict(list)
            runs[outcome, first, behind].append(interval)
        if len(blocks) >= MAX_FOLD_BLOCKS:
            break
    return taken, blocks


def _block(connection: Connection, key: ShardDay, runs: Runs) -> Counts:
    """The counts kept of a block with what arrived since."""
    body = connection.scalar(_BODY, {"of_day": key.day, "of_terminal": key.terminal, "of_shard": key.shard})
    return counted(no_counts(0) if body is None else unpack_counts(bytes(body)), runs)


def _row(key: ShardDay, counts: Counts) -> dict[str, Any]:
    found = totals(counts)
    whole = key.shard == WHOLE_TERMINAL
    return {
        "day": key.day,
        "terminal": key.terminal,
        "shard": key.shard,
        "meters": 0 if whole else found.meters,
        "covered": 0 if whole else found.covered,
        "least": INTERVALS if whole else found.least,
        "late": found.late,
        "duplicate": found.duplicate,
        "dead": found.dead,
        "body": pack_counts(counts),
    }


def _replace(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    keys = [{"of_day": r["day"], "of_terminal": r["terminal"], "of_shard": r["shard"]} for r in rows]
    connection.execute(_OLD, keys)
    connection.execute(insert(completeness), list(rows))


def _snapshot(engine: Engine) -> AbstractContextManager[Connection]:
    """A connection whose queries all see one moment."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ").connect()
    return engine.connect()


class SqlCompleteness:
    """``CompletenessLedger`` on the gateway's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def meters(self, meters: Sequence[str], day: int) -> dict[str, NDArray[np.int64]]:
        """``counts[outcome, interval]`` of each meter that any terminal ever spoke for, over all of them."""
        found: dict[str, NDArray[np.int64]] = {}
        with _snapshot(self._engine) as connection:
            places = _places(connection, meters)
            blocks = _blocks(connection, {_shard(day, row) for row in places})
        for row in places:
            counts = blocks[_shard(day, row)]
            within = int(row.place) % SHARD_METERS
            sums = found.setdefault(row.meter, np.zeros((len(Outcome), INTERVALS), dtype=np.int64))
            if within < counts.shape[1]:
                sums += counts[:, within]
        return found

    def unnamed(self, terminal: str, day: int) -> NDArray[np.int64]:
        """``counts[outcome, interval]`` of frames of the terminal that named no meter, by time of receipt."""
        key = ShardDay(day, terminal, WHOLE_TERMINAL)
        with _snapshot(self._engine) as connection:
            counts = _blocks(connection, {key})[key]
        sums: NDArray[np.int64] = counts.sum(axis=1, dtype=np.int64)
        return sums

    def members(self, terminal: str, after: str = "", limit: int = 1000) -> tuple[str, ...]:
        """Meters that the terminal ever spoke for, by id."""
        query = (
            select(meter_places.c.meter)
            .where(meter_places.c.terminal == terminal, meter_places.c.meter > after)
            .order_by(meter_places.c.meter)
        )
        with self._engine.connect() as connection:
            return tuple(connection.scalars(query.limit(min(limit, MAX_PAGE))))

    def blocks(self, day: int) -> tuple[MeterBlock, ...]:
        """All meters ever heard, in blocks (50,000 at most), those with the least covered meter first.

        Of what is counted (see ``uncounted``). A block of which not every meter was heard that day has 0.
        """
        shard = meter_places.c.place // SHARD_METERS
        placed = (
            select(meter_places.c.terminal, shard.label("shard"), func.count().label("meters"))
            .group_by(meter_places.c.terminal, shard)
            .subquery()
        )
        of_day = (
            (completeness.c.day == day)
            & (completeness.c.terminal == placed.c.terminal)
            & (completeness.c.shard == placed.c.shard)
        )
        all_heard = func.coalesce(completeness.c.meters, 0) >= placed.c.meters
        least = case((all_heard, completeness.c.least), else_=0)
        query = select(placed.c.terminal, placed.c.shard, least).outerjoin_from(placed, completeness, of_day)
        ordered = query.order_by(least, placed.c.terminal, placed.c.shard).limit(MAX_BLOCKS)
        with self._engine.connect() as connection:
            return tuple(MeterBlock(*row) for row in connection.execute(ordered))

    def block_meters(self, blocks: Sequence[MeterBlock]) -> tuple[str, ...]:
        """Their meters, block by block, in the order in which they were first heard."""
        place = meter_places.c.place
        query = (
            select(meter_places.c.meter)
            .where(meter_places.c.terminal == bindparam("of"))
            .where(place >= bindparam("first"), place < bindparam("behind"))
            .order_by(place)
        )
        found: list[str] = []
        with self._engine.connect() as connection:
            for terminal, shard, _ in blocks:
                first = shard * SHARD_METERS
                place_of = {"of": terminal, "first": first, "behind": first + SHARD_METERS}
                found += connection.scalars(query, place_of)
        return tuple(found)

    def worst_terminals(self, day: int, limit: int = 100, offset: int = 0) -> tuple[TerminalDay, ...]:
        """Terminals whose meters were covered least on that day, of what is counted (see ``uncounted``)."""
        counted_sums = {name: func.sum(completeness.c[name]).label(name) for name in _SUMS}
        of_day = (
            select(completeness.c.terminal, func.min(completeness.c.least).label("least"))
            .add_columns(func.sum(completeness.c.meters).label("heard"), *counted_sums.values())
            .where(completeness.c.day == day)
            .group_by(completeness.c.terminal)
            .subquery()
        )
        placed = (
            select(devices.c.parent.label("terminal"), func.count().label("meters"))
            .where(devices.c.parent != "")
            .group_by(devices.c.parent)
            .subquery()
        )
        names = union(select(of_day.c.terminal), select(placed.c.terminal)).subquery()
        # A meter that is its own terminal has no parent; one that moved was heard here and counts there.
        meters = func.coalesce(placed.c.meters, of_day.c.heard, 0)
        covered = func.coalesce(of_day.c.covered, 0)
        all_heard = func.coalesce(of_day.c.heard, 0) >= meters
        query = (
            select(
                names.c.terminal,
                meters.label("meters"),
                case((all_heard, of_day.c.least), else_=0).label("least"),
                *(func.coalesce(of_day.c[name], 0).label(name) for name in _SUMS),
            )
            .outerjoin_from(names, of_day, of_day.c.terminal == names.c.terminal)
            .outerjoin(placed, placed.c.terminal == names.c.terminal)
            .order_by(func.coalesce(covered * 1.0 / func.nullif(meters, 0), 0), names.c.terminal)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_PAGE)).offset(offset)).all()
        return tuple(
            TerminalDay(
                row.terminal, day, int(row.meters), int(row.covered), int(row.least) if row.meters else 0,
                int(row.late), int(row.duplicate), int(row.dead),
            )
            for row in rows
        )  # fmt: skip

    def uncounted(self) -> int:
        """Batches that arrived and are not yet in ``blocks`` (at most for a few minutes)."""
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.coalesce(func.sum(arrivals.c.frames), 0))) or 0)


def _shard(day: int, row: Any) -> ShardDay:  # noqa: ANN401 (a row has no type)
    return ShardDay(day, row.terminal, int(row.place) // SHARD_METERS)


def _places(connection: Connection, meters: Sequence[str]) -> list[Any]:
    rows: list[Any] = []
    for start in range(0, len(meters), 500):
        part = list(meters[start : start + 500])
        rows += connection.execute(select(meter_places).where(meter_places.c.meter.in_(part)))
    return rows


def _blocks(connection: Connection, keys: set[ShardDay]) -> dict[ShardDay, Counts]:
    waiting: dict[ShardDay, _Runs] = {key: defaultdict(list) for key in keys}
    query = select(arrivals.c.body).order_by(arrivals.c.id).limit(_MAX_UNCOUNTED)
    for body in connection.scalars(query):
        for block, interval, outcome, first, behind in unpacked(bytes(body)):
            if block in waiting:
                waiting[block][outcome, first, behind].append(interval)
    return {key: _block(connection, key, runs) for key, runs in waiting.items()}

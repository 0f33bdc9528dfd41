"""Frames that an earlier version left in SQLite segments: taken over into today's spool, once.

Such a segment lies directly in the spool's folder (one lane, cursor ``cursor``) or in a lane's folder (cursor
``cursor.LANE``). Every frame behind the cursor is appended to its lane; then the segment is set aside. Taking
one over twice does no harm: the ledger knows the frames' names.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pysqlite3.dbapi2 as sqlite

from gateway.contract.topics import READINGS
from gateway.frames import MQTT, Frame, Lane
from gateway.ports import Spool

log = logging.getLogger(__name__)

_PATTERN: Final = "[0-9]" * 10 + ".spool"
_ROW_BITS: Final = 32
_GROUP: Final = 200
DONE: Final = ".taken-over"


class FormerSpoolDamaged(RuntimeError):
    """Frames of an earlier version cannot be read; nothing was thrown away."""


def take_over(folder: Path, spools: Mapping[Lane, Spool], state: Mapping[str, int]) -> int:
    """Append what former segments in ``folder`` still hold; how many frames. Raises FormerSpoolDamaged.

    ``state``: the ledger's numbers by name, for the former cursors.
    """
    taken = 0
    places: list[tuple[Path, int, Lane | None]] = [(folder, state.get("cursor", 0), None)]
    places += [(folder / lane, state.get(f"cursor.{lane}", 0), lane) for lane in Lane]
    for place, cursor, lane in places:
        for file in sorted(place.glob(_PATTERN)):
            taken += _segment(file, cursor, lane, spools)
            file.rename(file.with_name(file.name + DONE))
    if taken:
        log.warning("took over %d frames from the spool of an earlier version", taken)
    return taken


def _segment(file: Path, cursor: int, lane: Lane | None, spools: Mapping[Lane, Spool]) -> int:
    number = int(file.stem)
    if number < cursor >> _ROW_BITS:
        return 0
    first = (cursor & (1 << _ROW_BITS) - 1) + 1 if number == cursor >> _ROW_BITS else 1
    connection = sqlite.connect(f"file:{file}", uri=True)
    try:
        door = "door" if _has_door(connection) else f"'{MQTT}'"
        rows = connection.execute(
            f"SELECT topic, body, received_ms, {door} FROM frames WHERE row >= ? ORDER BY row",  # noqa: S608
            (first,),
        )
        taken = 0
        while group := rows.fetchmany(_GROUP):
            frames = [
                Frame(topic, bytes(body), received_ms, name) for topic, body, received_ms, name in group
            ]
            for target in Lane:
                mine = [frame for frame in frames if (lane or _lane_of(frame)) is target]
                if mine:
                    spools[target].append(mine)
            taken += len(frames)
    except sqlite.DatabaseError as problem:
        raise FormerSpoolDamaged(
            f"{file}: frames of an earlier version cannot be read ({problem}); repair it or move it away"
        ) from problem
    finally:
        connection.close()
    return taken


def _has_door(connection: Any) -> bool:  # noqa: ANN401 (the driver has no types)
    return any(row[1] == "door" for row in connection.execute("PRAGMA table_info(frames)"))


def _lane_of(frame: Frame) -> Lane:
    return Lane.BULK if frame.topic.endswith(f"/{READINGS}") else Lane.EVENTS

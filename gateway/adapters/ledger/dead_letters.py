"""Dead letters as the ledger's transactions write them: laid down, tried again, let go of."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.adapters.seldom import Seldom
from gateway.frames import Frame
from gateway.ingest import Entry, Sorted
from telemetry.adapters.gateway_tables import dead_letters

log = logging.getLogger(__name__)

PARTS: Final = "!parts"
"""Ends the key of a letter whose frame is stored but for some values."""
MAX_PROBLEM: Final = 2_000


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead frame that somebody asked to try again."""

    id: int
    key: str
    frame: Frame

    @property
    def is_part(self) -> bool:
        """Its frame counts as stored: only some of its values are missing."""
        return self.key.endswith(PARTS)


def bury(connection: Connection, dead: Sequence[Entry], code_version: str) -> None:
    """Lay down frames that nobody understands or no store takes."""
    _insert(connection, [(entry.names()[0], entry, entry.problem) for entry in dead], code_version)


def bury_parts(connection: Connection, stored: Sequence[Entry], code_version: str) -> int:
    """Lay down frames of which a store refused some values, beside what it took; how many."""
    parts = [(entry.names()[0] + PARTS, entry, _refusal(entry)) for entry in stored if entry.refused]
    _insert(connection, parts, code_version)
    return len(parts)


def _refusal(entry: Entry) -> str:
    return f"store: {'; '.join(entry.refused)}"


class Burials:
    """Tells the log what was laid down, in few lines."""

    def __init__(self) -> None:
        self._whole = Seldom(log, logging.WARNING, "%d frames to the dead letters, first: %s")
        self._parts = Seldom(log, logging.WARNING, "values of %d frames to the dead letters, first: %s")

    def tell(self, result: Sorted) -> None:
        """After these were committed."""
        if result.dead:
            self._whole.tell(len(result.dead), result.dead[0].problem)
        partly = [entry for entry in result.stored if entry.refused]
        if partly:
            self._parts.tell(len(partly), _refusal(partly[0])[:500])

    def rest(self) -> None:
        """Tell what was held back."""
        self._whole.rest()
        self._parts.rest()


def _insert(connection: Connection, letters: Sequence[tuple[str, Entry, str]], code_version: str) -> None:
    if not letters:
        return
    newest = int(connection.scalar(select(func.max(dead_letters.c.id))) or 0)
    rows = [
        {
            "id": newest + place,
            "key": key,
            "topic": _plain(entry.spooled.frame.topic),
            "body": entry.spooled.frame.body,
            "received_ms": entry.received_ms,
            "problem": _plain(problem)[:MAX_PROBLEM],
            "code_version": code_version,
            "door": _plain(entry.spooled.frame.door),
        }
        for place, (key, entry, problem) in enumerate(letters, start=1)
    ]
    connection.execute(insert(dead_letters), rows)


def asked_for(connection: Connection, limit: int) -> tuple[Letter, ...]:
    """Letters that are to be tried again, oldest wish first."""
    query = (
        select(dead_letters)
        .where(dead_letters.c.replay_asked_ms.is_not(None))
        .order_by(dead_letters.c.replay_asked_ms, dead_letters.c.id)
    )
    return tuple(
        Letter(row.id, row.key, Frame(row.topic, bytes(row.body), row.received_ms, row.door))
        for row in connection.execute(query.limit(limit))
    )


def take_out(connection: Connection, letter: Letter) -> bool:
    """It is of use now; False if somebody was faster."""
    return connection.execute(delete(dead_letters).where(dead_letters.c.id == letter.id)).rowcount == 1


def note_problem(connection: Connection, letter: Letter, problem: str, code_version: str) -> None:
    """It was tried again in vain."""
    query = update(dead_letters).where(dead_letters.c.id == letter.id)
    values = {"problem": _plain(problem)[:MAX_PROBLEM], "code_version": code_version, "replay_asked_ms": None}
    connection.execute(query.values(values))


def forget(connection: Connection, before_ms: int, limit: int) -> tuple[int, int]:
    """Let go of up to ``limit`` letters received before; (whole frames, parts of frames)."""
    query = select(dead_letters.c.id, dead_letters.c.key).where(dead_letters.c.received_ms < before_ms)
    rows = connection.execute(query.order_by(dead_letters.c.id).limit(limit)).all()
    if rows:
        connection.execute(delete(dead_letters).where(dead_letters.c.id.in_([row.id for row in rows])))
    parts = sum(row.key.endswith(PARTS) for row in rows)
    return len(rows) - parts, parts


def count(connection: Connection) -> int:
    """How many letters there are."""
    return int(connection.scalar(select(func.count()).select_from(dead_letters)) or 0)


def _plain(text: str) -> str:
    """PostgreSQL keeps no NUL, and a name in a foreign encoding is no text of its own."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()

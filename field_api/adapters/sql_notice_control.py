"""Clicks, holds and the health of channels in the desk's tables."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from field_api.adapters.notice_tables import channel_states, notice_holds, notice_verdicts
from field_api.notices.control import ChannelState, Hold, HoldKind, Verdict


class SqlNoticeControl:
    """``NoticeControl`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_hold(self, hold: Hold) -> bool:
        if self.hold(hold.id) is not None:
            return False
        self._connection.execute(insert(notice_holds).values(**asdict(hold) | {"kind": hold.kind.value}))
        return True

    def holds(self, active: bool, limit: int = 200) -> tuple[Hold, ...]:
        query = select(notice_holds).order_by(notice_holds.c.at_ms.desc(), notice_holds.c.id).limit(limit)
        if active:
            query = query.where(notice_holds.c.released_ms.is_(None))
        return tuple(_hold(row) for row in self._connection.execute(query))

    def hold(self, hold_id: str) -> Hold | None:
        row = self._connection.execute(select(notice_holds).where(notice_holds.c.id == hold_id)).first()
        return None if row is None else _hold(row)

    def release(self, hold_id: str, at_ms: int, user_name: str, note: str) -> bool:
        changed = self._connection.execute(
            update(notice_holds)
            .where(notice_holds.c.id == hold_id, notice_holds.c.released_ms.is_(None))
            .values(released_ms=at_ms, released_by=user_name, released_note=note)
        )
        return changed.rowcount == 1

    def verdict(self, key: str) -> Verdict | None:
        query = select(notice_verdicts).where(notice_verdicts.c.key == key)
        row = self._connection.execute(query).first()
        return None if row is None else Verdict(**row._mapping)  # noqa: SLF001 (SQLAlchemy's public name)

    def put_verdict(self, verdict: Verdict) -> None:
        self._connection.execute(insert(notice_verdicts).values(**asdict(verdict)))

    def last_verdict(self, incident_id: str) -> Verdict | None:
        said = notice_verdicts.c
        query = select(notice_verdicts).where(said.incident_id == incident_id)
        row = self._connection.execute(query.order_by(said.at_ms.desc(), said.key.desc()).limit(1)).first()
        return None if row is None else Verdict(**row._mapping)  # noqa: SLF001

    def channel(self, name: str) -> ChannelState:
        known = next((state for state in self.channels() if state.name == name), None)
        return known or ChannelState(name, None, "", reported=False)

    def channels(self) -> tuple[ChannelState, ...]:
        rows = self._connection.execute(select(channel_states).order_by(channel_states.c.name))
        return tuple(ChannelState(**row._mapping) for row in rows)  # noqa: SLF001

    def put_channel(self, state: ChannelState) -> None:
        self._connection.execute(delete(channel_states).where(channel_states.c.name == state.name))
        self._connection.execute(insert(channel_states).values(**asdict(state)))


def _hold(row: Row[Any]) -> Hold:
    return Hold(**{**row._mapping, "kind": HoldKind(row.kind)})  # noqa: SLF001

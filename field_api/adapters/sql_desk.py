"""The desk on SQLite and PostgreSQL: one transaction over all of its repositories."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine

from field_api.adapters.sql_audit import SqlAuditLog
from field_api.adapters.sql_choices import SqlManagerChoices
from field_api.adapters.sql_corrections import SqlCorrections
from field_api.adapters.sql_dispatch import SqlDispatchPlans
from field_api.adapters.sql_establishment import SqlEstablishment
from field_api.adapters.sql_notice_control import SqlNoticeControl
from field_api.adapters.sql_organisation import SqlOrganisation
from field_api.adapters.sql_outbox import SqlOutbox
from field_api.adapters.sql_people import (
    SqlLoginFailures,
    SqlMachineTokens,
    SqlPeopleFindings,
    SqlRefreshTokens,
    SqlReveals,
)
from field_api.adapters.sql_photos import SqlPhotos
from field_api.adapters.sql_ratings import SqlRatings
from field_api.adapters.sql_registers import SqlRegisterEntries
from field_api.adapters.sql_tickets import SqlTickets
from field_api.adapters.sql_users import SqlUsers
from field_api.adapters.sql_views import SqlFeed, SqlOutageViews
from field_api.adapters.sql_webhooks import SqlWebhooks
from field_api.adapters.sql_work import (
    ORDERS_KEPT,
    KnownOrders,
    SqlCalls,
    SqlIncidents,
    SqlOperations,
    SqlOrders,
    SqlPositions,
)
from field_api.kept import Kept
from field_api.people.ports import Sealer
from field_api.ports import DeskSession, StoredOrder
from geo.adapters.database import writing

T = TypeVar("T")


class _Part(Generic[T]):
    """A repository of a session, made when it is first asked for: most sessions need two of them."""

    def __init__(self, make: "Callable[[SqlSession], T]") -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, session: "SqlSession", owner: type) -> T:
        part: T = self._make(session)
        session.__dict__[self._name] = part  # from now on it is found there
        return part


def _on(repository: Callable[[Connection], T]) -> _Part[T]:
    return _Part(lambda session: repository(session.connection))


class SqlSession:
    """``DeskSession`` on one connection in its transaction."""

    def __init__(self, connection: Connection, sealer: Sealer | None, known: KnownOrders) -> None:
        self.connection, self.sealer, self.known = connection, sealer, known

    organisation = _on(SqlOrganisation)
    establishment = _Part(lambda session: SqlEstablishment(session.connection, session.sealer))
    registers = _on(SqlRegisterEntries)
    users = _on(SqlUsers)
    incidents = _on(SqlIncidents)
    orders = _Part(lambda session: SqlOrders(session.connection, session.known))
    outages = _on(SqlOutageViews)
    ratings = _on(SqlRatings)
    choices = _on(SqlManagerChoices)
    outbox = _on(SqlOutbox)
    notices = _on(SqlNoticeControl)
    feed = _on(SqlFeed)
    operations = _on(SqlOperations)
    calls = _on(SqlCalls)
    tickets = _on(SqlTickets)
    webhooks = _on(SqlWebhooks)
    corrections = _on(SqlCorrections)
    positions = _on(SqlPositions)
    plans = _on(SqlDispatchPlans)
    audit = _on(SqlAuditLog)
    login_failures = _on(SqlLoginFailures)
    refresh_tokens = _on(SqlRefreshTokens)
    machine_tokens = _on(SqlMachineTokens)
    reveals = _on(SqlReveals)
    people_findings = _on(SqlPeopleFindings)
    photos = _on(SqlPhotos)


class SqlDesk:
    """``Desk`` on one engine, migrated by others."""

    def __init__(self, engine: Engine, sealer: Sealer | None = None) -> None:
        """``sealer`` opens and closes what is encrypted; without it that stays as it is stored."""
        self._engine, self._writing, self._sealer = engine, writing(engine), sealer
        self._known: Kept[str, tuple[tuple[Any, ...], StoredOrder]] = Kept(ORDERS_KEPT)

    @contextmanager
    def reading(self) -> Iterator[DeskSession]:
        """A consistent look."""
        with self._engine.connect() as connection:
            yield SqlSession(connection, self._sealer, KnownOrders(self._known, committed=True))

    @contextmanager
    def writing(self) -> Iterator[DeskSession]:
        """Committed at the end, rolled back on an exception."""
        with self._writing.begin() as connection:
            yield SqlSession(connection, self._sealer, KnownOrders(self._known, committed=False))

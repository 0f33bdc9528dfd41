"""The desk on SQLite and PostgreSQL: one transaction over all of its repositories."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from field_api.adapters.sql_audit import SqlAuditLog
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
    HISTORIES_KEPT,
    Histories,
    History,
    SqlCalls,
    SqlIncidents,
    SqlOperations,
    SqlOrders,
    SqlPositions,
)
from field_api.kept import Kept
from field_api.people.ports import Sealer
from field_api.ports import DeskSession
from geo.adapters.database import writing


class SqlSession:
    """``DeskSession`` on one connection in its transaction."""

    def __init__(self, connection: Connection, sealer: Sealer | None, histories: Histories) -> None:
        self.organisation = SqlOrganisation(connection)
        self.establishment = SqlEstablishment(connection, sealer)
        self.registers = SqlRegisterEntries(connection)
        self.users = SqlUsers(connection)
        self.incidents = SqlIncidents(connection)
        self.orders = SqlOrders(connection, histories)
        self.outages = SqlOutageViews(connection)
        self.ratings = SqlRatings(connection)
        self.outbox = SqlOutbox(connection)
        self.notices = SqlNoticeControl(connection)
        self.feed = SqlFeed(connection)
        self.operations = SqlOperations(connection)
        self.calls = SqlCalls(connection)
        self.tickets = SqlTickets(connection)
        self.webhooks = SqlWebhooks(connection)
        self.corrections = SqlCorrections(connection)
        self.positions = SqlPositions(connection)
        self.plans = SqlDispatchPlans(connection)
        self.audit = SqlAuditLog(connection)
        self.login_failures = SqlLoginFailures(connection)
        self.refresh_tokens = SqlRefreshTokens(connection)
        self.machine_tokens = SqlMachineTokens(connection)
        self.reveals = SqlReveals(connection)
        self.people_findings = SqlPeopleFindings(connection)
        self.photos = SqlPhotos(connection)


class SqlDesk:
    """``Desk`` on one engine, migrated by others."""

    def __init__(self, engine: Engine, sealer: Sealer | None = None) -> None:
        """``sealer`` opens and closes what is encrypted; without it that stays as it is stored."""
        self._engine, self._sealer = engine, sealer
        self._histories: Kept[str, History] = Kept(HISTORIES_KEPT)

    @contextmanager
    def reading(self) -> Iterator[DeskSession]:
        """A consistent look."""
        with self._engine.connect() as connection:
            yield SqlSession(connection, self._sealer, Histories(self._histories, committed=True))

    @contextmanager
    def writing(self) -> Iterator[DeskSession]:
        """Committed at the end, rolled back on an exception."""
        with writing(self._engine).begin() as connection:
            yield SqlSession(connection, self._sealer, Histories(self._histories, committed=False))

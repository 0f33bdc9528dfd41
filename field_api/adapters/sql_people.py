"""Failed logins, renewing tokens, machine tokens, reveals and findings in the desk's tables."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, true, update

from field_api.adapters.people_tables import login_failures, people_findings, refresh_tokens
from field_api.adapters.tables import credentials, reveals, user_cells, users
from field_api.people.findings import CauseClass, FindingState, PersonFinding
from field_api.people.lockout import Failures
from field_api.people.ports import MachineToken, RefreshToken, Reveal

MACHINE: Final = "machine"


class SqlLoginFailures:
    """``LoginFailures`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, keys: Sequence[str]) -> dict[str, Failures]:
        query = select(login_failures).where(login_failures.c.key.in_(keys))
        return {key: Failures(count, last_ms) for key, count, last_ms in self._connection.execute(query)}

    def keep(self, key: str, failures: Failures) -> None:
        self.forget([key])
        self._connection.execute(
            insert(login_failures).values(key=key, count=failures.count, last_ms=failures.last_ms)
        )

    def forget(self, keys: Sequence[str]) -> None:
        self._connection.execute(delete(login_failures).where(login_failures.c.key.in_(keys)))

    def prune(self, before_ms: int) -> None:
        self._connection.execute(delete(login_failures).where(login_failures.c.last_ms < before_ms))


class SqlRefreshTokens:
    """``RefreshTokens`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: RefreshToken) -> None:
        self._connection.execute(insert(refresh_tokens).values(**asdict(token)))

    def get(self, secret_hash: str) -> RefreshToken | None:
        query = select(refresh_tokens).where(refresh_tokens.c.secret_hash == secret_hash)
        row = self._connection.execute(query).first()
        return None if row is None else RefreshToken(*row)

    def use(self, secret_hash: str, successor_hash: str, at_ms: int) -> bool:
        noted = self._connection.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.secret_hash == secret_hash, refresh_tokens.c.used_ms.is_(None))
            .values(successor_hash=successor_hash, used_ms=at_ms)
        )
        return noted.rowcount == 1

    def revoke_family(self, family: str) -> None:
        self._connection.execute(delete(refresh_tokens).where(refresh_tokens.c.family == family))
        self._connection.execute(delete(credentials).where(credentials.c.family == family))

    def prune(self, before_ms: int) -> None:
        old = or_(refresh_tokens.c.expires_ms < before_ms, refresh_tokens.c.used_ms < before_ms)
        self._connection.execute(delete(refresh_tokens).where(old))


class SqlMachineTokens:
    """``MachineTokens`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def listed(self) -> tuple[MachineToken, ...]:
        query = (
            select(users, credentials.c.created_ms.label("made_ms"), credentials.c.expires_ms)
            .join(credentials, credentials.c.user_id == users.c.id)
            .where(credentials.c.kind == MACHINE)
            .order_by(users.c.username)
        )
        rows = self._connection.execute(query).all()
        return tuple(
            MachineToken(
                row.id, row.name, self._cells(row.id), row.whole_company, row.made_ms, row.expires_ms
            )
            for row in rows
        )

    def _cells(self, user_id: str) -> tuple[str, ...]:
        query = select(user_cells.c.grid_id).where(user_cells.c.user_id == user_id)
        return tuple(self._connection.scalars(query.order_by(user_cells.c.grid_id)))


class SqlReveals:
    """``Reveals`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, made: Sequence[Reveal]) -> None:
        if made:
            self._connection.execute(insert(reveals), [asdict(one) for one in made])

    def count(self, user_id: str, since_ms: int, except_reason: str) -> int:
        query = select(func.count()).where(
            reveals.c.user_id == user_id,
            reveals.c.at_ms >= since_ms,
            reveals.c.reason.not_like(f"{except_reason}%"),
        )
        return int(self._connection.scalar(query) or 0)

    def known(self, user_id: str, reason: str) -> frozenset[str]:
        query = select(reveals.c.customer_id).where(reveals.c.user_id == user_id, reveals.c.reason == reason)
        return frozenset(self._connection.scalars(query))


class SqlPeopleFindings:
    """``PeopleFindings`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, finding: PersonFinding) -> None:
        self._connection.execute(insert(people_findings).values(**asdict(finding)))

    def get(self, finding_id: str) -> PersonFinding | None:
        found = self._listed(people_findings.c.id == finding_id, None, 1)
        return found[0] if found else None

    def replace(self, finding: PersonFinding, was: str) -> bool:
        kept = self._connection.execute(
            update(people_findings)
            .where(people_findings.c.id == finding.id, people_findings.c.state == was)
            .values(**asdict(finding))
        )
        return kept.rowcount == 1

    def of_person(self, person_id: str, before_ms: int | None, limit: int) -> tuple[PersonFinding, ...]:
        return self._listed(people_findings.c.person_id == person_id, before_ms, limit)

    def listed(self, before_ms: int | None, limit: int) -> tuple[PersonFinding, ...]:
        return self._listed(true(), before_ms, limit)

    def _listed(
        self, wanted: ColumnElement[bool], before_ms: int | None, limit: int
    ) -> tuple[PersonFinding, ...]:
        table = people_findings.c
        query = select(people_findings).where(wanted).order_by(table.raised_ms.desc(), table.id)
        if before_ms is not None:
            query = query.where(table.raised_ms < before_ms)
        return tuple(_finding(row) for row in self._connection.execute(query.limit(limit)))


def _finding(row: Row[Any]) -> PersonFinding:
    return PersonFinding(
        id=row.id, rule=row.rule, evidence=row.evidence, person_id=row.person_id, order_id=row.order_id,
        cause=CauseClass(row.cause), state=FindingState(row.state), raised_by=row.raised_by,
        raised_ms=row.raised_ms, objection=row.objection, objected_ms=row.objected_ms,
        decided_by=row.decided_by, decided_ms=row.decided_ms, decision=row.decision,
    )  # fmt: skip

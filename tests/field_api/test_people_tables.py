"""The tables about people on both databases: as the code reads them, and a chain without a fork."""

import threading

import pytest
from sqlalchemy import Engine, inspect

from field_api.adapters.audit_tables import audit
from field_api.adapters.people_tables import login_failures, people_findings, refresh_tokens, user_phones
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.tables import credentials, reveals, users
from field_api.people.audit_chain import Act, breaches
from field_api.people.findings import CauseClass, FindingState, PersonFinding
from field_api.people.lockout import Failures
from field_api.people.ports import AuditFilter, RefreshToken, Reveal
from tests.conftest import DatabaseFactory

TABLES = (
    audit, login_failures, people_findings, refresh_tokens, user_phones, credentials, reveals, users,
)  # fmt: skip
WRITERS, ROWS = 4, 15


@pytest.fixture
def engine(database: DatabaseFactory) -> Engine:
    return database("desk")


def test_migrations_made_what_the_code_reads(engine: Engine) -> None:
    made = inspect(engine)
    for table in TABLES:
        columns = {column["name"]: column["nullable"] for column in made.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
        indexes = {index["name"] for index in made.get_indexes(table.name) if not index["unique"]}
        assert indexes == {index.name for index in table.indexes}, table.name


def test_many_writers_make_one_chain(engine: Engine) -> None:
    desk = SqlDesk(engine)

    def write(writer: int) -> None:
        for number in range(ROWS):
            with desk.writing() as session:
                session.audit.append(number, Act("test", f"{writer}/{number}", "u", "张三 \U0001f600"))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with desk.reading() as session:
        rows = list(session.audit.all_rows())
        assert len(rows) == WRITERS * ROWS
        assert breaches(rows) == ()
        assert len(session.audit.listed(AuditFilter(subject="2/3", since_ms=3, until_ms=4), None, 9)) == 1


def test_people_are_kept_and_found_again(engine: Engine) -> None:
    desk = SqlDesk(engine)
    finding = PersonFinding(
        "f", "rule", "evidence", "p", "", CauseClass.STAFF, FindingState.OPEN, "s", 5
    )  # fmt: skip
    with desk.writing() as session:
        session.login_failures.keep("k", Failures(3, 7))
        session.refresh_tokens.add(RefreshToken("h", "family", "u", 1, 9))
        session.reveals.add([Reveal(4, "u", "C1", "call 1"), Reveal(4, "u", "C2", "order:x")])
        session.people_findings.add(finding)
    with desk.writing() as session:
        assert session.login_failures.of(["k", "other"]) == {"k": Failures(3, 7)}
        assert session.refresh_tokens.use("h", "next", 6)
        assert not session.refresh_tokens.use("h", "other", 7)
        assert session.refresh_tokens.get("h") == RefreshToken("h", "family", "u", 1, 9, "next", 6)
        assert (session.reveals.count("u", 0, "order:"), session.reveals.count("u", 5, "order:")) == (1, 0)
        assert session.people_findings.get("f") == finding
        assert not session.people_findings.replace(finding, "upheld")
        session.refresh_tokens.revoke_family("family")
        assert session.refresh_tokens.get("h") is None

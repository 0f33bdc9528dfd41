"""What every desk must do; each adapter joins by a line in ``DESKS``. Runs on SQLite and PostgreSQL."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData

from field_api.adapters import tables
from field_api.adapters.sql_desk import SqlDesk
from field_api.notices.alerts import NoticeKind, Told
from field_api.notices.control import Hold, HoldKind, Verdict
from field_api.notices.notice import Announcement, NoticeState, Posting
from field_api.orders.incidents import Incident
from field_api.orders.work import HistoryEntry, Order
from field_api.organisation.cells import AreaKind, Crew, CrewState, GridCell
from field_api.people.users import WHOLE_COMPANY, Role, Scope, User
from field_api.ports import (
    Answered,
    Call,
    Credential,
    Desk,
    DeskSession,
    FeedEvent,
    OrderFilter,
    OutageView,
    PageAfter,
)
from telemetry.adapters import alarm_tables
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.evidence import Evidence, EvidenceKind
from tests.conftest import DatabaseFactory

DESKS: dict[str, Callable[[Engine], Desk]] = {"sql": SqlDesk}
EAST, WEST = Scope(frozenset({"G1"})), Scope(frozenset({"G2"}))
NOBODY = Scope(frozenset())


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest, database: DatabaseFactory) -> Desk:
    return DESKS[request.param](database("desk"))


def _order(identifier: str, grid_id: str = "G1", created_ms: int = 1, crew_id: str = "c1") -> Order:
    return Order(
        id=identifier, number=f"R-{identifier}", type="repair", incident_id="i", outage_id="o",
        grid_id=grid_id, crew_id=crew_id, element="T1", element_kind="transformer", element_name="变",
        lon=116.5, lat=math.nan, customers=3, priority="key", area="urban", created_ms=created_ms,
    )  # fmt: skip


def _entry(sequence: int, step: str = "assign") -> HistoryEntry:
    return HistoryEntry(sequence, sequence, step, 10 + sequence, "u", "名", "n", 5, "T1", "tree")


def _view(
    outage: str, revision: int = 1, is_open: bool = True, grids: frozenset[str] = frozenset({"G1"})
) -> OutageView:
    started_ms = int(outage[1:]) if outage[1:].isdigit() else 1
    return OutageView(outage, revision, "confirmed", is_open, started_ms, "G1", grids, f'{{"r": {revision}}}')


def test_what_fails_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError), desk.writing() as session:
        session.feed.append(1, [FeedEvent("outage", frozenset({"G1"}), "{}")])
        session.orders.add(_order("a"), "assigned", _entry(1))
        raise ZeroDivisionError
    with desk.reading() as session:
        assert session.feed.newest_id() == 0
        assert session.orders.get(WHOLE_COMPANY, "a") is None


def test_cells_and_crews_are_kept_and_seen_by_their_own(desk: Desk) -> None:
    cell = GridCell("G1", "东", "East", AreaKind.RURAL, (1.0, 2.0, 3.0, 4.0))
    crew = Crew("c1", "一班", ("G1", "G2"), CrewState.FREE, 1.5, 2.5, 7)
    for _ in range(2):
        with desk.writing() as session:
            session.organisation.put_cell(cell)
            session.organisation.put_crew(crew)
    with desk.reading() as session:
        assert session.organisation.cells(EAST) == (cell,)
        assert session.organisation.cells(WEST) == ()
        assert session.organisation.crews(WEST) == (crew,)
        assert session.organisation.crews(NOBODY) == ()
        assert session.organisation.crew(NOBODY, "c1") is None
        assert session.organisation.places(WEST) == (crew,)
        assert session.organisation.places(NOBODY) == ()
        assert session.organisation.crew(WEST, "c1") == crew
        assert session.organisation.crew_names(WEST, {"c1", "c2"}) == {"c1": "一班"}
        assert session.organisation.crew_names(NOBODY, {"c1"}) == {}


def test_a_position_never_goes_back(desk: Desk) -> None:
    with desk.writing() as session:
        session.organisation.put_crew(Crew("c1", "一班", ("G1",), CrewState.FREE, 0.0, 0.0, 5))
        assert session.organisation.move_crew("c1", 1.0, 1.0, 10, CrewState.TRAVELLING)
        assert not session.organisation.move_crew("c1", 9.0, 9.0, 9, CrewState.FREE)
        crew = session.organisation.crew(WHOLE_COMPANY, "c1")
    assert crew is not None
    assert (crew.lon, crew.state, crew.position_ms) == (1.0, CrewState.TRAVELLING, 10)
    with desk.writing() as session:
        session.organisation.set_state("c1", CrewState.WORKING)
        assert session.organisation.crew(EAST, "c1") == replace(crew, state=CrewState.WORKING)


def test_people_and_their_credentials(desk: Desk) -> None:
    user = User("u1", "anna", "安娜", Role.CREW, "c1", ("G1", "G2"), False, "zh")
    with desk.writing() as session:
        session.users.put(user, "hash", 1)
        session.users.admit(Credential("secret", "session", "u1", "csrf", 1, 100))
    with desk.reading() as session:
        login = session.users.by_username("anna")
        assert login is not None
        assert (login.user, login.password_hash) == (user, "hash")
        assert session.users.by_id("u1") == user
        found = session.users.holder("secret", 99)
        assert found == (Credential("secret", "session", "u1", "csrf", 1, 100), user)
        assert session.users.holder("secret", 100) is None, "expired"
    with desk.writing() as session:
        session.users.put(user, "other", 2)
    with desk.reading() as session:
        assert session.users.holder("secret", 50) is None, "a new password ends sessions"
        assert session.users.listed() == (user,)


def test_a_credential_brings_its_holder_as_they_are_now(desk: Desk) -> None:
    user = User("u1", "anna", "安娜", Role.DISPATCHER, None, (), True, "zh")
    credential = Credential("secret", "session", "u1", "csrf", 1, 100)
    with desk.writing() as session:
        session.users.put(user, "hash", 1)
        session.users.admit(credential)
    with desk.reading() as session:
        assert session.users.holder("secret", 50) == (credential, user)
    moved = replace(user, role=Role.CREW, crew_id="c1", grid_ids=("G1", "G2"), whole_company=False)
    with desk.writing() as session:
        session.users.change(moved)
    with desk.reading() as session:
        found = session.users.holder("secret", 50)
    assert found is not None
    assert found[1] == moved


def test_credentials_of_one_person_are_limited(desk: Desk) -> None:
    with desk.writing() as session:
        session.users.put(User("u1", "anna", "安娜", Role.CREW, "c1", (), False, "zh"), "hash", 1)
        for number in range(60):
            session.users.admit(Credential(f"s{number}", "token", "u1", "", number, 10_000))
        alive = [number for number in range(60) if session.users.holder(f"s{number}", 61)]
        session.users.revoke("s59")
        assert session.users.holder("s59", 61) is None
    assert alive == list(range(10, 60)), "the oldest are forgotten"


def test_an_order_and_its_history(desk: Desk) -> None:
    with desk.writing() as session:
        session.orders.add(_order("a"), "assigned", _entry(1))
        assert session.orders.append("a", _entry(2, "accept"), "accepted", True)
        assert not session.orders.append("a", _entry(2, "accept"), "accepted", True), "somebody was faster"
        assert not session.orders.append("a", _entry(4, "close"), "closed", False), "a gap"
    with desk.reading() as session:
        stored = session.orders.get(EAST, "a")
        assert stored is not None
        assert session.orders.get(WEST, "a") is None
        assert session.orders.under_way("assigned") == {"c1": "a"}
        assert session.orders.under_way_of("c1", "assigned") == "a"
        assert session.orders.under_way_of("c1", "accepted") is None
        assert session.orders.open_by_crew() == {"c1": 1}
        assert session.orders.open_by_owner() == {"": 1}
    assert repr(stored.order) == repr(_order("a"))
    assert (stored.state, stored.revision) == ("accepted", 2)
    assert stored.history == (_entry(1), _entry(2, "accept"))


def test_a_history_is_read_again_when_it_has_grown_and_never_as_it_was_undone(desk: Desk) -> None:
    with desk.writing() as session:
        session.orders.add(_order("a"), "assigned", _entry(1))
    with desk.reading() as session:
        assert len(_history(session)) == 1
    with pytest.raises(ZeroDivisionError), desk.writing() as session:
        assert session.orders.append("a", _entry(2, "refuse"), "refused", True)
        assert [entry.step for entry in _history(session)][1:] == ["refuse"]
        raise ZeroDivisionError
    with desk.reading() as session:
        assert len(_history(session)) == 1
    with desk.writing() as session:
        assert session.orders.append("a", _entry(2, "accept"), "accepted", True)
    for _ in range(2):
        with desk.reading() as session:
            assert [entry.step for entry in _history(session)][1:] == ["accept"]


def _history(session: DeskSession) -> tuple[HistoryEntry, ...]:
    return session.orders.some(EAST, ["a", "b"])["a"].history


def test_orders_follow_and_change(desk: Desk) -> None:
    with desk.writing() as session:
        session.orders.add(_order("a"), "assigned", _entry(1))
        session.orders.move("a", "o2", "i2")
        session.orders.amend(replace(_order("a"), element="T9", customers=8))
        moved = session.orders.of_outage(WHOLE_COMPANY, "o2")
        assert session.orders.of_outage(WHOLE_COMPANY, "o") == ()
        assert session.orders.of_outage(WEST, "o2") == ()
    subjects = [(one.order.incident_id, one.order.element, one.order.customers) for one in moved]
    assert subjects == [("i2", "T9", 8)]


def test_orders_are_listed_newest_first_in_pages(desk: Desk) -> None:
    with desk.writing() as session:
        for number in range(6):
            order = _order(f"a{number}", "G1" if number < 5 else "G2", created_ms=number // 2)
            session.orders.add(order, "assigned", _entry(1))
        session.orders.append("a0", _entry(2, "close"), "closed", False)
    with desk.reading() as session:
        ids = [one.order.id for one in session.orders.found(EAST, OrderFilter(), None, 100)]
        assert ids == ["a4", "a3", "a2", "a1", "a0"]
        assert [one.order.id for one in session.orders.found(EAST, OrderFilter(False), None, 100)] == ["a0"]
        after = PageAfter(1, "a3")
        assert [one.order.id for one in session.orders.found(EAST, OrderFilter(True), after, 2)] == [
            "a2",
            "a1",
        ]
        assert session.orders.found(NOBODY, OrderFilter(), None, 100) == ()


def test_numbers_count_up_within_their_series_whoever_asks(desk: Desk) -> None:
    numbers: list[int] = []

    def take() -> None:
        for _ in range(5):
            with desk.writing() as session:
                numbers.append(session.orders.next_number("R-20261122"))

    takers = [threading.Thread(target=take) for _ in range(3)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(numbers) == list(range(1, 16))
    with desk.writing() as session:
        assert session.orders.next_number("R-20261123") == 1


def test_outages_share_an_incident(desk: Desk) -> None:
    with desk.writing() as session:
        session.incidents.add(Incident("i1", "o1", "G1", 5))
        session.incidents.attach("o2", "i1")
        assert session.incidents.of_outage("o2") == Incident("i1", "o1", "G1", 5)
        assert session.incidents.of_outage("o3") is None


def test_an_outages_newest_view_wins(desk: Desk) -> None:
    with desk.writing() as session:
        assert session.outages.put(_view("o1", 2))
        assert not session.outages.put(_view("o1", 1)), "older"
        assert not session.outages.put(_view("o1", 2)), "the same"
        assert session.outages.put(_view("o1", 3, grids=frozenset({"G1", "G2"})))
        assert session.outages.get(WEST, "o1") == _view("o1", 3, grids=frozenset({"G1", "G2"}))
        assert session.outages.get(NOBODY, "o1") is None


def test_outages_are_listed_newest_start_first(desk: Desk) -> None:
    with desk.writing() as session:
        for number in range(5):
            session.outages.put(_view(f"o{number}", is_open=number != 3))
        session.outages.put(_view("o9", grids=frozenset({"G2"})))
        assert [one.outage_id for one in session.outages.listed(EAST, True, None, 2)] == ["o4", "o2"]
        after = PageAfter(2, "o2")
        assert [one.outage_id for one in session.outages.listed(EAST, None, after, 9)] == ["o1", "o0"]


def _announce(desk: Desk, number: int, people: str, kind: str = "outage", due_ms: int = 10) -> list[int]:
    told = Announcement(f"a{number}", "o1", "i1", kind, due_ms, "停电")
    postings = [Posting(f"{kind}/{one}/{number}", one, "G1" if one < "c" else "G2", "log") for one in people]
    with desk.writing() as session:
        return list(session.outbox.announce(told, postings))


def test_a_notice_is_queued_once(desk: Desk) -> None:
    assert _announce(desk, 1, "abc") == [1, 2, 3]
    assert _announce(desk, 1, "abcd") == [4], "known keys are dropped"
    with desk.reading() as session:
        waiting = Told(NoticeKind.OUTAGE, 1, unsent=True, at_ms=10)
        assert session.outbox.told("i1") == dict.fromkeys("abcd", waiting)
        assert [one.posting.recipient for one in session.outbox.listed(EAST, None, 10)] == ["b", "a"]
        assert [one.id for one in session.outbox.listed(WHOLE_COMPANY, 3, 1)] == [2]


def test_what_was_told_follows_a_merger(desk: Desk) -> None:
    _announce(desk, 1, "ab")
    _announce(desk, 2, "a", kind="restored")
    with desk.writing() as session:
        session.outbox.rejoin("i1", "i2")
        assert session.outbox.told("i1") == {}
        told = session.outbox.told("i2")
    assert told == {
        "a": Told(NoticeKind.RESTORED, 2, at_ms=10),
        "b": Told(NoticeKind.OUTAGE, 1, unsent=True, at_ms=10),
    }


def test_whose_newest_words_are_about_another_incident(desk: Desk) -> None:
    _announce(desk, 1, "abcd")
    with desk.writing() as session:
        about = Announcement("b", "o2", "i2", "outage", 20, "停电")
        waiting = session.outbox.announce(about, [Posting(f"b/{one}", one, "G1", "log") for one in "ab"])
        planned = Announcement("c", "", "i3", "planned", 20, "计划停电")
        session.outbox.announce(planned, [Posting("c/c", "c", "G1", "log")])
        assert session.outbox.told_elsewhere("i1", "abcd") == {"a": False, "b": False}, "nothing has left yet"
        session.outbox.settle([waiting[0]], NoticeState.SENT)
        assert session.outbox.told_elsewhere("i1", "abc") == {"a": True, "b": False}
        assert session.outbox.told_elsewhere("i2", "abcd") == dict.fromkeys("cd", False), (
            "planned is no outage"
        )
        session.outbox.withdraw("i2", ["b"])
        assert session.outbox.told_elsewhere("i1", "abcd") == {"a": True}, "what never left was not said"
    _announce(desk, 3, "a", kind="progress")
    with desk.reading() as session:
        assert session.outbox.told_elsewhere("i1", "abcd") == {}
        assert session.outbox.told_elsewhere("i2", "a") == {"a": True}
    _announce(desk, 4, "a", kind="restored")
    with desk.reading() as session:
        assert session.outbox.told_elsewhere("i2", "a") == {"a": False}


def test_notices_are_due_postponed_and_settled(desk: Desk) -> None:
    _announce(desk, 1, "abc", due_ms=10)
    with desk.writing() as session:
        assert session.outbox.due(9, 10) == ()
        assert [one.id for one in session.outbox.due(10, 2)] == [1, 2]
        taken = session.outbox.take(10, 1_000, 2, ["log"], others=False)
        assert [(one.id, one.attempts) for one in taken] == [(1, 1), (2, 1)]
        session.outbox.accepted(1, "theirs-1")
        session.outbox.postpone([2], 50, "no answer")
        assert [one.id for one in session.outbox.due(10, 9)] == [3]
        assert [(one.id, one.attempts) for one in session.outbox.due(50, 9)] == [(2, 1), (3, 0)]
        assert session.outbox.count(NoticeState.SENT) == 1


def test_what_a_dead_process_took_is_taken_again_after_its_lease(desk: Desk) -> None:
    _announce(desk, 1, "ab", due_ms=10)
    with desk.writing() as session:
        assert len(session.outbox.take(10, 1_000, 9, ["log"], others=False)) == 2
        assert session.outbox.take(1_009, 1_000, 9, ["log"], others=False) == ()
        again = session.outbox.take(1_010, 1_000, 9, ["sms"], others=True)
        assert [(one.posting.key, one.attempts) for one in again] == [("outage/a/1", 2), ("outage/b/1", 2)]
        session.outbox.postpone([1], 5_000, "the provider does not answer", counted=False)
        assert [(one.id, one.attempts) for one in session.outbox.due(5_000, 1)] == [(1, 1)]


def test_receipts_never_go_back(desk: Desk) -> None:
    _announce(desk, 1, "ab", due_ms=10)
    with desk.writing() as session:
        session.outbox.accepted(1, "theirs-1")
        assert session.outbox.receipt("log", "theirs-1", NoticeState.READ, 20)
        assert session.outbox.receipt("log", "theirs-1", NoticeState.DELIVERED, 30), "known, but older"
        assert not session.outbox.receipt("log", "nobody's", NoticeState.READ, 20)
        assert not session.outbox.receipt("log", "", NoticeState.READ, 20)
        assert [one.state for one in session.outbox.listed(WHOLE_COMPANY, None, 9)] == ["queued", "read"]


def test_held_notices_stay_and_urgent_ones_go_first(desk: Desk) -> None:
    told = Announcement("a1", "o1", "i1", "outage", 10, "停电", feeder="F1", customers=3)
    everybody = Posting("k1", "a", "G1", "log")
    with desk.writing() as session:
        session.outbox.announce(told, [everybody, replace(everybody, key="k2", recipient="b", urgency=0)])
        assert [one.posting.key for one in session.outbox.due(10, 9)] == ["k2", "k1"]
        for kind, thing in ((HoldKind.ALL, ""), (HoldKind.FEEDER, "F1"), (HoldKind.OUTAGE, "o1")):
            assert session.notices.put_hold(Hold(kind.value, kind, thing, 10, "u", "U", "why"))
            assert session.outbox.due(10, 9) == (), kind
            assert session.notices.release(kind.value, 20, "U", "")
            assert not session.notices.release(kind.value, 30, "U", ""), "once"
        other = Hold("h4", HoldKind.FEEDER, "F2", 40, "u", "U", "")
        assert session.notices.put_hold(other)
        assert not session.notices.put_hold(other)
        assert len(session.outbox.due(10, 9)) == 2
        assert session.notices.holds(active=True) == (other,)
        assert len(session.notices.holds(active=False)) == 4


def test_what_waits_for_a_click_is_one_thing_and_goes_or_not(desk: Desk) -> None:
    told = Announcement("a1", "o1", "i1", "outage", 10, "停电", customers=900, key_customers=1)
    waits = [
        Posting(f"k{one}", one, cell, "log", state=NoticeState.PENDING)
        for one, cell in (("a", "G1"), ("b", "G2"))
    ]
    with desk.writing() as session:
        session.outbox.announce(told, waits)
        assert session.outbox.due(10, 9) == ()
        (found,) = session.outbox.pending(WHOLE_COMPANY)
        assert (found.messages, found.customers, found.grid_ids) == (2, 900, frozenset({"G1", "G2"}))
        assert [one.messages for one in session.outbox.pending(EAST)] == [1]
        session.notices.put_verdict(Verdict("v1", "i1", True, 900, 20, "u", "U", ""))
        assert session.notices.last_verdict("i1") == session.notices.verdict("v1")
        assert session.outbox.decide("i1", approved=True) == 2
        assert len(session.outbox.due(10, 9)) == 2
        session.outbox.withdraw("i1", ["a"])
        assert session.outbox.told("i1")["a"] == Told(None, 0, withdrawn=1)


def test_settled_notices_are_forgotten_after_their_time(desk: Desk) -> None:
    _announce(desk, 1, "ab", due_ms=10)
    _announce(desk, 2, "a", kind="restored", due_ms=90)
    with desk.writing() as session:
        session.outbox.settle([1, 3], NoticeState.SENT)
        session.outbox.prune(50)
        assert [one.id for one in session.outbox.listed(WHOLE_COMPANY, None, 9)] == [3, 2], "one still waits"
        session.outbox.settle([2], NoticeState.FAILED)
        session.outbox.prune(50)
        assert set(session.outbox.told("i1")) == {"a"}


def test_the_feed_counts_without_gaps_and_forgets_the_oldest(desk: Desk) -> None:
    events = [FeedEvent("order", frozenset({f"G{number}"}), f'{{"n": {number}}}') for number in range(5)]

    def append() -> None:
        for event in events:
            with desk.writing() as session:
                session.feed.append(1, [event])

    writers = [threading.Thread(target=append) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with desk.writing() as session:
        logged = session.feed.read(0, 100)
        assert [one.id for one in logged] == list(range(1, 16))
        assert {one.event for one in logged} == set(events)
        session.feed.prune(keep=4)
        assert (session.feed.oldest_id(), session.feed.newest_id()) == (12, 15)
        assert [one.id for one in session.feed.read(0, 2)] == [12, 13]


def test_an_operation_is_answered_once_per_person(desk: Desk) -> None:
    with desk.writing() as session:
        session.operations.keep("u1", "op", 5, Answered("digest", "{}"))
        assert session.operations.answered("u1", "op") == Answered("digest", "{}")
        assert session.operations.answered("u2", "op") is None
        session.operations.prune(6)
        assert session.operations.answered("u1", "op") is None


def test_a_call_is_kept_and_is_evidence(desk: Desk, database: DatabaseFactory) -> None:
    from_desk = database("desk")
    call = Call("k1", "C1", "G1", 5, 6, "没电", "u1", "o1")
    fact = Evidence(EvidenceKind.CALL, 5, 6, "desk:u1", ("C1",), "call:C1:5")
    with desk.writing() as session:
        session.calls.add(call)
        session.calls.witness(fact)
        session.calls.witness(fact)
        assert session.calls.of_outage(EAST, "o1") == (call,)
        assert session.calls.of_outage(WEST, "o1") == ()
    assert [row.evidence for row in SqlEvidenceLog(from_desk, tables.evidence).read(0)] == [fact]


def test_a_position_moves_only_from_where_it_was_thought_to_be(desk: Desk) -> None:
    moved: list[bool] = []

    def advance() -> None:
        with desk.writing() as session:
            moved.append(session.positions.advance("outages", 0, 7, 1))

    movers = [threading.Thread(target=advance) for _ in range(4)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    assert sorted(moved) == [False, False, False, True]
    with desk.reading() as session:
        assert session.positions.get("outages") == 7
        assert session.positions.get("other") == 0


def test_the_migration_makes_the_tables_that_the_code_knows(database: DatabaseFactory) -> None:
    engine = database("desk")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        whole = MetaData()
        for table in (*tables.metadata.tables.values(), *alarm_tables.METADATA.tables.values()):
            table.to_metadata(whole)
        assert compare_metadata(context, whole) == []

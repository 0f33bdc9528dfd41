"""Tickets and webhooks in both kinds of database: in order of change, kept once, apart from each other."""

from dataclasses import replace

from field_api.adapters.sql_tickets import SqlTickets
from field_api.adapters.sql_webhooks import SqlWebhooks
from field_api.partners.tickets import SentTicket, Ticket, Verdict
from field_api.partners.webhooks import HookState, Posted, Webhook
from field_api.people.users import WHOLE_COMPANY, Scope
from geo.adapters.database import writing
from tests.conftest import DatabaseFactory


def _ticket(number: str, cell: str = "G1") -> Ticket:
    return Ticket(SentTicket(number, 1, "C1"), 0, 2, "api", "u", customer_id="C1", grid_id=cell)


def test_tickets_are_read_in_the_order_of_their_changes(database: DatabaseFactory) -> None:
    with writing(database("desk")).begin() as connection:
        book = SqlTickets(connection)
        first, second = book.put(_ticket("T-1")), book.put(_ticket("T-2", "G2"))
        assert (first.sequence, second.sequence) == (1, 2)
        moved = book.put(replace(first, verdict=Verdict.COVERED, is_open=False, arrived_ms=5))
        assert [one.number for one in book.changed(WHOLE_COMPANY, 0, 10)] == ["T-2", "T-1"]
        assert [one.number for one in book.changed(WHOLE_COMPANY, 2, 10)] == ["T-1"]
        assert [one.number for one in book.changed(Scope(frozenset({"G2"})), 0, 10)] == ["T-2"]
        assert [one.number for one in book.changed(WHOLE_COMPANY, 0, 10, [Verdict.UNKNOWN])] == ["T-2"]
        assert book.get(Scope(frozenset({"G2"})), "T-1") is None
        assert book.get(WHOLE_COMPANY, "T-1") == moved
        assert [one.number for one in book.open_ones(10)] == ["T-2"]


def test_what_waits_for_a_subscription_waits_once(database: DatabaseFactory) -> None:
    hook = Webhook("h1", "https://x.test/", frozenset({"order"}), frozenset(), "sealed", "u", 1, 0)
    with writing(database("desk")).begin() as connection:
        hooks = SqlWebhooks(connection)
        for one in (hook, replace(hook, id="h2", state=HookState.DISABLED)):
            hooks.put(one)
        waiting = [Posted(0, f"h1-{number}", "h1", number, "{}") for number in (1, 2, 3)]
        hooks.queue("h1", waiting[:2], 10)
        hooks.queue("h1", waiting, 10)
        hooks.queue("h2", [Posted(0, "h2-1", "h2", 1, "{}")], 10)
        due = hooks.due("h1", 10, 10)
        assert [one.event_id for one in due] == [1, 2, 3]
        assert hooks.due("h1", 9, 10) == ()
        hooks.postpone(due[0].id, 20, "away")
        hooks.settle(due[1].id, "sent", "", 15)
        assert [one.event_id for one in hooks.due("h1", 15, 10)] == [3]
        assert hooks.due("h1", 20, 10)[0].attempts == 1
        assert hooks.waiting() == {"h1": 2, "h2": 1}
        hooks.prune(16)
        hooks.queue("h1", waiting[1:2], 30)  # forgotten long ago: its position has passed it
        assert hooks.remove("h1")
        assert not hooks.remove("h1")
        assert hooks.waiting() == {"h2": 1}
        assert [one.id for one in hooks.listed()] == ["h2"]

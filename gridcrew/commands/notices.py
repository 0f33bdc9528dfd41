"""``gridcrew notices``: what waits, what is held, who lets it go, and whether a channel works."""

import getpass
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import click

from field_api.adapters.data_files import BadDataFile
from field_api.adapters.network_sites import NetworkSites
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.instants import iso, iso_or_none
from field_api.notice_house import open_channels
from field_api.notices.call_list import STAFF
from field_api.notices.control import HoldKind
from field_api.notices.notice import NoticeState
from field_api.notices.ports import Delivery, Outcome
from field_api.people.audit_chain import Act
from field_api.people.users import WHOLE_COMPANY, Role, User
from field_api.usecases.control_notices import Click, ControlNotices, HoldRequest
from field_api.usecases.errors import Refused
from geo.adapters.database import open_database
from gridcrew.english import in_english
from gridcrew.home import notice_policy
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings

_TRIAL_TEXT: Final = "【测试】通知通道测试，请忽略。 [Test] A trial of this channel. 95598 / 12398"


@dataclass(frozen=True, slots=True)
class _House:
    desk: SqlDesk
    control: ControlNotices
    user: User

    def written(self, action: str, subject: str, note: str) -> None:
        """Put into the audit record, as the API's gate does."""
        act = Act(action, subject, "console", self.user.username, "", {"note": note})
        with self.desk.writing() as session:
            session.audit.append(wall_clock_ms(), act)


@click.group(name="notices")
def command() -> None:
    """What waits for a click, what is on hold, and whether channels work."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_notices(as_json: bool) -> None:
    """What waits for a click, what is on hold, how channels fare, how many notices are in which state."""
    with _house() as house:
        pending = house.control.pending(WHOLE_COMPANY)
        holds = [one for one in house.control.holds(house.user) if one.released_ms is None]
        with house.desk.reading() as session:
            channels = session.notices.channels()
            counts = {state.value: session.outbox.count(state) for state in NoticeState}
    document: dict[str, Any] = {
        "pending": [
            {"incident": one.incident_id, "kind": one.kind, "since": iso(one.since_ms),
             "messages": one.messages, "customers": one.customers, "key_customers": one.key_customers}
            for one in pending
        ],
        "holds": [
            {"id": one.id, "kind": one.kind.value, "thing": one.thing, "at": iso(one.at_ms),
             "by": one.user_name, "note": one.note}
            for one in holds
        ],
        "channels": [
            {"name": one.name, "failing_since": iso_or_none(one.failing_since_ms), "problem": one.problem}
            for one in channels
        ],
        "notices": counts,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    for name in ("pending", "holds", "channels"):
        for row in document[name]:
            click.echo(f"{name}: " + "  ".join(str(value) for value in row.values()))
    click.echo("notices: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count))


@command.command()
@click.argument("incident")
@click.option("--reject", is_flag=True, help="Do not tell anybody.")
@click.option("--note", default="", help="Why; kept.")
def approve(incident: str, reject: bool, note: str) -> None:
    """Let go, or reject, what waits about INCIDENT."""
    with _house() as house:
        verdict = house.control.decide(
            house.user, Click(uuid.uuid4().hex, incident, not reject, note), wall_clock_ms()
        )
        house.written("decide_notices", f"incident={incident} approved={verdict.approved}", note)
    click.echo(f"{incident}: {'rejected' if reject else 'approved'} for {verdict.customers} customers")


@command.command()
@click.argument("thing", required=False, default="")
@click.option("--kind", type=click.Choice([kind.value for kind in HoldKind]), default=HoldKind.ALL.value)
@click.option("--note", required=True, help="Why; kept.")
def hold(thing: str, kind: str, note: str) -> None:
    """Keep notices back: everything, or those of the feeder or outage THING."""
    if bool(thing) is (kind == HoldKind.ALL):
        raise click.UsageError("expected THING with --kind feeder or outage, and none with all")
    with _house() as house:
        made = house.control.hold(
            house.user, HoldRequest(uuid.uuid4().hex, HoldKind(kind), thing, note), wall_clock_ms()
        )
        house.written("hold_notices", f"{kind}={thing}", note)
    click.echo(f"on hold: {made.id}")


@command.command()
@click.argument("hold_id")
@click.option("--note", default="", help="Why; kept.")
def release(hold_id: str, note: str) -> None:
    """Let go what HOLD_ID keeps back."""
    with _house() as house:
        house.control.release(house.user, hold_id, note, wall_clock_ms())
        house.written("release_notices", f"hold={hold_id}", note)
    click.echo(f"released: {hold_id}")


@command.command(name="test-channel")
@click.argument("name")
@click.argument("person")
def test_channel(name: str, person: str) -> None:
    """Send a trial by channel NAME to PERSON of the call list."""
    settings = Settings()
    sites = NetworkSites(open_networks(settings), wall_clock_ms)
    try:
        channels = {one.name: one for one in open_channels(notice_policy(settings), sites)}
        if name not in channels:
            raise click.ClickException(f"no channel {name!r}; known: {', '.join(channels) or 'none'}")
        delivery = Delivery(f"trial/{uuid.uuid4().hex}", "trial", "", person, _TRIAL_TEXT, f"{STAFF}{person}")
        (sent,) = channels[name].send([delivery])
    except (BadDataFile, ValueError) as problem:
        raise click.ClickException(str(problem)) from None
    if sent.outcome is not Outcome.ACCEPTED:
        raise click.ClickException(f"{sent.outcome.value}: {sent.problem}")
    click.echo(f"accepted; the provider's reference: {sent.reference or 'none'}")


@contextmanager
def _house() -> Iterator[_House]:
    settings = Settings()
    engine = open_database(settings.database_location, "desk")
    network = open_database(settings.database_location, "network")
    who = getpass.getuser()
    user = User(f"cli:{who}", who, f"{who} (command line)", Role.ADMIN, None, (), True, settings.language)
    desk = SqlDesk(engine)
    try:
        yield _House(
            desk, ControlNotices(desk, NetworkSites(open_networks(settings, network), wall_clock_ms)), user
        )
    except Refused as problem:
        raise click.ClickException(in_english(problem)) from None
    finally:
        engine.dispose()
        network.dispose()

"""People's hand on notices: one click lets a large scope go, a hold keeps things back; kept with the name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from field_api.instants import iso
from field_api.notices.control import ChannelState, Hold, HoldKind, Pending, Verdict
from field_api.notices.notice import NoticeState
from field_api.people.users import WHOLE_COMPANY, Role, Scope, User
from field_api.ports import Desk, DeskSession, FeedEvent, Sites
from field_api.saying import Term
from field_api.usecases.errors import Conflict, Forbidden, NotFound
from geo.errors import UnknownElement

MAY_CONTROL: Final = frozenset({Role.ADMIN, Role.DISPATCHER})
FEED: Final = "notice_control"
"""Name of the feed's event: somebody clicked, held or released; what waits is to be read again."""
MAY_SEE: Final = MAY_CONTROL | {Role.SUPERVISOR, Role.AUDITOR, Role.VIEWER, Role.GRID_MANAGER}


@dataclass(frozen=True, slots=True)
class Click:
    operation_id: str
    incident_id: str
    approved: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    operation_id: str
    kind: HoldKind
    thing: str
    note: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says of a message, in our words."""

    reference: str
    state: NoticeState


@dataclass(frozen=True, slots=True)
class ControlNotices:
    desk: Desk
    sites: Sites

    def pending(self, scope: Scope) -> tuple[Pending, ...]:
        """What waits for a click in these cells."""
        with self.desk.reading() as session:
            return session.outbox.pending(scope)

    def holds(self, user: User) -> tuple[Hold, ...]:
        """What is on hold and what was, newest first, as far as the person may see it."""
        with self.desk.reading() as session:
            found = session.notices.holds(active=False)
            return tuple(one for one in found if self._sees(session, user, one.kind, one.thing))

    def channels(self) -> tuple[ChannelState, ...]:
        """Those that ever failed, and whether they do now."""
        with self.desk.reading() as session:
            return session.notices.channels()

    def decide(self, user: User, click: Click, now_ms: int) -> Verdict:
        """Approve or reject; the same operation again changes nothing. Raises a kind of ``Refused``."""
        _permit(user)
        key = f"{user.id}:{click.operation_id}"
        with self.desk.writing() as session:
            before = session.notices.verdict(key)
            if before is not None:
                if (before.incident_id, before.approved) != (click.incident_id, click.approved):
                    raise Conflict("request.operation_reused", operation=click.operation_id)
                return before
            waiting = [
                one for one in session.outbox.pending(user.scope) if one.incident_id == click.incident_id
            ]
            if not waiting:
                raise NotFound("notice.nothing_waits", incident=click.incident_id)
            if not all(user.scope.sees(cell) for one in waiting for cell in one.grid_ids):
                raise Forbidden("notice.beyond_your_cells")
            customers = max(one.customers for one in waiting)
            verdict = Verdict(
                key, click.incident_id, click.approved, customers, now_ms, user.id, user.name, click.note
            )
            session.notices.put_verdict(verdict)
            session.outbox.decide(click.incident_id, click.approved)
            _tell_screens(session, now_ms)
        return verdict

    def hold(self, user: User, request: HoldRequest, now_ms: int) -> Hold:
        """Keep things back from now on; the same operation again changes nothing."""
        _permit(user)
        identifier = f"{user.id}:{request.operation_id}"
        hold = Hold(identifier, request.kind, request.thing, now_ms, user.id, user.name, request.note)
        with self.desk.writing() as session:
            before = session.notices.hold(identifier)
            if before is not None:
                if (before.kind, before.thing) != (request.kind, request.thing):
                    raise Conflict("request.operation_reused", operation=request.operation_id)
                return before
            if not self._sees(session, user, request.kind, request.thing):
                raise NotFound(
                    "notice.no_thing", kind=Term("hold_kind", request.kind.value), thing=request.thing
                )
            session.notices.put_hold(hold)
            _tell_screens(session, now_ms)
        return hold

    def release(self, user: User, hold_id: str, note: str, now_ms: int) -> Hold:
        """Let things go again; what has been released stays so."""
        _permit(user)
        with self.desk.writing() as session:
            hold = session.notices.hold(hold_id)
            if hold is None or not self._sees(session, user, hold.kind, hold.thing):
                raise NotFound("notice.no_hold", hold=hold_id)
            if session.notices.release(hold_id, now_ms, user.name, note):
                _tell_screens(session, now_ms)
            return session.notices.hold(hold_id) or hold

    def receipts(self, channel: str, told: tuple[Receipt, ...], now_ms: int) -> int:
        """How many of them were about messages that we know."""
        with self.desk.writing() as session:
            return sum(session.outbox.receipt(channel, one.reference, one.state, now_ms) for one in told)

    def _sees(self, session: DeskSession, user: User, kind: HoldKind, thing: str) -> bool:
        """Everything is for people of the whole company; else what lies in the person's cells."""
        match kind:
            case HoldKind.ALL:
                return user.whole_company
            case HoldKind.OUTAGE:
                return session.outages.get(user.scope, thing) is not None
            case HoldKind.FEEDER:
                return self._sees_feeder(user, thing)

    def _sees_feeder(self, user: User, feeder: str) -> bool:
        site = self.sites.current()
        if site is None or feeder not in site.network.edge_row:
            return False
        try:
            return user.scope.sees(site.cell_of_element(site.find(feeder)))
        except UnknownElement:
            return False


def _tell_screens(session: DeskSession, now_ms: int) -> None:
    cells = frozenset(cell.id for cell in session.organisation.cells(WHOLE_COMPANY))
    session.feed.append(now_ms, [FeedEvent(FEED, cells, f'{{"at":"{iso(now_ms)}"}}')])


def _permit(user: User) -> None:
    if user.role not in MAY_CONTROL:
        raise Forbidden("notice.role_cannot_decide", role=Term("role", user.role.value))


ReceiptsOf = Mapping[str, Callable[[object], tuple[Receipt, ...]]]
"""Channel → how its provider's receipts are read; ValueError for one that cannot be."""

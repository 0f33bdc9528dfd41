"""The worker's job: a revision of an outage becomes a view, an incident, its order, notices and feed events.

Everything is one transaction with the worker's position, so that a revision handled twice, or by two workers,
or half, counts once.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final, TypedDict

from field_api.calendars import day_stamp
from field_api.company import Company
from field_api.notices.alerts import NoticeKind, Told, leaving, messages, withdrawals
from field_api.notices.call_list import STAFF
from field_api.notices.rules import Size
from field_api.orders.incidents import (
    CANCEL,
    CONFIRM,
    SCOPE_CHANGED,
    SUPPLY_RETURNED,
    Decision,
    Incident,
    OrderFact,
    decide,
    goes_as_planned,
    incident_id,
    order_id,
    supply_returns,
)
from field_api.orders.work import SYSTEM, HistoryEntry, Order, apply, is_open
from field_api.organisation.cells import GridCell, owning_cell, responsible_crew, unskilled_note
from field_api.organisation.duties import DUTY_OF
from field_api.organisation.liaisons import TouchedVillage, liaisons_of, touched_villages
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, FeedEvent, OutageView, Sites, StoredOrder
from field_api.presentation import document, outage_resource
from field_api.projection import Impact, Place, Site
from field_api.usecases.announce import About, Announce
from field_api.usecases.expected_return import expected_return
from field_api.usecases.note_by_system import note_by_system
from field_api.usecases.tell import order_event
from field_api.usecases.who_is_out import WhoIsOut
from telemetry.outages import OPEN_STATES, LoggedRevision, OutageRevision, OutageState
from telemetry.ports import OutageLog

POSITION: Final = "outages"
MAX_AREAS: Final = 20


@dataclass(frozen=True, slots=True)
class _Case:
    """One revision with all that is derived from the network."""

    revision: OutageRevision
    site: Site
    impact: Impact
    widest: Impact
    """As ``impact``; once the outage is over, what it was at its widest."""
    before: tuple[str, ...]
    """Customers who were out by the revision before, if that was confirmed."""
    cause: Place
    cause_cell: str
    now_ms: int
    history: bool
    """Supply was back before anybody was told: recorded, but nothing is left to order or to announce."""


@dataclass(frozen=True, slots=True)
class _OthersConcern:
    """Who is in, or was told by, another outage as well."""

    known: Set[str]
    """In scope, and told already by another open outage that they are in."""
    silent: Set[str]
    """They leave, but are out by another one, or heard from it since."""
    taken: tuple[str, ...]
    """They leave, and were told by another outage that no longer has them."""


class _Subject(TypedDict):
    """What an order is about, as far as the detector may change its mind."""

    element: str
    element_kind: str
    element_name: str
    lon: float
    lat: float
    customers: int
    priority: str


class ClaimRevision:
    """Handles one revision after the other."""

    def __init__(self, desk: Desk, outages: OutageLog, sites: Sites, company: Company, out: WhoIsOut) -> None:
        self._desk = desk
        self._outages = outages
        self._sites = sites
        self._company = company
        self._out = out

    def position(self) -> int:
        """Id of the last revision handled."""
        with self._desk.reading() as session:
            return session.positions.get(POSITION)

    def __call__(self, logged: LoggedRevision, after_id: int, now_ms: int) -> bool:
        """Handle a revision if the position still is ``after_id``; False: another worker was faster."""
        case = self._case(logged.revision, now_ms)
        with self._desk.writing() as session:
            if not session.positions.advance(POSITION, after_id, logged.id, now_ms):
                return False
            _Claim(session, self._company, case, self._out).run()
        return True

    def pass_over(self, logged: LoggedRevision, after_id: int, now_ms: int) -> None:
        """Move on without the revision."""
        with self._desk.writing() as session:
            session.positions.advance(POSITION, after_id, logged.id, now_ms)

    def _case(self, revision: OutageRevision, now_ms: int) -> _Case:
        site = self._sites.of(revision.network_hash)
        cause = site.place_of(revision.cause.element)
        known = cause.type != "unknown"
        cell = site.cell_of_element(site.find(revision.cause.element)) if known else ""
        impact = self._out.impact(revision)
        widest = impact if revision.state in OPEN_STATES else self._out.widest(revision)
        before = self._out.just_before(revision)
        return _Case(revision, site, impact, widest, before, cause, cell, now_ms, self._is_history(revision))

    def _is_history(self, revision: OutageRevision) -> bool:
        if revision.state is not OutageState.CONFIRMED:
            return False
        newest = self._outages.revisions(revision.outage_id)[-1:]
        ended_ms = newest[0].revision.restored_at_ms if newest else None
        return ended_ms is not None and ended_ms <= revision.at_ms


class _Claim:
    """One revision inside its transaction."""

    def __init__(self, session: DeskSession, company: Company, case: _Case, out: WhoIsOut) -> None:
        self._session = session
        self._out = out
        self._company = company
        self._case = case
        self._revision = case.revision
        self._cells = {cell.id: cell for cell in session.organisation.cells(WHOLE_COMPANY)}
        self._incident = session.incidents.of_outage(case.revision.outage_id)
        self._owner = self._owning_cell()
        self._events: list[FeedEvent] = []

    def run(self) -> None:
        """All that the revision asks of the desk."""
        if not self._show():
            return
        if self._revision.state is OutageState.MERGED:
            self._merge()
        elif self._incident or (
            self._revision.state is OutageState.CONFIRMED
            and not self._revision.owner_side
            and not self._case.history
            and not goes_as_planned(self._revision)
        ):
            self._work()
        self._session.feed.append(self._case.now_ms, self._events)

    def _owning_cell(self) -> GridCell:
        """The incident's cell, or as long as there is none, where the cause lies now."""
        if self._incident and self._incident.grid_id in self._cells:
            return self._cells[self._incident.grid_id]
        return self._cells[owning_cell(self._case.cause_cell, self._case.impact.by_cell, self._cells)]

    def _show(self) -> bool:
        """Keep the view; False where a newer one is already there."""
        revision, case = self._revision, self._case
        before = self._session.outages.get(WHOLE_COMPANY, revision.outage_id)
        affected = frozenset(case.widest.by_cell) & frozenset(self._cells)
        names = tuple(self._cells[cell].name for cell in sorted(affected))[:MAX_AREAS]
        shown = outage_resource(revision, case.site, case.widest, self._owner, names)
        if before is not None and revision.state not in OPEN_STATES:
            affected |= before.grid_ids
        data = document(shown)
        grids = affected | {self._owner.id}
        self._events.append(FeedEvent("outage", grids, data))
        is_now_open = revision.state in OPEN_STATES
        return self._session.outages.put(
            OutageView(
                revision.outage_id, revision.revision, revision.state.value, is_now_open,
                revision.started_at_ms, self._owner.id, grids, data,
            )
        )  # fmt: skip

    def _work(self) -> None:
        incident = self._incident or self._open_incident()
        stored = self._repairs(self._revision.outage_id)
        somebody_out = bool(len(self._case.impact.customers))
        decision = decide(self._revision, self._facts(stored), self._company.repair, somebody_out)
        if decision.open_order:
            self._open_order(incident, ordinal=len(stored) + 1)
        self._amend(stored)
        self._apply(decision)
        owners = self._revision.owner_side and self._revision.state in OPEN_STATES
        if self._revision.state is not OutageState.SUSPECTED and not owners:
            self._notify(incident)

    def _open_incident(self) -> Incident:
        outage = self._revision.outage_id
        incident = Incident(incident_id(outage), outage, self._owner.id, self._case.now_ms)
        self._session.incidents.add(incident)
        return incident

    def _repairs(self, outage_id: str) -> tuple[StoredOrder, ...]:
        """The outage's repair orders; people open its other jobs and close them."""
        return tuple(one for one in self._jobs(outage_id) if one.order.type == self._company.repair.name)

    def _jobs(self, outage_id: str) -> tuple[StoredOrder, ...]:
        return self._session.orders.of_outage(WHOLE_COMPANY, outage_id)

    def _facts(self, stored: Sequence[StoredOrder]) -> tuple[OrderFact, ...]:
        return tuple(
            OrderFact(one.order.id, one.state, any(e.step == "supply_returned" for e in one.history))
            for one in stored
        )

    def _open_order(self, incident: Incident, ordinal: int) -> None:
        case, place = self._case, self._case.cause
        crews = self._session.organisation.crews(WHOLE_COMPANY, case.now_ms)
        loads = self._session.orders.open_by_crew()
        work_type = self._company.repair
        crew = responsible_crew(
            self._owner.id, crews, loads, place.lon, place.lat, work_type.skills, case.now_ms,
            self._company.is_working_day,
        )  # fmt: skip
        owner_id = self._session.establishment.manager(
            self._owner.id, case.now_ms, DUTY_OF[work_type.subject]
        )
        series = f"{work_type.number_prefix}-{day_stamp(case.now_ms)}"
        order = Order(
            id=order_id(self._revision.outage_id, ordinal),
            number=f"{series}-{self._session.orders.next_number(series):04d}",
            type=work_type.name,
            incident_id=incident.id,
            outage_id=self._revision.outage_id,
            grid_id=self._owner.id,
            crew_id=crew.id,
            area=self._owner.area.value,
            created_ms=case.now_ms,
            owner_id=owner_id,
            **self._subject(),
        )
        note = unskilled_note(crew, work_type.skills)
        entry = HistoryEntry(1, 1, work_type.opening, case.now_ms, SYSTEM, SYSTEM, note)
        self._session.orders.add(order, apply(work_type, None, work_type.opening), entry)
        self._tell_order(order.id)

    def _subject(self) -> _Subject:
        impact, place = self._case.impact, self._case.cause
        priority = (
            "key" if impact.key_customers else "vulnerable" if impact.vulnerable_customers else "normal"
        )
        return _Subject(
            element=self._revision.cause.element, element_kind=self._revision.cause.kind,
            element_name=place.name, lon=place.lon, lat=place.lat,
            customers=len(impact.customers), priority=priority,
        )  # fmt: skip

    def _amend(self, stored: Sequence[StoredOrder]) -> None:
        """Open orders follow the newest belief: another cause is told in the history, a count is not."""
        if self._revision.state is not OutageState.CONFIRMED:
            return
        for one in stored:
            if is_open(self._company.repair, one.state):
                self._amend_one(one)

    def _amend_one(self, one: StoredOrder) -> None:
        amended = replace(one.order, **self._subject())
        if amended.element == one.order.element and amended.customers < one.order.customers:
            return  # people who live again do not make the job smaller than it was
        if repr(amended) == repr(one.order):  # NaN places are equal here
            return
        self._session.orders.amend(amended)
        if amended.element != one.order.element:
            self._note(one.order.id, SCOPE_CHANGED, f"{one.order.element} → {amended.element}")
        self._tell_order(one.order.id)

    def _apply(self, decision: Decision) -> None:
        for identifier, facts in (decision.note or {}).items():
            for fact in facts:
                self._note(identifier, fact, decision.reason)
            if SUPPLY_RETURNED in facts:
                self._confirm(identifier)
            self._tell_order(identifier)
        for identifier in decision.cancel:
            self._note(identifier, CANCEL, decision.reason)
            self._tell_order(identifier)

    def _confirm(self, identifier: str) -> None:
        """What a crew closed without asking the meters is now proven by them."""
        stored = self._session.orders.get(WHOLE_COMPANY, identifier)
        rule = self._company.repair.rule(CONFIRM)
        if stored is not None and rule is not None and stored.state in rule.sources:
            self._note(identifier, CONFIRM, "")

    def _note(self, identifier: str, step: str, note: str) -> None:
        stored = self._session.orders.get(WHOLE_COMPANY, identifier)
        if stored is None:
            raise LookupError(f"order {identifier!r} vanished inside its own transaction")
        if note_by_system(self._session, self._company, stored, step, note, self._case.now_ms) is None:
            raise RuntimeError(f"order {identifier!r} changed under its own transaction")

    def _tell_order(self, identifier: str) -> None:
        self._events.append(order_event(self._session, self._company, identifier, self._case.now_ms))

    def _merge(self) -> None:
        """Two outages were one: they share an incident, and one order goes on (invariant 4)."""
        outage, into = self._revision.outage_id, self._revision.merged_into
        other, mine = self._session.incidents.of_outage(into), self._incident
        if mine is None:
            return
        if other is None:
            self._session.incidents.attach(into, mine.id)
            other = mine
        elif other.id != mine.id:
            self._session.incidents.attach(outage, other.id)
            outbox = self._session.outbox
            outbox.withdraw(mine.id, [one for one, last in outbox.told(other.id).items() if last.knows])
            outbox.rejoin(mine.id, other.id)
        orders = self._session.orders
        facts, rivals = self._facts(self._repairs(outage)), self._repairs(into)
        other_has_open = any(is_open(self._company.repair, rival.state) for rival in rivals)
        decision = decide(self._revision, facts, self._company.repair, other_has_open=other_has_open)
        others = [one.order.id for one in self._jobs(outage) if one.order.type != self._company.repair.name]
        for identifier in (*decision.move, *others):
            orders.move(identifier, into, other.id)
            self._note(identifier, "moved", f"{outage} → {into}")
            self._tell_order(identifier)
        self._apply(decision)

    def _notify(self, incident: Incident) -> None:
        """Who hears what of it: decided in ``notices.alerts``, queued by the site's rules (NTF-01)."""
        revision, network, outbox = self._revision, self._case.site.network, self._session.outbox
        in_scope = [network.customers.ids[row] for row in self._case.impact.customers]
        in_scope += liaisons_of(self._villages())
        told = outbox.told(incident.id)
        outbox.withdraw(incident.id, withdrawals(revision.state, in_scope, told))
        concern = self._concern(incident, in_scope, told)
        due = messages(
            revision.state,
            [one for one in in_scope if one not in concern.known],
            supply_returns(revision),
            {person: last for person, last in told.items() if person not in concern.silent},
            concern.taken,
        )
        announce = Announce(self._session, self._company, self._case.site, self._case.now_ms)
        for is_out in (True, False):
            self._events += announce(
                self._about(incident, is_out),
                [one for one in due if (one.kind is NoticeKind.OUTAGE) is is_out],
            )

    def _concern(
        self, incident: Incident, in_scope: Sequence[str], told: Mapping[str, Told]
    ) -> "_OthersConcern":
        """Each hears once that they are out, and once that it is over, however many outages they were in."""
        out = in_scope if self._revision.state is OutageState.CONFIRMED else ()
        fresh = {one for one in out if one not in told or not told[one].knows}
        leave = set(leaving(out, told))
        left = set(self._case.before) - set(out) - leave
        customers = {one for one in fresh | leave | left if not one.startswith(STAFF)}
        other = self._session.outbox.told_elsewhere(incident.id, customers)
        held = self._out.elsewhere(self._revision, (leave | other.keys()) & customers)
        think_out = {one for one, thinks in other.items() if thinks}
        return _OthersConcern(
            known=fresh & think_out & held,
            silent=leave & (held | other.keys() - think_out),
            taken=tuple(sorted((left & think_out) - held)),
        )

    def _villages(self) -> tuple[TouchedVillage, ...]:
        if not self._company.rules.villages:
            return ()
        rows, there = self._case.impact.customers.tolist(), self._session.establishment.read()
        return touched_villages(there, self._case.site, rows, self._case.now_ms)

    def _about(self, incident: Incident, is_out: bool) -> About:
        revision, impact = self._revision, self._case.impact
        return About(
            outage_id=revision.outage_id, incident_id=incident.id, name=str(revision.revision),
            cause=self._case.cause, off_ms=revision.started_at_ms,
            on_ms=self._expected_return() if is_out else self._ended_ms(),
            size=Size(len(impact.customers), impact.key_customers),
        )  # fmt: skip

    def _ended_ms(self) -> int:
        restored_ms = self._revision.restored_at_ms
        return self._revision.at_ms if restored_ms is None else restored_ms

    def _expected_return(self) -> int | None:
        repairs = self._repairs(self._revision.outage_id)
        planned_ms = self._session.plans.expected_ms(self._revision.outage_id)
        return expected_return(self._company, repairs, self._case.now_ms, planned_ms)

"""What the field room asks of its stores and channels.

``Desk`` opens a session: one transaction in which all of the desk's repositories agree. Functions that show
something to a person take that person's ``Scope``; there is no default, so that no caller can forget it.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from field_api.deadlines.calendar_entries import CalendarEntry
from field_api.deadlines.working_days import WorkCalendar
from field_api.dispatch.ports import DispatchPlans
from field_api.notices.ports import NoticeControl, Outbox
from field_api.orders.corrections import Correction
from field_api.orders.incidents import Incident
from field_api.orders.photo_ports import Photos
from field_api.orders.work import HistoryEntry, Order
from field_api.organisation.cells import Crew, CrewState, GridCell
from field_api.organisation.ports import OrganisationStore
from field_api.partners.tickets import TicketBook
from field_api.partners.webhooks import Webhooks
from field_api.people.ports import (
    AuditLog,
    LoginFailures,
    MachineTokens,
    PeopleFindings,
    RefreshTokens,
    Reveals,
)
from field_api.people.users import Scope, User
from field_api.projection import Site
from field_api.service.ports import ManagerChoices, Ratings, RegisterEntries
from telemetry.evidence import Evidence, EvidenceKind


@dataclass(frozen=True, slots=True)
class PageAfter:
    """Where a page begins: after the row with this sort value and id (newest first)."""

    value: int
    id: str


@dataclass(frozen=True, slots=True)
class StoredOrder:
    order: Order
    state: str
    history: tuple[HistoryEntry, ...]

    @property
    def first_crew(self) -> str:
        """Whom it was assigned to at first; transfers keep whom they took it from."""
        moved = (e.details.get("from_crew", "") for e in self.history if e.step == "transfer")
        return str(next(moved, self.order.crew_id))

    @property
    def revision(self) -> int:
        """What a person who steps it must have seen."""
        return self.history[-1].revision


class Organisation(Protocol):
    """Grid cells and crews."""

    def cells(self, scope: Scope) -> tuple[GridCell, ...]: ...

    def crews(self, scope: Scope, at_ms: int | None = None) -> tuple[Crew, ...]:
        """With the skills that their members have at that instant; None: now."""

    def places(self, scope: Scope) -> tuple[Crew, ...]:
        """Crews as a map shows them: without what their members can and when they work."""

    def crew(self, scope: Scope, crew_id: str) -> Crew | None: ...

    def crew_names(self, scope: Scope, crew_ids: Collection[str]) -> Mapping[str, str]:
        """Of those that there are and that may be seen."""

    def put_cell(self, cell: GridCell) -> None:
        """Add it, or replace what has its id."""

    def put_crew(self, crew: Crew) -> None:
        """Add it, or replace what has its id."""

    def move_crew(self, crew_id: str, lon: float, lat: float, at_ms: int, state: CrewState) -> bool:
        """Note a position unless a newer one is known; was it noted?"""

    def set_state(self, crew_id: str, state: CrewState) -> None: ...


@dataclass(frozen=True, slots=True)
class Login:
    user: User
    password_hash: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A browser session, a phone's short token or a machine's; the secret itself is never kept."""

    secret_hash: str
    kind: str
    user_id: str
    csrf_token: str
    created_ms: int
    expires_ms: int
    family: str = ""
    """Of the renewing token that it came with."""


class Users(Protocol):
    """People and what proves that it is them."""

    def by_username(self, username: str) -> Login | None: ...

    def by_id(self, user_id: str) -> User | None: ...

    def listed(self) -> tuple[User, ...]: ...

    def put(self, user: User, password_hash: str, created_ms: int) -> None:
        """Add the user, or replace the one with this username; changing a password ends their sessions."""

    def change(self, user: User) -> None:
        """Replace all but the password; whoever is disabled is thrown out."""

    def remove(self, user_id: str) -> None:
        """Forget the user and what lets them in."""

    def keep_phone(self, user_id: str, sealed: str, digest: str) -> None:
        """Sealed, with a keyed hash to find it by; '' forgets it."""

    def sealed_phones(self) -> Mapping[str, str]:
        """User id → sealed phone."""

    def by_phone(self, digests: Collection[str]) -> tuple[str, ...]:
        """Ids of users whose phone has one of these keyed hashes."""

    def admit(self, credential: Credential) -> None:
        """Keep a credential; forgets expired ones and the oldest beyond a limit per user."""

    def holder(self, secret_hash: str, now_ms: int) -> tuple[Credential, User] | None:
        """The credential if it has not expired, with whose it is as they are now: asked at each request."""

    def revoke(self, secret_hash: str) -> None: ...


class Incidents(Protocol):
    def of_outage(self, outage_id: str) -> Incident | None: ...

    def get(self, incident_id: str) -> Incident | None: ...

    def outages(self, incident_id: str) -> tuple[str, ...]:
        """Ids of the outages that belong to it, sorted."""

    def add(self, incident: Incident) -> None:
        """Keep a new incident; its outage belongs to it."""

    def attach(self, outage_id: str, incident_id: str) -> None:
        """Let an outage belong to an incident, whatever it belonged to."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What a list of orders holds; what is None or empty does not matter."""

    is_open: bool | None = None
    state: str = ""
    type: str = ""
    crew_id: str = ""
    grid_id: str = ""
    priority: str = ""
    outage_id: str = ""
    incident_id: str = ""
    customer_id: str = ""
    updated_since_ms: int | None = None
    """Something happened to it then or later."""


class Orders(Protocol):
    def found(
        self, scope: Scope, wanted: OrderFilter, after: PageAfter | None, limit: int
    ) -> tuple[StoredOrder, ...]:
        """Newest first."""

    def get(self, scope: Scope, order_id: str) -> StoredOrder | None: ...

    def some(self, scope: Scope, order_ids: Collection[str]) -> Mapping[str, StoredOrder]:
        """Those of these orders that there are and that may be seen, by id."""

    def by_number(self, scope: Scope, number: str) -> StoredOrder | None:
        """The order that people call so."""

    def of_outage(self, scope: Scope, outage_id: str) -> tuple[StoredOrder, ...]:
        """Oldest first."""

    def of_customer(self, scope: Scope, customer_id: str) -> tuple[StoredOrder, ...]:
        """About that one customer, oldest first."""

    def open_of(self, scope: Scope, types: Collection[str] = ()) -> tuple[StoredOrder, ...]:
        """Every open order, oldest first; of these work types, where any are named."""

    def open_by_crew(self) -> Mapping[str, int]:
        """Number of open orders of each crew that has any."""

    def open_by_owner(self) -> Mapping[str, int]:
        """Number of open orders of each person who answers for any."""

    def add(self, order: Order, state: str, first: HistoryEntry) -> None: ...

    def append(self, order_id: str, entry: HistoryEntry, state: str, is_open: bool) -> bool:
        """Add to the history if ``entry.sequence`` follows the last one; False where somebody was faster."""

    def move(self, order_id: str, outage_id: str, incident_id: str) -> None:
        """Let an order follow its outage into another incident."""

    def entrust(self, order_id: str, owner_id: str) -> None:
        """Let another person answer for it."""

    def open_of_owner(self, owner_id: str) -> int:
        """For how many open orders that person answers."""

    def hand_over(self, order_id: str, crew_id: str) -> None:
        """Let another crew have it."""

    def amend(self, order: Order) -> None:
        """Replace what the order is about (element, place, customers, priority) and its clock's basis."""

    def under_way(self, waiting_state: str) -> Mapping[str, str]:
        """Crew id → its oldest open order that is past ``waiting_state``."""

    def under_way_of(self, crew_id: str, waiting_state: str) -> str | None: ...

    def next_number(self, series: str) -> int:
        """1, 2, 3, … within a series such as ``R-20261122``."""


@dataclass(frozen=True, slots=True)
class OutageView:
    """The newest revision of an outage as people see it; ``document`` is the JSON that they get."""

    outage_id: str
    revision: int
    state: str
    is_open: bool
    started_ms: int
    grid_id: str
    grid_ids: frozenset[str]
    """Every cell with a customer out, and the owning one."""
    document: str


class OutageViews(Protocol):
    def put(self, view: OutageView) -> bool:
        """Keep it unless the same or a newer revision is there; was it kept?"""

    def get(self, scope: Scope, outage_id: str) -> OutageView | None: ...

    def listed(
        self, scope: Scope, is_open: bool | None, after: PageAfter | None, limit: int
    ) -> tuple[OutageView, ...]:
        """Newest start first; ``is_open`` None means all."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """What happened, for every screen: the JSON is the one that the resource's GET gives."""

    name: str
    grid_ids: frozenset[str]
    """Who may see it: people of one of these cells."""
    data: str


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    id: int
    event: FeedEvent


class Feed(Protocol):
    """The log behind the server-sent events; ids grow by one in commit order."""

    def append(self, at_ms: int, events: Sequence[FeedEvent]) -> None: ...

    def read(self, after_id: int, limit: int) -> tuple[LoggedEvent, ...]: ...

    def newest_id(self) -> int:
        """0 while empty."""

    def oldest_id(self) -> int:
        """Of the events still kept; 0 while empty."""

    def prune(self, keep: int) -> None:
        """Forget all but the newest ``keep`` events."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that an operation got; ``digest`` tells whether a repetition asks the same."""

    digest: str
    document: str


MAX_ASKED: Final = 500


class Operations(Protocol):
    """Client-made operation ids: a repetition gets the same answer (fault 28)."""

    def answered(self, user_id: str, operation_id: str) -> Answered | None: ...

    def done(self, user_id: str, operation_ids: Collection[str]) -> frozenset[str]:
        """Which of these were answered; at most ``MAX_ASKED`` at once."""

    def keep(self, user_id: str, operation_id: str, at_ms: int, answer: Answered) -> None: ...

    def prune(self, before_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    customer_id: str
    grid_id: str
    at_ms: int
    received_ms: int
    text: str
    taken_by: str
    outage_id: str | None
    verdict: str = ""
    """What became of it (``partners.tickets.Verdict``); '' where it came as a ticket."""
    order_id: str = ""


class Calls(Protocol):
    def add(self, call: Call) -> None: ...

    def get(self, scope: Scope, call_id: str) -> Call | None: ...

    def of_outage(self, scope: Scope, outage_id: str) -> tuple[Call, ...]: ...

    def count(self, scope: Scope, outage_id: str) -> int:
        """How many came about it."""

    def witness(self, evidence: Evidence) -> None:
        """Append to the desk's evidence, which the detector reads as one more source."""


class Corrections(Protocol):
    """What people corrected of outages; append only."""

    def by_key(self, key: str) -> Correction | None: ...

    def add(self, correction: Correction) -> None:
        """Keep the word, and tell the detector."""

    def of_outage(self, outage_id: str) -> tuple[Correction, ...]:
        """Oldest first, at most a thousand."""

    def of_kinds(self, kinds: Collection[EvidenceKind], limit: int) -> tuple[Correction, ...]:
        """Words of these kinds, newest first, at most a thousand."""

    def witness(self, fact: Evidence) -> None:
        """Tell the detector something that is no correction."""


class Positions(Protocol):
    """How far a consumer has come, committed with what it made of it."""

    def get(self, name: str) -> int:
        """0 before the first."""

    def advance(self, name: str, expected: int, to: int, at_ms: int) -> bool:
        """Move the position if it still is ``expected``; False: another worker was faster."""


class DeskSession(Protocol):
    """One transaction over everything."""

    @property
    def organisation(self) -> Organisation: ...
    @property
    def establishment(self) -> OrganisationStore: ...
    @property
    def registers(self) -> RegisterEntries: ...
    @property
    def users(self) -> Users: ...
    @property
    def incidents(self) -> Incidents: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def outages(self) -> OutageViews: ...
    @property
    def ratings(self) -> Ratings: ...
    @property
    def choices(self) -> ManagerChoices: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def notices(self) -> NoticeControl: ...
    @property
    def feed(self) -> Feed: ...
    @property
    def operations(self) -> Operations: ...
    @property
    def calls(self) -> Calls: ...
    @property
    def tickets(self) -> TicketBook: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def corrections(self) -> Corrections: ...
    @property
    def positions(self) -> Positions: ...
    @property
    def plans(self) -> DispatchPlans: ...
    @property
    def audit(self) -> AuditLog: ...
    @property
    def login_failures(self) -> LoginFailures: ...
    @property
    def refresh_tokens(self) -> RefreshTokens: ...
    @property
    def machine_tokens(self) -> MachineTokens: ...
    @property
    def reveals(self) -> Reveals: ...
    @property
    def people_findings(self) -> PeopleFindings: ...
    @property
    def photos(self) -> Photos: ...


class Desk(Protocol):
    """The desk's database."""

    def reading(self) -> AbstractContextManager[DeskSession]:
        """A consistent look."""

    def writing(self) -> AbstractContextManager[DeskSession]:
        """All or nothing: committed at the end, rolled back on an exception."""


class WorkCalendars(Protocol):
    """The working days, and what was entered of them."""

    def __call__(self) -> WorkCalendar:
        """As they are known now."""

    def enter(self, entry: CalendarEntry) -> None:
        """Replace what the entry is about, all or nothing, and keep who said so."""

    def changes(self, year: int) -> tuple[CalendarEntry, ...]:
        """What was entered of a year, newest first, at most two hundred."""


class Clock(Protocol):
    """The time of day, so that tests can set it."""

    def __call__(self) -> int:
        """UTC epoch milliseconds."""


class Passwords(Protocol):
    def hashed(self, password: str) -> str: ...

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Takes as long for an unknown user (None) as for a wrong password."""


class Sites(Protocol):
    """Networks with what the desk derives from them."""

    def of(self, network_hash: str) -> Site:
        """The site of a snapshot; raises ``UnknownElement`` for a hash never stored."""

    def current(self) -> Site | None:
        """The site of the network in force, or None before the first import."""


class Tiles(Protocol):
    """Vector tiles of a network."""

    def tile(self, site: Site, scope: Scope, layer: str, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, b'' where it is empty, None for an unknown layer or place.

        Lines are everybody's; customers only those within the scope.
        """

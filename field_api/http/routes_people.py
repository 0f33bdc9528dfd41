"""One's own password, other systems' tokens, and personal data unmasked for a reason on record."""

from typing import Final

from pydantic import Field

from field_api.http.fields import Identifier, Input, Line, Page, Whole
from field_api.http.operations import Answer, Call, Operations
from field_api.http.problems import HttpProblem, refusal
from field_api.http.routes_session import PasswordText
from field_api.instants import iso
from field_api.people.password_rules import MAX_PASSWORD, MIN_PASSWORD
from field_api.people.ports import MachineToken
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from field_api.usecases.machine_access import MAX_DAYS
from field_api.usecases.manage_users import change_own_password
from field_api.usecases.reveal import Person, Reason, TooMany

operations: Final = Operations()
PEOPLE: Final = frozenset(Role) - {Role.MACHINE}
REVEALERS: Final = frozenset({Role.DISPATCHER, Role.GRID_MANAGER, Role.CREW})
ADMINS: Final = frozenset({Role.ADMIN})


class PasswordBody(Input):
    old: PasswordText
    new: str = Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)


class MachineTokenBody(Input):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="Of the other system.")
    grid_ids: tuple[Identifier, ...] = Field(
        default=(), max_length=500, strict=False, description="None: the whole company."
    )
    days: Whole = Field(default=365, ge=1, le=MAX_DAYS)


class MachineTokenResource(Resource):
    id: str
    name: str
    grid_ids: tuple[str, ...]
    created_at: Instant
    expires_at: Instant


class NewMachineTokenResource(MachineTokenResource):
    token: str = Field(description="Shown this once.")


class MachineTokenPage(Page[MachineTokenResource]):
    pass


class RevealBody(Input):
    reason: Reason = Field(strict=False)
    reference: Line | None = Field(default=None, description="The order, call or case; a crew's own order.")


class PersonResource(Resource):
    """Unmasked: on record with the reason."""

    customer_id: str
    name: str
    phone: str
    address: str


class RevealedResource(PersonResource):
    revealed_at: Instant


class ContactsResource(Resource):
    order_id: str
    wipe_at: Instant = Field(description="Forget them then, or when the order closes, whichever is first.")
    items: tuple[PersonResource, ...]


@operations.add(
    "PUT", "/api/v1/session/password", "Change my password: ends all my sessions and tokens",
    roles=PEOPLE, body=PasswordBody, answers={204: None},
)  # fmt: skip
def change_password(call: Call) -> Answer:
    """The old one proves that it is you."""
    sent, house, address = call.body(PasswordBody), call.services.people, call.request.remote_addr or ""
    if wait_s := house.lock_out.wait_s(call.user.username, address, call.now_ms):
        raise HttpProblem(
            429, "session.too_many_failed_logins", headers={"Retry-After": str(wait_s)}, wait_s=wait_s
        )
    if not change_own_password(
        call.services.desk, house.passwords, call.user, sent.old, sent.new, call.now_ms
    ):
        house.lock_out.failed(call.user.username, address, call.now_ms)
        raise HttpProblem(403, "password.old_is_wrong")
    return Answer(204)


@operations.add(
    "GET", "/api/v1/machine-tokens", "Tokens of other systems", roles=ADMINS, answers={200: MachineTokenPage},
)  # fmt: skip
def list_machine_tokens(call: Call) -> Answer:
    """By name, expired ones too; never their secrets."""
    items = tuple(_token(one) for one in call.services.people.machines.listed())
    return Answer(200, MachineTokenPage(items=items, next_cursor=None))


@operations.add(
    "POST", "/api/v1/machine-tokens", "A token for another system",
    roles=ADMINS, body=MachineTokenBody, answers={201: NewMachineTokenResource}, refuses=frozenset({409}),
)  # fmt: skip
def make_machine_token(call: Call) -> Answer:
    """It may do what the role machine may, in its grid cells, until it expires or is revoked."""
    sent = call.body(MachineTokenBody)
    _check_known_cells(call, sent.grid_ids)
    made = call.services.people.machines.make(sent.name, sent.grid_ids, sent.days, _actor(call), call.now_ms)
    shown = _token(made.token).model_dump()
    return Answer(201, NewMachineTokenResource(**shown, token=made.secret))


@operations.add(
    "DELETE", "/api/v1/machine-tokens/{token_id}", "Revoke a system's token",
    roles=ADMINS, answers={204: None},
)  # fmt: skip
def revoke_machine_token(call: Call) -> Answer:
    """It is refused from its next request on."""
    call.services.people.machines.revoke(call.path["token_id"], _actor(call), call.now_ms)
    return Answer(204)


@operations.add(
    "POST", "/api/v1/customers/{customer_id}/reveal", "Name, phone and address of a customer, unmasked",
    roles=REVEALERS, body=RevealBody, answers={200: RevealedResource},
)  # fmt: skip
def reveal_customer(call: Call) -> Answer:
    """On record with the reason, and limited per hour."""
    sent, address = call.body(RevealBody), call.request.remote_addr or ""
    customer_id = call.path["customer_id"]
    try:
        person = call.services.people.reveal(
            call.user, customer_id, sent.reason, sent.reference or "", address, call.now_ms
        )
    except TooMany as problem:
        raise refusal(429, problem, headers={"Retry-After": str(problem.wait_s)}) from None
    return Answer(200, RevealedResource(**person_resource(person).model_dump(), revealed_at=iso(call.now_ms)))


@operations.add(
    "GET", "/api/v1/orders/{order_id}/contacts", "Whom my crew may call about its accepted order",
    roles=frozenset({Role.CREW}), answers={200: ContactsResource},
)  # fmt: skip
def list_contacts(call: Call) -> Answer:
    """Unmasked, to be kept on the phone until ``wipe_at`` at the latest; refused once the order is closed."""
    order_id, address = call.path["order_id"], call.request.remote_addr or ""
    contacts = call.services.people.contacts(call.user, order_id, address, call.now_ms)
    items = tuple(map(person_resource, contacts.people))
    return Answer(200, ContactsResource(order_id=order_id, wipe_at=iso(contacts.wipe_ms), items=items))


def _check_known_cells(call: Call, grid_ids: tuple[str, ...]) -> None:
    with call.services.desk.reading() as session:
        known = {cell.id for cell in session.organisation.cells(call.scope)}
    if unknown := sorted(set(grid_ids) - known):
        raise HttpProblem(409, "organisation.no_cells", cells=tuple(unknown[:5]))
    if not grid_ids and not call.scope.whole_company:
        raise HttpProblem(403, "people.token_sees_more")


def _actor(call: Call) -> tuple[str, str]:
    return call.user.id, call.user.username


def _token(one: MachineToken) -> MachineTokenResource:
    return MachineTokenResource(
        id=one.id, name=one.name, grid_ids=one.grid_ids, created_at=iso(one.created_ms),
        expires_at=iso(one.expires_ms),
    )  # fmt: skip


def person_resource(person: Person) -> PersonResource:
    """As people get it, unmasked."""
    return PersonResource(
        customer_id=person.customer_id, name=person.name, phone=person.phone, address=person.address
    )

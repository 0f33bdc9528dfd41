"""Registers and their entries."""

from typing import Any, Final

from pydantic import Field

from field_api.http.fields import Answers, DeviceTime, Identifier, Input, Page, PageQuery
from field_api.http.operations import Answer, Call, Operations
from field_api.instants import iso, iso_or_none, milliseconds
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from field_api.service.registering import About, Entry, count_by

operations: Final = Operations()
_READERS: Final = frozenset(Role) - {Role.MACHINE}
_WRITERS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.CREW})


class RegisterResource(Resource):
    name: str
    title: dict[str, str]
    about: About
    may_write: bool
    needs_consent: bool
    one_at_once: bool
    opens: str = Field(description="Kind of work that an entry opens; empty: none.")
    entry: dict[str, Any] = Field(description="JSON Schema of an entry.")


class RegisterList(Resource):
    items: tuple[RegisterResource, ...]


class EntryResource(Resource):
    id: str
    register_name: str
    subject_id: str
    grid_id: str
    entry: dict[str, Any]
    by: str
    by_name: str
    held_from: Instant
    held_until: Instant | None
    order_id: str = Field("", description="On writing: the order that follows from it.")


class EntryPage(Page[EntryResource]):
    pass


class CountsResource(Resource):
    counts: dict[str, int]


class EntryQuery(PageQuery):
    about: Identifier | None = Field(default=None, description="Only of this village, customer or cell.")
    at: DeviceTime | None = Field(default=None, description="Those that held then; else now.")
    cursor: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")


class CountQuery(EntryQuery):
    field: Identifier = Field(description="Field of the entry to count by.")


class EntryBody(Input):
    about: Identifier = Field(description="The village, customer or grid cell.")
    entry: Answers


@operations.add(
    "GET", "/api/v1/registers", "Registers that I may read",
    roles=_READERS, answers={200: RegisterList},
)  # fmt: skip
def list_registers(call: Call) -> Answer:
    """With the schema of their entries: an application draws its forms from it."""
    role = call.user.role
    found = [one for one in call.services.write_register.registers.values() if role in one.reads]
    return Answer(
        200,
        RegisterList(
            items=tuple(
                RegisterResource(
                    name=one.name, title=dict(one.titles), about=one.about, may_write=role in one.writes,
                    needs_consent=one.needs_consent, one_at_once=one.one_at_once, opens=one.opens,
                    entry=dict(one.schema),
                )
                for one in found
            )
        ),
    )  # fmt: skip


@operations.add(
    "GET", "/api/v1/registers/{register}/entries", "What a register holds, in my grid cells",
    roles=_READERS, query=EntryQuery, answers={200: EntryPage},
)  # fmt: skip
def list_entries(call: Call) -> Answer:
    """A page of the entries that held at an instant, by id."""
    query = call.query(EntryQuery)
    found = _held(call, query, query.limit + 1)
    items, more = found[: query.limit], len(found) > query.limit
    return Answer(
        200, EntryPage(items=tuple(map(_resource, items)), next_cursor=items[-1].id if more else None)
    )


@operations.add(
    "GET", "/api/v1/registers/{register}/counts", "How many entries have which value of a field",
    roles=_READERS, query=CountQuery, answers={200: CountsResource},
)  # fmt: skip
def count_entries(call: Call) -> Answer:
    """Of at most five hundred entries from the cursor on."""
    query = call.query(CountQuery)
    return Answer(200, CountsResource(counts=dict(count_by(_held(call, query, query.limit), query.field))))


@operations.add(
    "POST", "/api/v1/registers/{register}/entries", "Write into a register",
    roles=_WRITERS, body=EntryBody, answers={201: EntryResource}, refuses=frozenset({409}),
)  # fmt: skip
def add_entry(call: Call) -> Answer:
    """The entry, and the order that follows from it."""
    sent = call.body(EntryBody)
    written = call.services.write_register.add(
        call.user, call.path["register"], sent.about, sent.entry, call.now_ms
    )
    return Answer(201, _resource(written.entry).model_copy(update={"order_id": written.order_id}))


@operations.add(
    "DELETE", "/api/v1/register-entries/{entry_id}", "End an entry: it held until now",
    roles=_WRITERS, answers={204: None}, refuses=frozenset({409}),
)  # fmt: skip
def end_entry(call: Call) -> Answer:
    """Nothing is erased: the entry keeps its time."""
    call.services.write_register.end(call.user, call.path["entry_id"], call.now_ms)
    return Answer(204)


def _held(call: Call, query: EntryQuery, limit: int) -> tuple[Entry, ...]:
    register = call.services.write_register.register(call.user, call.path["register"])
    at_ms = call.now_ms if query.at is None else milliseconds(query.at)
    with call.services.desk.reading() as session:
        return session.registers.held(
            call.scope, register.name, at_ms, query.about, query.cursor or "", limit
        )


def _resource(entry: Entry) -> EntryResource:
    return EntryResource(
        id=entry.id, register_name=entry.register, subject_id=entry.subject_id, grid_id=entry.grid_id,
        entry=dict(entry.document), by=entry.by, by_name=entry.by_name, held_from=iso(entry.from_ms),
        held_until=iso_or_none(entry.until_ms),
    )  # fmt: skip

"""What a crew sees of the product, and the refusals that it must live with.

FieldProblem
├── NotAdmitted    401: log in again
├── Refused        the product says no: 403, 404, 409, 422 …
│   └── Outdated   409 with the current state: read it again
└── Unavailable    nobody answers, 429 or 5xx: later
"""

from typing import Any

import msgspec


class FieldProblem(Exception):
    """Root of what the product's door raises."""


class NotAdmitted(FieldProblem):
    """The login is unknown or over."""


class Refused(FieldProblem):
    """The product refuses; the text is its reason."""


class Outdated(Refused):
    """Somebody else was quicker."""


class Unavailable(FieldProblem):
    """It may work later."""


class Crew(msgspec.Struct, frozen=True):
    id: str
    lon: float | None = None
    lat: float | None = None


class Order(msgspec.Struct, frozen=True):
    """The part of an order that a simulated crew reads; ``created_at`` sorts as text."""

    id: str
    state: str
    revision: int
    outage_id: str
    crew_id: str | None
    element: str
    lon: float | None
    lat: float | None
    created_at: str
    priority: str = "normal"
    type: str = "repair"


class StepRule(msgspec.Struct, frozen=True):
    """A step of a kind of work: from which states, to which, by whom, and what it asks."""

    name: str
    sources: tuple[str, ...]
    target: str
    roles: tuple[str, ...]
    needs: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    photos: int = 0


class WorkType(msgspec.Struct, frozen=True):
    name: str
    closed_states: tuple[str, ...]
    paused_states: dict[str, str]
    steps: tuple[StepRule, ...]
    form: dict[str, Any]
    duration_minutes: float = 60


class Entry(msgspec.Struct, frozen=True):
    step: str
    details: dict[str, Any] = {}


class OrderDetail(msgspec.Struct, frozen=True):
    history: tuple[Entry, ...]

    @property
    def answers(self) -> dict[str, Any]:
        """The form as it stands."""
        given: dict[str, Any] = {}
        for entry in self.history:
            given |= entry.details.get("answers", {})
        return given


class Place(msgspec.Struct, frozen=True):
    lon: float
    lat: float
    accuracy_m: float = 5.0


class Appointment(msgspec.Struct, frozen=True):
    begins_at: str
    ends_at: str


class Photo(msgspec.Struct, frozen=True):
    """The announcement of a picture."""

    id: str
    order_id: str
    size: int
    sha256: str
    taken_at: str
    position: Place | None
    content_type: str = "image/jpeg"


class Picture(msgspec.Struct, frozen=True):
    photo: Photo
    data: bytes


class Cause(msgspec.Struct, frozen=True):
    element: str
    equivalent: tuple[str, ...] = ()


class Outage(msgspec.Struct, frozen=True):
    id: str
    state: str
    cause: Cause


class Finding(msgspec.Struct, frozen=True):
    element: str
    cause: str


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of an order; sent again word for word after a failure, so that it takes effect once."""

    operation_id: str
    step: str
    at: str
    revision: int
    note: str = ""
    finding: Finding | None = None
    answers: dict[str, Any] | None = None
    photos: tuple[str, ...] | None = None
    position: Place | None = None
    appointment: Appointment | None = None
    estimate_at: str | None = None


class Position(msgspec.Struct, frozen=True):
    lon: float
    lat: float
    at: str
    state: str

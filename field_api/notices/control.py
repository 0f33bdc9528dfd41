"""People's hand on notices: what waits for a click, what is on hold, and when a channel counts as down."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.instants import MINUTE_MS

DOWN_MS: Final = 5 * MINUTE_MS
"""A channel that took nothing for so long is reported to the people of the call list."""


class HoldKind(StrEnum):
    ALL = "all"
    FEEDER = "feeder"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing leaves about a feeder, an outage or everything, from a person's word until a person's word."""

    id: str
    kind: HoldKind
    thing: str
    """Id of the feeder or outage; '' for everything."""
    at_ms: int
    user_id: str
    user_name: str
    note: str
    released_ms: int | None = None
    released_by: str = ""
    released_note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A dispatcher's click on what waited about an incident. Append only."""

    key: str
    incident_id: str
    approved: bool
    customers: int
    """Size of the scope that the person answered for."""
    at_ms: int
    user_id: str
    user_name: str
    note: str


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits for a click about one incident."""

    incident_id: str
    outage_id: str
    kind: str
    text: str
    since_ms: int
    messages: int
    to_key: int
    """How many of the messages go to key customers, to vulnerable ones, to village liaisons."""
    to_vulnerable: int
    to_liaisons: int
    customers: int
    key_customers: int
    grid_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChannelState:
    name: str
    failing_since_ms: int | None
    problem: str
    reported: bool
    """The call list has been told."""


def is_down(state: ChannelState, now_ms: int) -> bool:
    """Has it failed for so long that people must be told?"""
    since_ms = state.failing_since_ms
    return since_ms is not None and now_ms - since_ms >= DOWN_MS

"""Where an id goes that an operation answered: OpenAPI links from what makes or lists a thing to what reads
and changes it. People read them in the document; tests walk them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_ID: Final = "$response.body#/id"
_FIRST: Final = "$response.body#/items/0/id"


@dataclass(frozen=True, slots=True)
class Link:
    """After ``source`` answered ``status``, ``target`` takes these parameters and parts of the body."""

    source: str
    status: int
    target: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """As OpenAPI writes it; what the body lacks, the client adds."""
        told: dict[str, Any] = {"operationId": self.target}
        if self.parameters:
            told["parameters"] = dict(self.parameters)
        if self.body:
            told["requestBody"] = dict(self.body)
        return told


def _links(source: str, status: int, found: str, parameter: str, *targets: str) -> list[Link]:
    return [Link(source, status, target, {parameter: found}) for target in targets]


_OF_ORDERS: Final = ("get_order", "step_order", "enter_paper_steps", "list_photos", "list_contacts")
_OF_OUTAGES: Final = (
    "get_outage", "get_scope", "list_affected", "list_absences", "explain_outage", "list_corrections",
    "correct_outage", "check_outage",
)  # fmt: skip
_REVISION: Final = {"revision": "$response.body#/revision"}

LINKS: Final[tuple[Link, ...]] = (
    *_links("list_outages", 200, _FIRST, "outage_id", *_OF_OUTAGES),
    *_links("list_orders", 200, _FIRST, "order_id", *_OF_ORDERS),
    *_links("open_order", 201, _ID, "order_id", *_OF_ORDERS),
    Link("get_order", 200, "step_order", {"order_id": _ID}, _REVISION),
    Link("get_order", 200, "announce_photo", body={"order_id": _ID}),
    Link("step_order", 200, "get_order", {"order_id": _ID}),
    Link("enter_paper_steps", 200, "countersign_paper_steps", {"order_id": "$request.path.order_id"}),
    *_links("announce_photo", 201, _ID, "photo_id", "send_photo", "get_photo", "get_photo_content"),
    *_links("list_crews", 200, _FIRST, "crew_id", "put_position"),
    *_links("take_call", 201, _ID, "call_id", "get_call"),
    Link("list_registers", 200, "list_entries", {"register": "$response.body#/items/0/name"}),
    *_links("add_entry", 201, _ID, "entry_id", "end_entry"),
    Link("hold_notices", 201, "release_notices", body={"hold_id": _ID}),
    *_links("make_machine_token", 201, _ID, "token_id", "revoke_machine_token"),
    *_links("raise_finding", 201, _ID, "finding_id", "object_to_finding", "decide_finding"),
    *_links("list_proposals", 200, _FIRST, "proposal_id", "approve_proposal", "dismiss_proposal"),
    *_links("list_devices", 200, _FIRST, "device_id", "get_device", "get_completeness"),
    Link("make_token", 201, "renew_token", body={"refresh_token": "$response.body#/refresh_token"}),
    Link("pull_changes", 200, "pull_changes", {"cursor": "$response.body#/next_cursor"}),
    Link("trip", 202, "restore", {"element": "$response.body#/element"}),
)


def links_of(operation: str, status: int, known: Collection[str]) -> dict[str, Any]:
    """Target → link of that answer, to operations that exist here."""
    return {
        link.target: link.described()
        for link in LINKS
        if (link.source, link.status) == (operation, status) and link.target in known
    }

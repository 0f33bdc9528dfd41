"""The desk beside the page: what a test puts there, reads there, and orders that nobody else steps."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from field_api.adapters.sql_desk import SqlDesk
from field_api.organisation.cells import Crew, CrewState
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import DeskSession
from geo.adapters.database import open_database
from tests.browser.conftest import PHONE
from tests.browser.page import OUTAGE_S, CommandCentre
from tests.product import Product

QUIET: Final = "crew-quiet"
FAR: Final = 5.0
"""Degrees."""
TRIES: Final = 5


@contextmanager
def writing(product: Product) -> Iterator[DeskSession]:
    """A transaction beside the running product."""
    engine = open_database(product.environment["GRIDCREW_DATA_DIR"], "desk")
    try:
        with SqlDesk(engine).writing() as session:
            yield session
    finally:
        engine.dispose()


def read(centre: CommandCentre, path: str) -> dict[str, Any]:
    """What the API tells the logged-in dispatcher."""
    told: dict[str, Any] = centre.page.request.get(f"{centre.product.url}api/v1/{path}").json()
    return told


def posted(centre: CommandCentre, path: str, **body: object) -> dict[str, Any]:
    """The same, after a change; a problem where it was refused."""
    headers = {"X-CSRF-Token": read(centre, "session")["csrf_token"]}
    sent = {"operation_id": uuid.uuid4().hex, **body}
    answer = centre.page.request.post(f"{centre.product.url}api/v1/{path}", data=sent, headers=headers)
    told: dict[str, Any] = answer.json()
    return told


def quiet_order(centre: CommandCentre, **order: str) -> dict[str, Any]:
    """An order of a crew that nobody plays: the simulated ones would be quicker than the test.

    It is so far away that the plan proposes another one.
    """
    with writing(centre.product) as session:
        west, south = session.organisation.cells(WHOLE_COMPANY)[0].bounds[:2]
        session.organisation.put_crew(
            Crew(QUIET, "手工班", ("nowhere",), CrewState.FREE, west - FAR, south, 0)
        )
    opened, deadline = posted(centre, "orders", **order), time.monotonic() + OUTAGE_S
    while "id" not in opened:  # an outage is shown before it is an incident
        assert time.monotonic() < deadline, opened
        opened = posted(centre, "orders", **order)
    return to_quiet_crew(centre, opened["id"])


def to_quiet_crew(centre: CommandCentre, order_id: str) -> dict[str, Any]:
    """The order, given to the crew that nobody plays."""
    for _ in range(TRIES):  # its first crew may step it meanwhile
        seen = read(centre, f"orders/{order_id}")
        if seen["crew_id"] == QUIET:
            return seen
        step = {
            "step": "transfer",
            "at": datetime.now(UTC).isoformat(),
            "to_crew": QUIET,
            "note": "由手工班办理",
        }
        moved = posted(centre, f"orders/{order_id}/steps", revision=seen["revision"], **step)
        if moved.get("crew_id") == QUIET:
            return moved
    raise AssertionError(moved)


def fits_a_phone(centre: CommandCentre) -> None:
    """What is shown stays usable at a phone's size."""
    centre.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert not centre.serious_violations()
    assert centre.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "cut off sideways"
    wide = "form => form.scrollWidth > form.clientWidth"
    assert not centre.page.evaluate(f"[...document.forms].filter({wide}).map(form => form.outerHTML)")

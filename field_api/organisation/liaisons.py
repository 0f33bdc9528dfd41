"""Which villages an outage touches, and who passes it on in them (村所对接, NTF-02)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from field_api.notices.call_list import STAFF
from field_api.organisation.establishment import Establishment
from field_api.projection import Site
from field_api.validity import holding

COLUMN: Final = "village_id"
"""Column of ``customers.csv`` that a site may add; without it every village of a touched grid cell counts."""
NOBODY: Final = ""


@dataclass(frozen=True, slots=True)
class TouchedVillage:
    id: str
    name: str
    grid_id: str
    liaison: str
    """Person id; '' where nobody is at that instant."""

    @property
    def recipient(self) -> str:
        """As the outbox names the liaison."""
        return f"{STAFF}{self.liaison}"


def touched_villages(
    there: Establishment, site: Site, customer_rows: Sequence[int], at_ms: int
) -> tuple[TouchedVillage, ...]:
    """Villages in which one of these customers lives, in their order."""
    if not there.villages or not customer_rows:
        return ()
    column = site.network.customers.extra.get(COLUMN)
    named = {column[row] for row in customer_rows} if column is not None else set()
    cells = {site.cell_of_customer(row) for row in customer_rows if column is None or not column[row].strip()}
    person = {one.village_id: one.person_id for one in holding(there.liaisons, at_ms)}
    return tuple(
        TouchedVillage(one.id, one.name, one.grid_id, person.get(one.id, NOBODY))
        for one in there.villages
        if one.id in named or one.grid_id in cells
    )


def liaisons_of(villages: Sequence[TouchedVillage]) -> list[str]:
    """Recipients, each person once: whoever serves two villages hears it once."""
    return list(dict.fromkeys(one.recipient for one in villages if one.liaison != NOBODY))

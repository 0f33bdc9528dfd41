"""What the organisation asks of its store: records, who answers for a cell, roll-out plans, changes."""

from dataclasses import dataclass
from typing import Protocol

from field_api.organisation.duties import Duty
from field_api.organisation.establishment import Changes, Establishment
from field_api.organisation.rollout import PlanEntry


@dataclass(frozen=True, slots=True)
class OrganisationChange:
    """Who changed what of the organisation; ``document`` is JSON: kind → before and after."""

    id: int
    at_ms: int
    user_id: str
    user_name: str
    note: str
    document: str


class OrganisationStore(Protocol):
    """Everything of the organisation but cells and crews, which ``Organisation`` keeps."""

    def read(self) -> Establishment:
        """All of it."""

    def manager(self, grid_id: str, at_ms: int, duty: Duty) -> str:
        """Id of the person who answers for that duty in a cell at that instant; '' where nobody does."""

    def manages(self, person_id: str, at_ms: int) -> bool:
        """Does that person answer for any duty in any cell at that instant?"""

    def change(self, changes: Changes) -> None:
        """Remove, replace and add these records."""

    def note(self, at_ms: int, user_id: str, user_name: str, note: str, document: str) -> None:
        """Append who changed what."""

    def noted(self, before_id: int | None, limit: int) -> tuple[OrganisationChange, ...]:
        """Changes, newest first."""

    def plan(self, plan_id: str) -> tuple[PlanEntry, ...]:
        """Steps of a roll-out plan, oldest first; empty: there is none."""

    def plans(self, limit: int) -> tuple[str, ...]:
        """Ids of the plans, newest first."""

    def step_plan(self, entry: PlanEntry) -> bool:
        """Append if ``entry.sequence`` follows the last one; False where somebody was faster."""

"""Who uses the desk: users, their roles, and the scope that every look-up must name."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    ADMIN = "admin"
    DISPATCHER = "dispatcher"
    GRID_MANAGER = "grid_manager"
    """Customer manager and asset owner of grid cells in one person (ORG-01)."""
    CREW = "crew"
    SUPERVISOR = "supervisor"
    """Checks how cases and orders were handled."""
    AUDITOR = "auditor"
    """Reads records of who did and saw what; changes nothing."""
    MACHINE = "machine"
    """Another system with a token."""
    VIEWER = "viewer"


COMPANY_ROLES: Final = frozenset(
    {Role.ADMIN, Role.DISPATCHER, Role.SUPERVISOR, Role.AUDITOR, Role.MACHINE, Role.VIEWER}
)
"""Roles that may be given the whole company."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The grid cells that a look-up may see. Made from a user at each request, never guessed."""

    grid_ids: frozenset[str]
    whole_company: bool = False
    crew_id: str = ""
    """Orders that this crew has are seen too, wherever they are: help comes from other cells."""

    def sees(self, grid_id: str) -> bool:
        """Is that grid cell inside?"""
        return self.whole_company or grid_id in self.grid_ids

    def sees_any(self, grid_ids: frozenset[str]) -> bool:
        """Is one of them inside?"""
        return self.whole_company or not self.grid_ids.isdisjoint(grid_ids)


WHOLE_COMPANY: Final = Scope(frozenset(), whole_company=True)
"""For the worker, which serves everyone; requests take theirs from the user."""


@dataclass(frozen=True, slots=True)
class User:
    id: str
    username: str
    name: str
    role: Role
    crew_id: str | None
    grid_ids: tuple[str, ...]
    whole_company: bool
    language: str
    disabled: bool = False
    """May not log in; everything they did stays theirs."""

    @property
    def scope(self) -> Scope:
        """What this person may see."""
        crew = self.crew_id if self.role is Role.CREW else None
        return Scope(frozenset(self.grid_ids), self.whole_company, crew or "")

"""What this company configured for its desk: kinds of work, promises, language and the channel of notices."""

from dataclasses import dataclass

from field_api.clocks import Profile
from field_api.work import WorkType


@dataclass(frozen=True, slots=True)
class Company:
    repair: WorkType
    profile: Profile
    language: str
    channel: str
    """Name of the channel that notices take."""

    def work_type(self, name: str) -> WorkType:
        """The work type of that name; KeyError for another."""
        if name != self.repair.name:
            raise KeyError(f"unknown work type {name!r}")
        return self.repair

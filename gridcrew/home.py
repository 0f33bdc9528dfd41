"""Where the desk of this installation keeps its things and by what promises it works: from the settings."""

from typing import Final

from field_api.app import Installation
from gridcrew.settings import Settings

PROFILES: Final = "profiles"


def installation(settings: Settings) -> Installation:
    """For the web and worker processes, which must agree."""
    return Installation(
        location=settings.database_location,
        data_dir=settings.data_dir.absolute(),
        language=settings.language,
        profile=settings.company.profile,
        profiles=settings.site_folder / PROFILES,
        company=settings.company.code,
        site=settings.site_folder,
        automatic_dispatch=settings.company.dispatch == "automatic",
    )

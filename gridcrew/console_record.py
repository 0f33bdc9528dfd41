"""What is changed, or taken out unmasked, from the command line is on record like what comes over the API."""

import getpass
from collections.abc import Sequence
from typing import Final

from sqlalchemy import inspect

from field_api.adapters.audit_tables import audit
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.people.audit_chain import Act
from field_api.people.masking import mask_phone, mask_text
from field_api.usecases.manage_users import CONSOLE
from geo.adapters.database import open_database
from gridcrew.settings import Settings

MAX_WORDS: Final = 500
OF_NUMBERS: Final = frozenset({"network whose"})
"""Whose words are telephone numbers, or what somebody took for one."""


def record(command: str, arguments: Sequence[str]) -> None:
    """Note a command that went well; before `gridcrew migrate` there is no record to write to."""
    engine = open_database(Settings().database_location, "desk")
    try:
        if not inspect(engine).has_table(audit.name):
            return
        words = map(mask_phone, arguments) if command in OF_NUMBERS else arguments
        told = mask_text(" ".join(words))[:MAX_WORDS]
        with SqlDesk(engine).writing() as session:
            session.audit.append(wall_clock_ms(), Act(command, told, CONSOLE, getpass.getuser()))
    finally:
        engine.dispose()

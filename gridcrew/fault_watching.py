"""Fault rules at work: a thread beside the worker that looks at readings as they are stored."""

import logging
import threading
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from field_api.adapters.system_clock import wall_clock_ms
from field_api.calendars import day_name, midnight_ms
from geo.adapters.database import open_database
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from gridcrew.stores import open_feed, open_readings
from telemetry.adapters.alarm_book import SqlAlarmBook
from telemetry.adapters.fault_service import Calendar, FaultService
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.fault_rule import FaultRule, rules_of, shipped_rules, shipped_texts

POLL_S: Final = 1.0
FOLDER: Final = "fault_rules"

log = logging.getLogger(__name__)


def rules(settings: Settings) -> tuple[FaultRule, ...]:
    """The shipped rules with those of the site on top; raises RuleRefused with file and field."""
    folder = Path(settings.site_folder) / FOLDER
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not files:
        return shipped_rules()
    return rules_of(shipped_texts() | {str(file): file.read_text(encoding="utf-8") for file in files})


def open_service(settings: Settings) -> FaultService:
    """The service on this installation's stores."""
    location = settings.database_location
    return FaultService(
        feed=open_feed(settings),
        readings=open_readings(settings),
        book=SqlAlarmBook(open_database(location, "desk")),
        networks=open_networks(settings),
        outages=SqlOutageLog(open_database(location, "outages")),
        rules=rules(settings),
        calendar=Calendar(day_name, midnight_ms),
    )


def start_watching(settings: Settings, stop: threading.Event) -> threading.Thread:
    """Begin; the thread ends after ``stop``. Raises RuleRefused before anything starts."""
    service = open_service(settings)
    thread = threading.Thread(target=_run, args=(service, stop), name="fault-watching", daemon=True)
    thread.start()
    return thread


def _run(service: FaultService, stop: threading.Event) -> None:
    """A database that is away is tried again; what was found since is found again."""
    while not stop.is_set():
        try:
            taken = service.turn(wall_clock_ms())
        except (SQLAlchemyError, OSError) as problem:
            log.warning("fault watching: %s", problem)
            taken = 0
        if not taken:
            stop.wait(POLL_S)
    try:
        service.finish(wall_clock_ms())
    except (SQLAlchemyError, OSError) as problem:
        log.warning("fault watching ends without keeping its last seconds: %s", problem)

"""Is this installation healthy? Each check looks at one real thing and says its figure."""

import os
import shutil
import socket
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pysqlite3.dbapi2 as sqlite
from alembic.runtime.migration import MigrationContext

from field_api.adapters.data_files import site_profile
from field_api.adapters.sql_calendar import SqlCalendar
from field_api.calendars import local_day
from gateway.access import CertificateState
from gateway.adapters.ledger.certificates import SqlCertificates
from gateway.backpressure import Pressure
from geo.adapters.database import SAFE_SQLITE, open_database
from gridcrew.authority import WARN_DAYS, authority_of
from gridcrew.broker import broker_address
from gridcrew.environment import strange_variables, told
from gridcrew.guarding import GUARDS
from gridcrew.home import installation
from gridcrew.migrations.runner import OWNERS, newest_version
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_board import SqlGatewayBoard
from telemetry.adapters.gateway_records import SqlGatewayRecords
from telemetry.adapters.outage_log import SqlOutageLog

LEAST_FREE_BYTES: Final = 1_000_000_000
MOST_WAITING_ROWS: Final = 5_000
ANSWER_S: Final = 5.0
LEAST_DAYS_AHEAD: Final = 30
"""In December the next year's working days have been published for weeks."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    healthy: bool
    says: str
    """The figure behind the verdict, or what was expected instead."""


def examine(settings: Settings) -> tuple[Check, ...]:
    """Run every check; one that cannot run is unhealthy with its reason, and the others go on."""
    return tuple(_run(name, look, settings) for name, look in CHECKS.items())


def _run(name: str, look: Callable[[Settings], tuple[bool, str]], settings: Settings) -> Check:
    try:
        healthy, says = look(settings)
    except Exception as problem:  # noqa: BLE001 (whatever it is, it is the finding)
        healthy, says = (
            False,
            f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}",
        )
    return Check(name, healthy, says)


def _sqlite(_: Settings) -> tuple[bool, str]:
    return sqlite.sqlite_version_info >= SAFE_SQLITE, f"SQLite {sqlite.sqlite_version}, at least 3.51.3"


def _environment(_: Settings) -> tuple[bool, str]:
    strange = told(strange_variables(os.environ))
    return not strange, "; ".join(strange) or "every GRIDCREW_ variable is a setting"


def _disk(settings: Settings) -> tuple[bool, str]:
    free = shutil.disk_usage(settings.data_dir).free
    return free >= LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free, at least {LEAST_FREE_BYTES / 1e9:.0f}"


def _schemas(settings: Settings) -> tuple[bool, str]:
    behind = []
    for owner in OWNERS:
        with open_database(settings.database_location, owner).begin() as connection:
            version = MigrationContext.configure(connection).get_current_revision()
        if version != newest_version(owner):
            behind.append(f"{owner} has {version}, expected {newest_version(owner)}")
    return not behind, "; ".join(behind) or "all databases have this version's schema"


def _network(settings: Settings) -> tuple[bool, str]:
    store = open_networks(settings)
    version = store.effective(int(time.time() * 1000))
    if version is None:
        return False, "none in force: gridcrew network import SOURCE"
    network = store.get(version.content_hash)
    return True, f"{version.content_hash} from {version.source}, {len(network.meters)} meters"


def _promises(settings: Settings) -> tuple[bool, str]:
    home = installation(settings)
    profile = site_profile(home.profile, home.profiles)
    unverified = sum(limit.unverified for limit in profile.limits)
    return True, f"{profile.name}: {len(profile.limits)} limits, {unverified} of them working figures"


def _calendar(settings: Settings) -> tuple[bool, str]:
    calendar = SqlCalendar(open_database(settings.database_location, "desk"), settings.company.code)()
    today = local_day(time.time_ns() // 1_000_000)
    known_to = calendar.known_to(today)
    ahead = (known_to - today).days
    says = f"working days are published to {known_to}, {ahead} days ahead, at least {LEAST_DAYS_AHEAD}"
    return ahead >= LEAST_DAYS_AHEAD, says


def _broker(settings: Settings) -> tuple[bool, str]:
    address = broker_address(settings)
    with socket.create_connection((address.host, address.port), ANSWER_S):
        return True, f"MQTT answers on {address.host}:{address.port}"


def _certificates(settings: Settings) -> tuple[bool, str]:
    if settings.mqtt.url or settings.mqtt.tls == "off":
        return True, "terminals need none here (mqtt.tls)"
    now_ms = time.time_ns() // 1_000_000
    left_days = authority_of(settings).own_days_left(now_ms)
    listed = SqlCertificates(open_database(settings.database_location, "gateway")).listed()
    soon = sum(each.state(now_ms) is CertificateState.EXPIRING for each in listed)
    says = f"the broker's own ends in {left_days} days (a restart renews it); {soon} of terminals end soon"
    return left_days > WARN_DAYS, says


def _conservation(settings: Settings) -> tuple[bool, str]:
    counted = SqlGatewayRecords(open_database(settings.database_location, "gateway")).counters()
    kept = counted.duplicate + counted.stored + counted.dead + counted.pending
    says = (
        f"{counted.received} received = {counted.duplicate} duplicate + {counted.stored} stored"
        f" + {counted.dead} dead + {counted.pending} pending"
    )
    state = SqlGatewayBoard(open_database(settings.database_location, "gateway")).gauges()
    lost = state.get("lost", 0)
    if lost:
        says += f"; {lost} frames were spooled and never came out"
    return counted.received == kept and not lost and not state.get("conservation_broken", 0), says


def _spool(settings: Settings) -> tuple[bool, str]:
    state = SqlGatewayBoard(open_database(settings.database_location, "gateway")).gauges()
    if "capacity_s" not in state:
        return True, "no gateway has run yet"
    pressure = Pressure(state["pressure"])
    waits_s = max(value for name, value in state.items() if name.startswith("oldest_pending_ms.")) / 1000
    says = (
        f"room for {state['capacity_s'] / 3600:.0f} h at {state['intake_bytes_per_s'] / 1000:.0f} kB/s, "
        f"pressure {pressure.name}, oldest frame waits {waits_s:.0f} s"
    )
    return pressure < Pressure.HOLD_BULK, says


def _detector(settings: Settings) -> tuple[bool, str]:
    newest = SqlEvidenceLog(open_database(settings.database_location, "gateway")).newest_id()
    reached = SqlOutageLog(open_database(settings.database_location, "outages")).position()
    waiting = newest - reached.positions.get("gateway", 0)
    return waiting <= MOST_WAITING_ROWS, f"{waiting} rows of evidence wait, at most {MOST_WAITING_ROWS}"


def _web(settings: Settings) -> tuple[bool, str]:
    address = f"http://{settings.web.host}:{settings.web.port}/healthz"
    with urllib.request.urlopen(address, timeout=ANSWER_S) as answer:
        return answer.status == 200, f"{address} answers {answer.status}"


CHECKS: Final[dict[str, Callable[[Settings], tuple[bool, str]]]] = {
    "environment": _environment,
    "sqlite": _sqlite,
    "disk": _disk,
    "schemas": _schemas,
    "network": _network,
    "promises": _promises,
    "calendar": _calendar,
    "broker": _broker,
    "certificates": _certificates,
    **GUARDS,
    "spool": _spool,
    "conservation": _conservation,
    "detector": _detector,
    "web": _web,
}

"""Are people's data and doings guarded here? Checks of secrets, logins, the audit record and channels."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from field_api.adapters.notice_files import NoticeFolder, channel_files
from field_api.adapters.sql_desk import SqlDesk
from field_api.notices.channel_file import HttpChannelFile
from field_api.people.audit_chain import breaches
from field_api.people.users import Role
from field_api.usecases.prepare_organisation import DEMO_NAMES
from geo.adapters.database import open_database
from gridcrew.settings import Settings
from gridcrew.stores import readings_folder

ANSWER_S: Final = 5.0
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
NEEDED: Final = (Role.ADMIN, Role.DISPATCHER)
"""Without them nobody can change anything, or command."""
_TLS_PORT: Final = 443


def secrets_are_private(settings: Settings) -> tuple[bool, str]:
    """Keys, passwords and personal lists are readable by their owner alone, the data folder by no stranger.

    Customers lie in the folder's databases as they came; a demo's are nobody's.
    """
    if not settings.demo and settings.data_dir.is_dir() and _mode(settings.data_dir) & stat.S_IRWXO:
        return False, f"anybody on this machine may enter {settings.data_dir}: chmod 750"
    files = [file for file in secret_files(settings) if file.is_file()]
    loose = [f"{file} has mode {_mode(file):o}" for file in files if _mode(file) & OTHERS]
    expected = f"{', '.join(loose[:5])}; expected 600: chmod 600 FILE"
    return not loose, expected if loose else f"{len(files)} files, readable by their owner alone"


def secret_files(settings: Settings) -> Iterator[Path]:
    """Every file that may hold a secret; the settings only where they do."""
    yield settings.key_file
    folder = NoticeFolder(settings.site_folder)
    yield folder.call_list
    yield from chain(
        folder.secrets.glob("*"),
        (settings.data_dir / "access").glob("**/*.key"),
        (settings.data_dir / "broker").glob("*.json"),
    )
    written = Path(os.environ.get("GRIDCREW_CONFIG", "gridcrew.toml"))
    if (
        settings.influx.token
        or settings.influx.password
        or settings.access.passphrase
        or "@" in settings.mqtt.url
    ):
        yield written


def logins_are_sound(settings: Settings) -> tuple[bool, str]:
    """Somebody administers and dispatches, and the demo's known passwords open nothing."""
    with SqlDesk(open_database(settings.database_location, "desk")).reading() as session:
        listed = [user for user in session.users.listed() if not user.disabled]
    left = [user.username for user in listed if user.username in DEMO_NAMES and user.id == user.username]
    if left and not settings.demo:
        return False, f"logins of the demo are still open: {', '.join(left)}; gridcrew user disable NAME"
    missing = [role.value for role in NEEDED if role not in {user.role for user in listed}]
    return not missing, f"nobody is {', '.join(missing)}" if missing else f"{len(listed)} may log in"


def record_is_whole(settings: Settings) -> tuple[bool, str]:
    """No row of the audit record was altered or deleted."""
    with SqlDesk(open_database(settings.database_location, "desk")).reading() as session:
        newest = session.audit.newest()
        found = breaches(session.audit.all_rows(), limit=1)
    count = 0 if newest is None else newest.sequence
    return not found, found[0].problem if found else f"{count} rows, each follows the one before"


def readings_answer(settings: Settings) -> tuple[bool, str]:
    """The store of readings is there."""
    if settings.readings.store == "embedded":
        folder = readings_folder(settings)
        place = folder if folder.exists() else settings.data_dir
        return os.access(place, os.W_OK), f"embedded, in {folder}"
    url = urlsplit(settings.influx.url)
    with socket.create_connection((url.hostname or "", url.port or _TLS_PORT), ANSWER_S):
        return True, f"{url.hostname}:{url.port or _TLS_PORT} takes connections"


def channels_answer(settings: Settings) -> tuple[bool, str]:
    """The hosts that notices leave through take a connection; nothing is sent."""
    files = channel_files(NoticeFolder(settings.site_folder))
    hosts = {one.name: urlsplit(one.url) for one in files if isinstance(one, HttpChannelFile)}
    for url in hosts.values():
        port = url.port or (_TLS_PORT if url.scheme == "https" else 80)
        with socket.create_connection((url.hostname or "", port), ANSWER_S):
            pass
    unasked = len(files) - len(hosts)
    told = f"; {unasked} through apprise are not asked" if unasked else ""
    return True, f"{', '.join(hosts) or 'log'} takes connections{told}" if hosts else f"the log only{told}"


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


GUARDS: Final[dict[str, Callable[[Settings], tuple[bool, str]]]] = {
    "secrets": secrets_are_private,
    "logins": logins_are_sound,
    "audit": record_is_whole,
    "readings": readings_answer,
    "channels": channels_answer,
}

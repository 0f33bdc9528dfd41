"""Logs of all processes: one line an event, as text or as JSON, without personal data.

Telephone numbers and numbers of identity cards are masked wherever they stand, in messages, arguments and
tracebacks. ``extra={"terminal": …, "device": …}`` names what a line is about.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from gridcrew.settings import LogSettings
from telemetry.masking import masked

_ABOUT: Final = ("terminal", "device")
_QUIET: Final = ("sqlalchemy", "alembic", "waitress.queue")
"""Libraries whose chatter is not ours to print."""


class TextLines(logging.Formatter):
    """``LEVEL logger: message``"""

    def format(self, record: logging.LogRecord) -> str:
        """Without personal data, tracebacks included."""
        return masked(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what there is of terminal, device, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Without personal data."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        line |= {name: masked(str(getattr(record, name))) for name in _ABOUT if hasattr(record, name)}
        if record.exc_info:
            line["error"] = masked(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(settings: LogSettings) -> None:
    """Send this process's log to standard error as the settings say; calling it again replaces the former."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextLines("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if settings.format == "json" else text)
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)

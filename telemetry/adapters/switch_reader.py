"""Switch positions from the evidence logs, read on from where the last reading ended."""

from collections.abc import Mapping
from threading import Lock
from typing import Final

from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.switch_history import KINDS, SwitchHistory

PAGE: Final = 5_000


class SwitchReader:
    """Safe to share between threads; the first call reads the logs once through, later ones what is new."""

    def __init__(self, logs: Mapping[str, SqlEvidenceLog]) -> None:
        self._logs = dict(logs)
        self._positions = dict.fromkeys(self._logs, 0)
        self._history = SwitchHistory()
        self._lock = Lock()

    def history(self) -> SwitchHistory:
        """Everything told so far."""
        with self._lock:
            for name, log in self._logs.items():
                newest = log.newest_id()
                while self._positions[name] < newest:
                    rows = log.of_kinds(KINDS, self._positions[name], newest, PAGE)
                    self._history.take([row.evidence for row in rows])
                    self._positions[name] = rows[-1].id if rows else newest
            return self._history

"""One reader of the feed for all streams: a thread polls the log into a ring, streams wait on it."""

import logging
import threading
from collections import deque
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from field_api.ports import Desk, LoggedEvent

POLL_S: Final = 0.1
RING: Final = 5_000
PAGE: Final = 500

_LOG: Final = logging.getLogger(__name__)


class Gap(Exception):
    """Events after the asked position are no longer kept: the client must begin anew."""


class Hub:
    """Safe to share between threads. Nothing runs before ``start``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ring: deque[LoggedEvent] = deque(maxlen=RING)
        self._newest = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin with what is newest now."""
        with self._desk.reading() as session:
            self._newest = session.feed.newest_id()
        self._thread.start()

    def close(self) -> None:
        """End all streams; only sets a flag, so a signal handler may call it."""
        self._stopping.set()

    @property
    def closing(self) -> bool:
        return self._stopping.is_set()

    @property
    def newest_id(self) -> int:
        return self._newest

    def after(self, position: int, timeout_s: float) -> list[LoggedEvent]:
        """Events with id > position, waiting for the first; [] when time is up. Raises ``Gap``."""
        with self._changed:
            if position == self._newest:
                self._changed.wait_for(lambda: self._newest != position or self.closing, timeout_s)
            if position == self._newest:
                return []
            if self._ring and self._ring[0].id <= position + 1 and position < self._newest:
                return [event for event in self._ring if event.id > position]
        return self._from_log(position)

    def _from_log(self, position: int) -> list[LoggedEvent]:
        with self._desk.reading() as session:
            events = list(session.feed.read(position, PAGE))
        if not events or events[0].id != position + 1:
            raise Gap(position)
        return events

    def _run(self) -> None:
        while not self._stopping.wait(POLL_S):
            try:
                self._poll()
            except SQLAlchemyError as problem:
                _LOG.warning("the feed could not be read: %s", type(problem).__name__)
        with self._changed:
            self._changed.notify_all()

    def _poll(self) -> None:
        with self._desk.reading() as session:
            events = session.feed.read(self._newest, RING)
        if not events:
            return
        with self._changed:
            self._ring.extend(events)
            self._newest = events[-1].id
            self._changed.notify_all()

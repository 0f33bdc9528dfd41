"""The worker's loop: claim revisions in order, send notices, keep the tables small."""

import logging
import threading
from dataclasses import dataclass
from typing import Final

from field_api.notice_house import NoticeDesk
from field_api.ports import Clock, Desk, Sites
from field_api.usecases.check_topology import CheckTopology
from field_api.usecases.claim_revision import ClaimRevision
from field_api.usecases.deliver_notices import BATCH
from field_api.usecases.open_recurring import OpenRecurring
from field_api.usecases.prepare_organisation import prepare_organisation
from field_api.usecases.sync_push import KEEP_OPERATIONS_MS
from field_api.usecases.watch_orders import WatchOrders
from telemetry.outages import LoggedRevision
from telemetry.ports import OutageLog

POLL_S: Final = 0.1
READ_AT_ONCE: Final = 100
KEEP_EVENTS: Final = 20_000
KEEP_TOKENS_MS: Final = 7 * 24 * 3_600_000
"""Used or expired ones: so long their reuse is noticed as a theft."""
KEEP_NOTICES_MS: Final = 200 * 24 * 3_600_000
"""Somewhat more than the six months for which such records must be kept."""
TIDY_EVERY_MS: Final = 60_000
WATCH_EVERY_MS: Final = 5_000
CHECK_EVERY_MS: Final = 3_600_000
TRIES: Final = 5
_FIRST_WAIT_S: Final = 0.2
_AFTER_TROUBLE_S: Final = 5.0
END_S: Final = 2.0

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Worker:
    """Runs until told to stop; killed at any point, it goes on where its position says."""

    outages: OutageLog
    desk: Desk
    claim: ClaimRevision
    notices: NoticeDesk
    sites: Sites
    clock: Clock
    watch: WatchOrders
    check_topology: CheckTopology
    open_recurring: OpenRecurring
    checked_ms: int = 0
    watched_ms: int = 0
    tidied_ms: int = 0
    prepared: str = ""
    """Hash of the network that cells and crews were last made for."""

    def warm(self) -> None:
        """Read the network before the first outage needs it; give cells and crews to a new one."""
        site = self.sites.current()
        if site is None or site.network.content_hash == self.prepared:
            return
        site.warm()
        prepare_organisation(self.desk, site)
        self.prepared = site.network.content_hash

    def run(self, stop: threading.Event) -> None:
        """Work, and look again each tenth of a second; each channel sends in a thread of its own.

        A slow provider keeps nobody from hearing by another channel, and no revision from being claimed.
        """
        senders = [
            threading.Thread(target=self._send, args=(name, stop), name=f"channel-{name}", daemon=True)
            for name in self.notices.deliver.channels
        ]
        for sender in senders:
            sender.start()
        while not stop.is_set():
            if not self._claim_all(stop):
                stop.wait(POLL_S)
        for sender in senders:
            sender.join(END_S)

    def _send(self, channel: str, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                if self.notices.deliver.of_channel(channel, self.clock()) == BATCH:
                    continue
            except Exception:  # noqa: BLE001 (whatever it is: the other channels and the next round go on)
                _LOG.exception("channel %s", channel)
                stop.wait(_AFTER_TROUBLE_S)
            stop.wait(POLL_S)

    def turn(self, stop: threading.Event) -> bool:
        """One round of everything; was there so much that the next should follow at once?"""
        return self._claim_all(stop) | (self.notices.deliver(self.clock()) == BATCH)

    def _claim_all(self, stop: threading.Event) -> bool:
        self.warm()
        position = self.claim.position()
        revisions = self.outages.read(position, READ_AT_ONCE)
        for logged in revisions:
            if stop.is_set():
                return False
            self._handle(logged, position, stop)
            position = logged.id
        self._watch()
        self._tidy()
        return len(revisions) == READ_AT_ONCE

    def _handle(self, logged: LoggedRevision, after_id: int, stop: threading.Event) -> None:
        """Try, wait, try again; what cannot be handled is passed over aloud so that it blocks nobody."""
        for attempt in range(TRIES):
            try:
                self.claim(logged, after_id, self.clock())
            except (LookupError, ValueError, OSError, RuntimeError) as problem:
                _LOG.warning("revision %d: %s: %s", logged.id, type(problem).__name__, problem)
                if stop.wait(_FIRST_WAIT_S * 2**attempt):
                    return
            else:
                return
        _LOG.error("revision %d of outage %s was passed over", logged.id, logged.revision.outage_id)
        self.claim.pass_over(logged, after_id, self.clock())

    def _watch(self) -> None:
        now_ms = self.clock()
        if now_ms - self.watched_ms >= WATCH_EVERY_MS:
            self.watched_ms = now_ms
            self.watch(now_ms)
            self.notices.look(now_ms)
        if now_ms - self.checked_ms >= CHECK_EVERY_MS:
            self.checked_ms = now_ms
            self.check_topology(now_ms)
            self.open_recurring(now_ms)

    def _tidy(self) -> None:
        now_ms = self.clock()
        if now_ms - self.tidied_ms < TIDY_EVERY_MS:
            return
        self.tidied_ms = now_ms
        with self.desk.writing() as session:
            session.feed.prune(KEEP_EVENTS)
            session.operations.prune(now_ms - KEEP_OPERATIONS_MS)
            session.refresh_tokens.prune(now_ms - KEEP_TOKENS_MS)
            session.outbox.prune(now_ms - KEEP_NOTICES_MS)

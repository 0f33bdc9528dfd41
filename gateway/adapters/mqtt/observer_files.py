"""Observers as the site's files say now, for the receiver (who connects) and the drain (who decodes)."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.adapters.mqtt.signal_files import SignalFiles
from gateway.adapters.site_files import POLL_S, SiteChanges, SiteFiles
from gateway.codecs.foreign import Meaning
from gateway.observers import Observer, read_observer

log = logging.getLogger(__name__)

FOLDER: Final = "observers"
SIGNALS: Final = "signals"

OWN_SYSTEM: Final = "state_grid"
"""System of the crosswalk for ids that terminals of the envelope use on our own broker."""
ADDRESSES: Final = "meter_address"
"""System of the crosswalk that knows meters by the twelve digits of their address."""

Resolver = Callable[[str], Callable[[str], str]]
"""System of foreign ids → (foreign id → ours)."""


class ObserverFiles:
    """Watches ``observers/*.toml``; a file that is wrong is refused by name, its last good version stays."""

    def __init__(self, site: Path) -> None:
        self.signals = SignalFiles(site / SIGNALS)
        self._files = SiteFiles(site / FOLDER, self._parse)

    @property
    def current(self) -> dict[str, Observer]:
        """In force, by name."""
        return self._files.current

    @property
    def refused(self) -> dict[str, str]:
        """Files whose newest version is not good, and why."""
        return self._files.refused

    def poll(self) -> SiteChanges[Observer]:
        """What has changed since the last look; refusals are logged once."""
        changes = self._files.poll()
        for problem in changes.refused.values():
            log.warning("observer refused: %s", problem)
        return changes

    def _parse(self, name: str, text: str) -> Observer:
        observer = read_observer(name, text)
        self.signals.table(observer.signals)
        return observer


class ObserverBook:
    """What observed frames mean, looked up frame by frame; removed observers are remembered."""

    def __init__(self, site: Path, resolver: Resolver, is_terminal: Callable[[str], bool]) -> None:
        self._files = ObserverFiles(site)
        self._resolver = resolver
        self._is_terminal = is_terminal
        self._known: dict[str, Observer] = {}
        self._next_look_s = 0.0

    def find(self, name: str) -> tuple[Observer, Meaning] | None:
        """The observer of that name and what its frames mean."""
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + POLL_S
            self._files.poll()
            self._known.update(self._files.current)
        observer = self._known.get(name)
        return None if observer is None else (observer, self._meaning(observer))

    def own(self) -> Meaning:
        """The meaning of foreign frames on our own broker."""
        ours, by_address = self._resolver(OWN_SYSTEM), self._resolver(ADDRESSES)
        return Meaning(
            signals=self._files.signals.table("default"),
            resolve=lambda foreign: by_address(ours(foreign)),
            is_terminal=self._is_terminal,
        )

    def _meaning(self, observer: Observer) -> Meaning:
        ours, by_address = self._resolver(observer.system), self._resolver(ADDRESSES)
        return Meaning(
            signals=self._files.signals.table(observer.signals),
            zone=observer.zone,
            resolve=lambda foreign: by_address(ours(observer.device(foreign))),
            is_terminal=self._is_terminal,
        )

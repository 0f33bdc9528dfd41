"""The sources in force: those shipped, and the site's own in ``sources/`` of the site folder, seen live."""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.adapters.site_files import POLL_S, SiteFiles
from gateway.exports.sources import FileSource, read_source

log = logging.getLogger(__name__)

SHIPPED: Final = Path(__file__).parents[2] / "sources"


class LiveSources:
    """Looks at the files at most every two seconds. A wrong file leaves its last good version in force."""

    def __init__(self, site: Path, shipped: Path = SHIPPED, look_s: float = POLL_S) -> None:
        """``site``: the folder of the site's own files, which need not exist."""
        self._watched = [SiteFiles(folder, read_source) for folder in (shipped, site)]
        self._look_s = look_s
        self._lock = threading.Lock()
        self._next_look_s = 0.0
        self._current: Mapping[str, FileSource] = {}

    def current(self) -> Mapping[str, FileSource]:
        """Sources by name; the site's replace the shipped ones of the same name."""
        with self._lock:
            if time.monotonic() >= self._next_look_s:
                self._next_look_s = time.monotonic() + self._look_s
                self._look()
            return self._current

    def problems(self) -> Mapping[str, str]:
        """What is wrong with a source's file: name → file, field and what was expected."""
        self.current()
        with self._lock:
            return {name: why for watched in self._watched for name, why in watched.refused.items()}

    def _look(self) -> None:
        for watched in self._watched:
            for name, why in watched.poll().refused.items():
                kept = "; its last good version stays in force" if name in watched.current else ""
                log.warning("%s%s", why, kept)
        self._current = {
            name: source for watched in self._watched for name, source in watched.current.items()
        }

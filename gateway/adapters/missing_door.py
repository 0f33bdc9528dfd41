"""A door whose library is not installed: stays shut, and says so as soon as a file asks for it."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from gateway.adapters.site_files import POLL_S, SiteFiles
from gateway.adapters.threaded import Threaded

log = logging.getLogger(__name__)


class MissingDoor(Threaded):
    """``Door`` in place of one that needs an optional package."""

    required = False
    ready = False

    def __init__(self, name: str, folder: Path, kind: str, remedy: str) -> None:
        """``kind``: what files of ``folder`` ask for this door; ``remedy``: how to get the package."""
        self.name = name
        self.trouble = ""
        self._remedy = remedy
        asks = re.compile(rf'^\s*kind\s*=\s*["\']{kind}["\']', re.MULTILINE)
        self._files = SiteFiles(folder, lambda _name, text: bool(asks.search(text)))
        super().__init__(name)

    def counters(self) -> Mapping[str, int]:
        """Nothing to count."""
        return {}

    def _run(self) -> None:
        while not self._stop.is_set():
            self._files.poll()
            asking = sorted(name for name, asks in self._files.current.items() if asks)
            trouble = f"{asking[0]}.toml: this door is not installed: {self._remedy}" if asking else ""
            if trouble and trouble != self.trouble:
                log.warning("%s: %s", self.name, trouble)
            self.trouble = trouble
            self._stop.wait(POLL_S)

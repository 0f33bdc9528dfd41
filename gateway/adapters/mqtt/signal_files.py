"""Tables of signals: those of the package and those that a site lays over them."""

import time
from functools import lru_cache
from pathlib import Path
from typing import Final

from gateway.adapters.site_files import POLL_S, SiteFiles
from gateway.codecs.foreign import Signals
from gateway.codecs.signal_table import read_table
from gateway.site_toml import SiteFileRefused

SHIPPED: Final = Path(__file__).parents[2] / "signals"
DEFAULT: Final = "default"


@lru_cache(maxsize=64)
def shipped(name: str) -> Signals | None:
    """A table of the package; None where it has no such name."""
    file = SHIPPED / f"{name}.toml"
    if not file.is_file():
        return None
    base = None if name == DEFAULT else shipped(DEFAULT)
    return read_table(file.read_text(encoding="utf-8"), base)


class SignalFiles:
    """The tables in force by name; looks at the site's folder at most every two seconds."""

    def __init__(self, folder: Path) -> None:
        """``folder``: the site's ``signals``; it need not exist."""
        self._files = SiteFiles(folder, self._parse)
        self._next_look_s = 0.0

    def table(self, name: str) -> Signals:
        """The table of that name, the site's before the package's; raises SiteFileRefused for neither."""
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + POLL_S
            self._files.poll()
        found = self._files.current.get(name) or shipped(name)
        if found is None:
            known = sorted({*self._files.current, *(file.stem for file in SHIPPED.glob("*.toml"))})
            raise SiteFileRefused(f"signals: expected one of {', '.join(known)}, found {name!r}")
        return found

    @property
    def refused(self) -> dict[str, str]:
        """Files whose newest version is not good, and why."""
        return self._files.refused

    def _parse(self, name: str, text: str) -> Signals:
        base = shipped(name) or shipped(DEFAULT)
        return read_table(text, base)

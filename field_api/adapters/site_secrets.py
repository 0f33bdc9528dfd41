"""Secrets of the site: files of its ``secrets`` folder, or environment variables; never in logs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PREFIX: Final = "GRIDCREW_SECRET_"
SHORTEST: Final = 4
"""Shorter ones are not looked for in texts: they would blank out ordinary words."""


class NoSecret(ValueError):
    """A file names a secret that the site does not have."""


class SiteSecrets:
    """Looks a secret up by name and remembers it, so that it can be blanked out of what is written down."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environment = environment
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """The secret; raises ``NoSecret``."""
        found = self._environment.get(PREFIX + name.upper().replace("-", "_"))
        if found is None:
            try:
                found = (self._folder / name).read_text(encoding="utf-8").strip()
            except OSError:
                raise NoSecret(
                    f"secret {name!r}: expected the file {self._folder / name} or the variable "
                    f"{PREFIX}{name.upper().replace('-', '_')}"
                ) from None
        self._known.add(found)
        return found

    def scrubbed(self, text: str) -> str:
        """The text without any secret that was looked up."""
        for secret in self._known:
            if len(secret) >= SHORTEST:
                text = text.replace(secret, "***")
        return text

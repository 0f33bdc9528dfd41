"""The device models in force: shipped ones, and on top those of the site's ``devices/`` folder, watched."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.adapters.site_files import POLL_S, SiteFiles
from gateway.modbus.device_models import DeviceModel, parse_model

SHIPPED: Final = Path(__file__).parents[2] / "devices"
MAX_REMEMBERED: Final = 2_000


class ModelShelf:
    """Models by name, and by digest those seen since the start. Not for several threads at once."""

    def __init__(self, site_folder: Path) -> None:
        """``site_folder`` need not exist. A shipped model that is wrong raises."""
        self._shipped = {
            file.stem: parse_model(file.stem, file.read_text(encoding="utf-8"))
            for file in sorted(SHIPPED.glob("*.toml"))
        }
        self._files = SiteFiles(site_folder / "devices", parse_model)
        self._by_digest = {model.digest: model for model in self._shipped.values()}
        self._looked_s = float("-inf")

    @property
    def models(self) -> Mapping[str, DeviceModel]:
        """In force now; a site's model replaces a shipped one of the same name."""
        return {**self._shipped, **self._files.current}

    @property
    def refused(self) -> Mapping[str, str]:
        """Files that are not good, and why."""
        return self._files.refused

    def poll(self) -> bool:
        """Look at the folder; True where something changed."""
        self._looked_s = time.monotonic()
        changes = self._files.poll()
        for model in (*changes.added.values(), *changes.changed.values()):
            if len(self._by_digest) < MAX_REMEMBERED:
                self._by_digest[model.digest] = model
        return bool(changes)

    def find(self, name: str, digest: str) -> DeviceModel | None:
        """The model of that digest, or the newest of that name, or None; looks at the folder in between."""
        if time.monotonic() - self._looked_s > POLL_S:
            self.poll()
        found = self._by_digest.get(digest)
        return found if found is not None else self.models.get(name)

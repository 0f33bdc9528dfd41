"""The channel of a site without one: each notice a line in ``notices.log``, without personal data."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from field_api.notices.ports import Delivery, Outcome, Sent
from field_api.people.masking import mask_text

MAX_BYTES: Final = 20_000_000
"""Then the file becomes ``notices.log.1``; the one before is gone."""


class LogChannel:
    """``Channel`` that writes to a file; recipients come masked."""

    name = "log"

    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, deliveries: Sequence[Delivery]) -> Sequence[Sent]:
        """Append and sync; raises OSError where the disk does not take it."""
        self._turn()
        with self._file.open("a", encoding="utf-8") as log:
            log.writelines(_line(delivery) for delivery in deliveries)
            log.flush()
            os.fsync(log.fileno())
        return [Sent(Outcome.ACCEPTED)] * len(deliveries)

    def _turn(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._file.exists() and self._file.stat().st_size > MAX_BYTES:
            self._file.replace(self._file.with_suffix(".log.1"))


def _line(delivery: Delivery) -> str:
    fact = {
        "key": delivery.key,
        "kind": delivery.kind,
        "outage": delivery.outage_id,
        "to": mask_text(delivery.recipient),
        "text": mask_text(delivery.text),
    }
    return json.dumps(fact, ensure_ascii=False) + "\n"

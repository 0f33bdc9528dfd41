"""Who sends more than a terminal has to say: the server's counts, page by page, compared with the last."""

import json
from dataclasses import dataclass
from typing import Final

COUNT_S: Final = 10.0
"""From the beginning of one round through all connections to the beginning of the next, at least."""
PAGE: Final = 512
"""Connections looked at in one answer of the server (about 400 bytes each)."""


@dataclass(frozen=True, slots=True)
class Flood:
    connection: int
    frames: int
    spell_s: float
    """It sent so many frames in that time."""


class FloodWatch:
    """Rounds through all connections, a page at each call of ``due``; a round of 20,000 takes 40 s."""

    def __init__(self, max_frames_per_s: float) -> None:
        """``max_frames_per_s``: of one connection, on average between two looks at it."""
        self._most = max_frames_per_s
        self._offset = 0
        self._began_s = -COUNT_S
        self._before: dict[int, tuple[int, float]] = {}
        self._round: dict[int, tuple[int, float]] = {}

    def due(self, now_s: float) -> int | None:
        """From which connection on the next page is to be asked for; None while there is time."""
        if self._offset == 0 and now_s - self._began_s < COUNT_S:
            return None
        if self._offset == 0:
            self._began_s = now_s
        return self._offset

    def note(self, body: bytes, now_s: float) -> tuple[Flood, ...]:
        """A page of counts, as the server answers CONNZ; who has sent too much since the last look."""
        try:
            data = json.loads(body)["data"]
            counts = {int(each["cid"]): int(each["in_msgs"]) for each in data["connections"] or ()}
            total = int(data["total"])
        except (ValueError, KeyError, TypeError):
            counts, total = {}, 0
        floods = [flood for cid, count in counts.items() if (flood := self._compared(cid, count, now_s))]
        self._round.update({cid: (count, now_s) for cid, count in counts.items()})
        self._offset += PAGE
        if self._offset >= total or not counts:
            self._offset = 0
            self._before, self._round = self._round, {}
        return tuple(floods)

    def _compared(self, connection: int, count: int, now_s: float) -> Flood | None:
        if connection not in self._before:
            return None
        before, then_s = self._before[connection]
        spell_s = now_s - then_s
        if count - before <= self._most * spell_s:
            return None
        return Flood(connection, count - before, spell_s)

"""Which jumpers and generators stand in the field, as people told: the newest word about each holds.

Every instant is a maximum, so order and repetition do not matter, and a word may be dated back.
"""

import json
from collections.abc import Iterable
from typing import Final

from geo.standing import generator_id
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.observations import NEVER

MAX_WORDS: Final = 10_000
"""Things remembered; of more, those of which something was told last stay."""
_ON: Final = frozenset({EvidenceKind.JUMPER_ON, EvidenceKind.GENERATOR_ON})
_OF_GENERATORS: Final = frozenset({EvidenceKind.GENERATOR_ON, EvidenceKind.GENERATOR_OFF})
Instants = tuple[int, int]
"""Newest instants of "on" and "off"."""


class StandingWords:
    """By id (``A~B``, ``~A``) the newest instants at which it was connected and taken away."""

    def __init__(self, words: Iterable[tuple[str, int, int]] = ()) -> None:
        self._newest: dict[str, Instants] = {each: (on_ms, off_ms) for each, on_ms, off_ms in words}

    def apply(self, evidence: Evidence, at_ms: int) -> None:
        """Take one row of a ``STANDING`` kind in."""
        for device in evidence.devices:
            thing = generator_id(device) if evidence.kind in _OF_GENERATORS else device
            on_ms, off_ms = self._newest.get(thing, (NEVER, NEVER))
            if evidence.kind in _ON:
                self._newest[thing] = max(on_ms, at_ms), off_ms
            else:
                self._newest[thing] = on_ms, max(off_ms, at_ms)
        if len(self._newest) > 2 * MAX_WORDS:
            kept = sorted(self._newest, key=lambda each: (max(self._newest[each]), each))[-MAX_WORDS:]
            self._newest = {each: self._newest[each] for each in kept}

    def standing(self) -> tuple[str, ...]:
        """Ids of what is connected, ascending; "off" wins a tie of times."""
        return tuple(sorted(each for each, (on_ms, off_ms) in self._newest.items() if on_ms > off_ms))

    def packed(self) -> bytes:
        """For a snapshot; ``unpacked`` reads it back."""
        return json.dumps([[each, *instants] for each, instants in sorted(self._newest.items())]).encode()

    @staticmethod
    def unpacked(body: bytes) -> "StandingWords":
        """Raises ValueError for bytes that are none."""
        return StandingWords((each, on_ms, off_ms) for each, on_ms, off_ms in json.loads(body or b"[]"))

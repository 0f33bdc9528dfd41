"""Readings for another zone where their store knows no order of its own: from the spooled frames themselves.

Stored frames stay in the spool for some days (``gateway.spool_keep_days``) and decoding is a pure function:
decoding them again gives the batches that went to the store. An export must come more often than that.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.adapters.files.crossing_export import Rows
from gateway.crossing import readings_line
from gateway.frames import Decoded, Frame, SpooledFrame
from gateway.ingest import Entry
from gateway.ports import Spool

_PAGE: Final = 100


def spooled_rows(
    spool: Spool,
    cursor: Callable[[], int],
    decode: Callable[[Frame], Decoded],
    screen: Callable[[Sequence[Entry]], Sequence[Entry]],
) -> Rows:
    """The readings of a lane as rows; a position is a frame's, shared by all its batches.

    ``cursor``: up to where the lane is committed, frames beyond wait; ``screen``: as the ledger's.
    """

    def rows(after: int) -> list[tuple[int, bytes]]:
        committed = cursor()
        while frames := [frame for frame in spool.read(after, _PAGE) if frame.position <= committed]:
            found = [row for entry in screen(_entries(frames, decode)) for row in _lines(entry)]
            if found:
                return found
            after = frames[-1].position
        return []

    return rows


def _entries(frames: Sequence[SpooledFrame], decode: Callable[[Frame], Decoded]) -> list[Entry]:
    return [Entry(frame, Decoded("") if frame.damage else decode(frame.frame)) for frame in frames]


def _lines(entry: Entry) -> list[tuple[int, bytes]]:
    if entry.problem:
        return []
    position = entry.spooled.position
    return [(position, readings_line(position, batch)) for batch in entry.decoded.batches]

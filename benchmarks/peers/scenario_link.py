"""The link to the platform or the database goes away without a word (thingsboard-gateway#2157).

A terminal goes on speaking, the link returns, everybody gets time to catch up; what never arrives is lost.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.peers.contestants import CONTESTANTS, Start
from benchmarks.peers.numbered import EACH_S, NumberedTerminal, await_true
from benchmarks.record import Cell

START_S: Final = 40.0
BEFORE_S: Final = 5.0
AWAY_S: Final = 25.0
AFTER_S: Final = 5.0
CATCH_UP_S: Final = 60.0


def rows(home: Path) -> Iterator[dict[str, Cell]]:
    """One row per contestant."""
    for place, (name, start) in enumerate(CONTESTANTS.items()):
        yield {"contestant": name, **_lost(start, home / f"link{place}")}


def _lost(start: Start, home: Path) -> dict[str, Cell]:
    home.mkdir(parents=True)
    with start(home) as contest, NumberedTerminal(contest.broker, contest.frame) as terminal:
        if not await_true(lambda: len(contest.arrived()) > 5, START_S):
            raise RuntimeError("nothing arrived before the link was taken away")
        time.sleep(BEFORE_S)
        contest.link.away.set()
        time.sleep(AWAY_S)
        contest.link.away.clear()
        time.sleep(AFTER_S)
        terminal.end()
        said = terminal.said
        await_true(lambda: said <= contest.arrived(), CATCH_UP_S)
        lost = said - contest.arrived()
    return {
        "link_away_s": AWAY_S,
        "said": len(said),
        "lost": len(lost),
        "lost_s": round(len(lost) * EACH_S, 1),
    }

"""Writers of one SQLite file take turns, however busy they are."""

import threading
import time
from pathlib import Path

from sqlalchemy import text

from geo.adapters.database import open_database, writing

WRITERS = 6
TURNS = 120
HELD_S, PAUSE_S = 0.02, 0.002


def test_writers_that_hardly_pause_leave_each_other_their_turns(tmp_path: Path) -> None:
    """Who waits looks often enough to meet the moment between two transactions of another one."""
    done = [0] * WRITERS
    with writing(open_database(str(tmp_path), "desk")).begin() as connection:
        connection.execute(text("CREATE TABLE noted (by INTEGER)"))
    writers = [threading.Thread(target=_write_on, args=(tmp_path, n, done)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert min(done) >= TURNS / WRITERS / 5, done


def _write_on(folder: Path, number: int, done: list[int]) -> None:
    engine = open_database(str(folder), "desk")
    while sum(done) < TURNS:
        with writing(engine).begin() as connection:
            connection.execute(text("INSERT INTO noted VALUES (0)"))
            time.sleep(HELD_S)
        done[number] += 1
        time.sleep(PAUSE_S)
    engine.dispose()

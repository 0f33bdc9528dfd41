"""What makes a post cheap for InfluxDB: its processor time for the same points, arranged and written in ways.

One thing is changed at a time. The first arrangement is how frames arrive; the second is what our store does
(``telemetry.adapters.line_runs``); the others start from it.
"""

import gzip
import http.client
import re
import statistics
import tempfile
import threading
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.influx_ingest import METERS, WRITERS, batches, processor_s
from benchmarks.record import Cell, record
from gateway.adapters.delivery.drain_lane import GROUP_FRAMES
from telemetry.adapters.line_protocol import LineWriter
from telemetry.adapters.line_runs import side_by_side
from tests.influx import Influxd, influxd

FRAMES: Final = 1_400
TERMINALS: Final = 50
ROUNDS: Final = 3
LINES: Final = 10_000
_RECEIVED: Final = re.compile(rb"received_ms=[0-9]+i,")
_TERMINAL: Final = re.compile(rb",terminal=T[0-9]+")
_DECIMAL: Final = re.compile(rb"=([0-9]+)[.]([0-9]+)(?=[, ])")
_SHORT: Final = {b"voltage_": b"v", b"current_": b"c", b"active_power_kw": b"p", b"energy_import_kwh": b"e"}

Change = Callable[[bytes], bytes]
Way = tuple[list[bytes], int, str, Change]
"""Lines, how many a post, the precision of their times, and what is changed in a post."""
_FIRST: Final = "frame by frame"
_NOTE: Final = (
    f"A point is one meter with 8 fields and received_ms; {FRAMES} frames of {METERS} meters, {TERMINALS} "
    f"terminals, {WRITERS} writers, a new server each time; medians of {ROUNDS}. 'Together' is of "
    f"{GROUP_FRAMES} frames, {GROUP_FRAMES // TERMINALS} of each terminal."
)


def run() -> dict[str, object]:
    """Measure, print and write ``results/influx_posts``."""
    ways = _ways()
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (lines, size, precision, change) in ways.items():
            posts = [change(b"".join(lines[at : at + size])) for at in range(0, len(lines), size)]
            spent[name].append(_cost_s(posts, precision))
    points = FRAMES * METERS / 100_000
    middle = {name: statistics.median(seconds) / points for name, seconds in spent.items()}
    table: list[dict[str, Cell]] = [
        {"way": name, "s for 100,000 points": round(cost, 2), "of the first": round(cost / middle[_FIRST], 2)}
        for name, cost in middle.items()
    ]
    return record("influx_posts", "What a post costs InfluxDB", {"Processor time of influxd": table}, [_NOTE])


def _ways() -> dict[str, Way]:
    together = _lines(GROUP_FRAMES)
    return {
        _FIRST: (_lines(1), LINES, "ms", _same),
        "each meter's points together, as our store does": (together, LINES, "ms", _same),
        "… of three times as many frames": (_lines(3 * GROUP_FRAMES), LINES, "ms", _same),
        "… 5,000 lines a post": (together, LINES // 2, "ms", _same),
        "… 20,000 lines a post": (together, LINES * 2, "ms", _same),
        "… without received_ms": (together, LINES, "ms", lambda lines: _RECEIVED.sub(b"", lines)),
        "… without the terminal": (together, LINES, "ms", lambda lines: _TERMINAL.sub(b"", lines)),
        "… integers for decimals": (together, LINES, "ms", lambda lines: _DECIMAL.sub(rb"=\1\2i", lines)),
        "… names of one or two letters": (together, LINES, "ms", _short),
        "… times in seconds": (together, LINES, "s", lambda lines: lines.replace(b"000\n", b"\n")),
        "… compressed": (together, LINES, "ms", lambda lines: gzip.compress(lines, 1)),
    }


def _lines(group: int) -> list[bytes]:
    """All lines; of ``group`` frames at a time each meter's together."""
    writer, rest, lines = LineWriter(), iter(batches(FRAMES, TERMINALS)), []
    while some := list(islice(rest, group)):
        for portion in side_by_side((batch, False) for batch in some):
            writer.add(portion)
        lines += writer.take().splitlines(keepends=True)
    return lines


def _same(lines: bytes) -> bytes:
    return lines


def _short(lines: bytes) -> bytes:
    for name, letter in _SHORT.items():
        lines = lines.replace(name, letter)
    return lines


def _cost_s(posts: Sequence[bytes], precision: str) -> float:
    with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as home, influxd(Path(home) / "i") as server:
        server.query('CREATE DATABASE "posts"')
        before_s = processor_s(server)
        writers = [
            threading.Thread(target=_post, args=(server, posts[n::WRITERS], precision))
            for n in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        return processor_s(server) - before_s


def _post(server: Influxd, posts: Sequence[bytes], precision: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for post in posts:
        coding = {"Content-Encoding": "gzip"} if post.startswith(b"\x1f\x8b") else {}
        connection.request("POST", f"/write?db=posts&precision={precision}", post, coding)
        answer = connection.getresponse()
        assert answer.status == http.client.NO_CONTENT, answer.read()
        answer.read()
    connection.close()


if __name__ == "__main__":
    run()

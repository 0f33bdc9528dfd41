"""Reading batches as InfluxDB line protocol, straight from scaled integers to bytes.

One line is one meter at one instant, with all its quantities::

    reading,meter=M,terminal=T received_ms=…i,voltage_a_v=230.1,energy_import_kwh=5.25 1795300000000

Numbers are the exact decimals. A number of 16 digits or more, which a double may not hold, stands a second
time as text in ``<quantity>_exact``. ``<quantity>_q`` (an integer, ``Quality``) stands beside a value that is
doubtful, and beside a good one (0) where it may replace a doubtful one.

Line protocol cannot hold every text: a backslash at the end of a tag swallows what follows, a line break ends
the line. So these, control characters and the percent sign are written as ``%5C`` … and read back; comma,
blank and equals sign get the protocol's backslash.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from telemetry.adapters.line_kernels import NUMBER_BYTES, WORD_BYTES, Texts, texts, write
from telemetry.adapters.line_runs import Run
from telemetry.readings import ReadingBatch

MEASUREMENT: Final = "reading"
RECEIVED: Final = "received_ms"
QUALITY: Final = "_q"
EXACT: Final = "_exact"
EMPTY: Final = "%"
"""Stands for an empty id, which line protocol cannot hold."""
_CACHED: Final = 20_000
_LINE_BYTES: Final = 64
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f%\\\\\u2028\u2029\ud800-\udfff]")
_SPECIAL: Final = re.compile("[, =]")

Bytes = NDArray[np.uint8]
K = TypeVar("K")
V = TypeVar("V")


def stored_text(text: str) -> str:
    """An id as the database holds it (not yet escaped for a line or a query)."""
    return _UNSAFE.sub(_percent, text) or EMPTY


def read_text(stored: str) -> str:
    """What ``stored_text`` was given."""
    if stored == EMPTY:
        return ""
    if "%" not in stored:
        return stored
    return unquote_to_bytes(stored).decode("utf-8", "surrogatepass")


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def escaped(text: str) -> bytes:
    """An id or a name as it stands in a line."""
    return _SPECIAL.sub(r"\\\g<0>", stored_text(text)).encode()


@dataclass(slots=True)
class LineWriter:
    """Writes batches into a buffer of its own; remembers how rosters and column names look as bytes."""

    lines: int = 0
    _out: Bytes = field(default_factory=lambda: np.empty(4 << 20, dtype=np.uint8))
    _at: int = 0
    _rosters: OrderedDict[tuple[str, tuple[str, ...]], Texts] = field(default_factory=OrderedDict)
    _names: OrderedDict[tuple[str, ...], tuple[Texts, Texts, Texts]] = field(default_factory=OrderedDict)

    def add(self, run: Run) -> int:
        """Append a run, meter by meter; how many lines (meters without any value have none)."""
        first = run.batches[0]
        rows = _cached(self._rosters, (first.terminal, first.meters), _roster)
        names, qualities, exact = _cached(self._names, first.quantities, _columns)
        heads, tails = _around(run.batches)
        longest = exact.longest + qualities.longest + names.longest + 3 * NUMBER_BYTES
        line = rows.longest + _LINE_BYTES + len(first.quantities) * longest
        self._reserve(len(run.batches) * len(first.meters) * line + WORD_BYTES)
        self._at, added = write(
            self._out, self._at, rows, heads, tails, names, qualities, exact,
            np.stack([batch.scaled for batch in run.batches]),
            np.array([batch.decimals for batch in run.batches], dtype=np.int64),
            _doubts(run.batches), np.array(run.explicit),
        )  # fmt: skip
        self.lines += added
        return int(added)

    def take(self) -> bytes:
        """What was appended since the last time."""
        taken = self._out[: self._at].tobytes()
        self._at = self.lines = 0
        return taken

    def _reserve(self, size: int) -> None:
        if self._at + size > len(self._out):
            wider = np.empty(2 * (self._at + size), dtype=np.uint8)
            wider[: self._at] = self._out[: self._at]
            self._out = wider


def _around(batches: Sequence[ReadingBatch]) -> tuple[Texts, Texts]:
    """What stands before and behind the values in the lines of each batch."""
    return (
        texts(b" %s=%di" % (RECEIVED.encode(), batch.received_ms) for batch in batches),
        texts(b" %d\n" % batch.at_ms for batch in batches),
    )


def _doubts(batches: Sequence[ReadingBatch]) -> NDArray[np.uint8]:
    """``doubts[b, m, q]``, empty if there is none."""
    if not any(batch.quality or batch.doubts is not None for batch in batches):
        return _NO_DOUBTS
    return np.stack(
        [
            np.full(batch.scaled.shape, batch.quality, dtype=np.uint8)
            | (0 if batch.doubts is None else batch.doubts)
            for batch in batches
        ]
    )


_NO_DOUBTS: Final = np.zeros((0, 0, 0), dtype=np.uint8)


def _cached(known: OrderedDict[K, V], key: K, make: Callable[[K], V]) -> V:
    found = known.get(key)
    if found is None:
        found = known[key] = make(key)
        if len(known) > _CACHED:
            known.popitem(last=False)
    return found


def _roster(key: tuple[str, tuple[str, ...]]) -> Texts:
    terminal, meters = key
    tail = b",terminal=" + escaped(terminal)
    return texts(MEASUREMENT.encode() + b",meter=" + escaped(meter) + tail for meter in meters)


def _columns(quantities: tuple[str, ...]) -> tuple[Texts, Texts, Texts]:
    names = [escaped(name) for name in quantities]
    return (
        texts(b"," + name + b"=" for name in names),
        texts(b"," + name + QUALITY.encode() + b"=" for name in names),
        texts(b"," + name + EXACT.encode() + b'="' for name in names),
    )


def prepare() -> None:
    """Compile (or load what was compiled) now rather than with the first batch."""
    one = np.array([[1]], dtype=np.int64)
    batch = ReadingBatch("t", "b", 1, 1, 1, ("m",), ("q",), (1,), one)
    LineWriter().add(Run([batch], [False]))

"""What a night comes to: what must hold of it, and how well and how fast the product was.

An outage is a fault's where it explains the element that failed; one that was merged is told by the one that
took it. ``broken`` names what must never happen, each with the first ones that it happened to.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from itertools import pairwise

import numpy as np

from benchmarks.record import Cell
from benchmarks.storm.heard import Event
from benchmarks.storm.night import Night
from field_api.notices.notice import NEVER_LEFT, Announcement
from tests.another_system import Document

Row = dict[str, Cell]
GONE = frozenset({"merged", "retracted"})
OVER = frozenset({"closed", "cancelled"})
AT_WORK = frozenset({"accepted", "arrived", "repaired"})
ENDINGS = frozenset({"restored", "correction"})
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Span:
    """A crew's work on an order, seconds of the wall clock."""

    crew: str
    order: str
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Reckoning:
    night: Night

    # Which outage is which fault's.

    @cached_property
    def explained(self) -> Mapping[str, set[str]]:
        """Element → ids of outages that explained it at any time, by what a page heard."""
        found: dict[str, set[str]] = defaultdict(set)
        for event in self._of("outage"):
            for element in event.data["cause"]["equivalent"]:
                if element in self.night.tripped_s:
                    found[element].add(event.data["id"])
        return found

    @cached_property
    def final(self) -> Mapping[str, list[Document]]:
        """Element → outages that explain it in the end."""
        found: dict[str, list[Document]] = defaultdict(list)
        for outage in self.night.outages:
            if outage["state"] not in GONE:
                for element in set(outage["cause"]["equivalent"]) & self.night.tripped_s.keys():
                    found[element].append(outage)
        return found

    @property
    def missed(self) -> list[str]:
        return [element for element in self.night.tripped_s if not self.final.get(element)]

    @property
    def split(self) -> list[str]:
        return [element for element, found in self.final.items() if len(found) > 1]

    @property
    def false(self) -> list[Document]:
        """Outages that no fault explains."""
        listed = (one for one in self.night.outages if one["state"] not in GONE)
        return [one for one in listed if not self.night.tripped_s.keys() & set(one["cause"]["equivalent"])]

    # What must hold.

    def broken(self) -> list[str]:
        """Nothing, where all holds."""
        checks: Mapping[str, Iterable[object]] = {
            "two crews on one fault": self._two_crews(),
            "orders without owner": self._lacking("owner_id"),
            "orders without due time": self._lacking("due"),
            "repairs left open": (one["number"] for one in self.night.orders if _is_open_repair(one)),
            "outages left open": self._outages_left(),
            "told twice of one change": self._told_twice(),
            "told of an outage, never of its end": self._left_in_the_dark(),
            "answers of 5xx": self._server_errors(),
            "still waiting": (f"{name} {value:g}" for name, value in self.night.waiting.items() if value),
            "the stream of events": filter(None, [self.night.broken_stream]),
        }
        listed = {name: [*found] for name, found in checks.items()}
        return [
            f"{name}: {len(found)} ({', '.join(map(str, found[:MOST_NAMED]))})"
            for name, found in listed.items()
            if found
        ]

    def _two_crews(self) -> Iterator[str]:
        for element, ids in self.explained.items():
            spans = sorted(
                (span for span in self._spans if self._outage_of[span.order] in ids), key=lambda s: s.from_s
            )
            for one, other in pairwise(spans):
                if one.crew != other.crew and other.from_s < one.to_s:
                    yield f"{element}: {one.crew} and {other.crew}"

    def _lacking(self, field: str) -> set[str]:
        """Orders that a page saw open without it."""
        orders = (event.data for event in self._of("order"))
        return {one["number"] for one in orders if one["state"] not in OVER and not one[field]}

    def _outages_left(self) -> Iterator[str]:
        for one in self.night.outages:
            if one["state"] in {"suspected", "confirmed"}:
                yield f"{one['id']} at {one['cause']['element']}"

    def _told_twice(self) -> Iterator[str]:
        """Out though they thought so, or over though it was; another expected time is another text."""
        for recipient, told in self._told.items():
            ends = [one.kind in ENDINGS for one in told if one.kind != "progress"]
            same = any(one.kind == after.kind and one.text == after.text for one, after in pairwise(told))
            if same or any(one is after for one, after in pairwise(ends)):
                yield f"{recipient}: {[f'{one.kind} of {one.outage_id}' for one in told]}"

    def _left_in_the_dark(self) -> Iterator[str]:
        for recipient, told in self._told.items():
            if told[-1].kind not in ENDINGS:
                yield f"{recipient} of {told[-1].outage_id}"

    def _server_errors(self) -> Iterator[str]:
        for (operation, status), count in self.night.answers.items():
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                yield f"{operation} {status} × {count}"

    # What is recorded.

    def tables(self) -> dict[str, list[Row]]:
        return {
            "What was found": self._found(),
            "How fast, seconds": self._speed(),
            "Who was told": self._telling(),
            "Orders": self._work(),
            "Processes": self._processes(),
            "Answers of the web": self._answers(),
        }

    def _found(self) -> list[Row]:
        night = self.night
        return [
            {"what": "faults", "number": len(night.tripped_s)},
            {"what": "found", "number": len(night.tripped_s) - len(self.missed)},
            {"what": "missed", "number": len(self.missed)},
            {"what": "told as two or more", "number": len(self.split)},
            {"what": "outages that no fault explains", "number": len(self.false)},
            {"what": "merged or retracted on the way", "number": self._gone()},
            {"what": "customers really out", "number": len(self._really_out)},
        ]

    def _gone(self) -> int:
        return sum(one["state"] in GONE for one in self.night.outages)

    def _speed(self) -> list[Row]:
        columns: dict[str, list[float]] = {
            "fault → shown": [], "first last gasp received → shown": [], "shown → order": [],
            "confirmed → order": [], "order → in a plan that was told": self._planned(),
            "a plan's situation → told": self._plan_lags(), "fault → order closed": [],
        }  # fmt: skip
        for element, tripped_s in self.night.tripped_s.items():
            ids = self.explained.get(element, set())
            shown_s, confirmed_s = self._first(ids, None), self._first(ids, "confirmed")
            ordered_s, closed_s = self._ordered(ids)
            pairs = {
                "fault → shown": (tripped_s, shown_s),
                "first last gasp received → shown": (self._first_gasp_s(element), shown_s),
                "shown → order": (shown_s, ordered_s),
                "confirmed → order": (confirmed_s, ordered_s),
                "fault → order closed": (tripped_s, closed_s),
            }
            for name, (begin_s, end_s) in pairs.items():
                if begin_s is not None and end_s is not None:
                    columns[name].append(end_s - begin_s)
        return [{"from → to": name, **_percentiles(values)} for name, values in columns.items()]

    def _first(self, ids: set[str], state: str | None) -> float | None:
        times = (
            event.at_s for event in self._of("outage")
            if event.data["id"] in ids and state in {None, event.data["state"]}
        )  # fmt: skip
        return min(times, default=None)

    def _ordered(self, ids: set[str]) -> tuple[float | None, float | None]:
        """First heard of a repair of these outages, and last heard of."""
        times = [
            event.at_s for event in self._of("order")
            if event.data["outage_id"] in ids and event.data["type"] == "repair"
        ]  # fmt: skip
        return min(times, default=None), max(times, default=None)

    def _first_gasp_s(self, element: str) -> float | None:
        entry = next(one for one in self.night.truth if one.change == "trip" and element in one.elements)
        gasped = (ms for meter in entry.lost for ms in self.night.gasped_ms.get(meter, ()))
        return min((ms / 1000 for ms in gasped if ms >= entry.at_ms), default=None)

    def _planned(self) -> list[float]:
        """From hearing of a new repair to hearing of the first plan made after that."""
        plans = [(_seconds(event.data["at"]), event.at_s) for event in self._of("dispatch")]
        new: dict[str, float] = {}
        for event in self._of("order"):
            if event.data["type"] == "repair":
                new.setdefault(event.data["id"], _seconds(event.data["created_at"]))
        firsts = (
            next((told_s - made_s for at_s, told_s in plans if at_s >= made_s), None)
            for made_s in new.values()
        )
        return [one for one in firsts if one is not None]

    def _plan_lags(self) -> list[float]:
        return [event.at_s - _seconds(event.data["at"]) for event in self._of("dispatch")]

    @cached_property
    def _really_out(self) -> set[str]:
        lost = (meter for one in self.night.truth if one.change == "trip" for meter in one.lost)
        return {self.night.customers[meter] for meter in lost if meter in self.night.customers}

    def _telling(self) -> list[Row]:
        recipients = self._told.keys()
        kinds = Counter(one.kind for told in self._told.values() for one in told)
        ended = sum(told[-1].kind in ENDINGS for told in self._told.values())
        kept: list[Row] = [
            {"what": f"messages: {kind}", "number": number} for kind, number in sorted(kinds.items())
        ]
        return [
            {"what": "really out and told", "number": len(self._really_out & recipients)},
            {"what": "really out, never told", "number": len(self._really_out - recipients)},
            {"what": "told though never out", "number": len(recipients - self._really_out)},
            {"what": "told of an outage", "number": len(self._told)},
            {"what": "of these told that it is over", "number": ended},
            *kept,
        ]

    def _work(self) -> list[Row]:
        kinds: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self.night.orders:
            kinds[one["type"]][one["state"]] += 1
        return [
            {"kind of work": kind, "orders": sum(states.values()),
             "states": ", ".join(f"{state} {number}" for state, number in sorted(states.items()))}
            for kind, states in sorted(kinds.items())
        ]  # fmt: skip

    def _processes(self) -> list[Row]:
        return [
            {"process": name, "processor s": round(used_s, 1), "cores": used_s / self.night.seconds,
             "most memory MiB": round(mib)}
            for name, (used_s, mib) in self.night.spent.items()
        ]  # fmt: skip

    def _answers(self) -> list[Row]:
        found: dict[str, Counter[int]] = defaultdict(Counter)
        for (operation, status), count in self.night.answers.items():
            found[operation][status] += count
        return [
            {"operation": operation, "answers": sum(counts.values()),
             "statuses": ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))}
            for operation, counts in sorted(found.items())
        ]  # fmt: skip

    # How it hangs together.

    def _of(self, name: str) -> list[Event]:
        return self._by_name.get(name, [])

    @cached_property
    def _by_name(self) -> Mapping[str, list[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.night.heard:
            found[event.name].append(event)
        return found

    @cached_property
    def _outage_of(self) -> Mapping[str, str]:
        return {event.data["id"]: event.data["outage_id"] for event in self._of("order")}

    @cached_property
    def _spans(self) -> list[Span]:
        """From accepting a repair to its end, or to another crew's taking it."""
        begun: dict[str, tuple[str, float]] = {}
        spans = []
        for event in self._of("order"):
            order = event.data
            if order["type"] != "repair":
                continue
            crew, since_s = begun.get(order["id"], ("", 0.0))
            works = order["state"] in AT_WORK
            if crew and (crew != order["crew_id"] or not works):
                spans.append(Span(crew, order["id"], since_s, event.at_s))
                del begun[order["id"]]
            if works and order["id"] not in begun:
                begun[order["id"]] = order["crew_id"], event.at_s
        return [*spans, *(Span(crew, order, since_s, np.inf) for order, (crew, since_s) in begun.items())]

    @cached_property
    def _told(self) -> Mapping[str, Sequence[Announcement]]:
        """Customer → what left to them, in turn, whichever outage it was about."""
        found: dict[str, list[Announcement]] = defaultdict(list)
        for one in self.night.notices:
            if one.state not in NEVER_LEFT:
                found[one.posting.recipient].append(one.announcement)
        return found


def _is_open_repair(order: Document) -> bool:
    return order["type"] == "repair" and order["state"] not in OVER


def _seconds(instant: str) -> float:
    return float(np.datetime64(instant.removesuffix("Z"), "ms").astype(np.int64)) / 1000


def _percentiles(values: Sequence[float]) -> Row:
    if not values:
        return {"n": 0, "p50": None, "p99": None, "most": None}
    p50, p99 = np.percentile(values, [50, 99]).tolist()
    return {"n": len(values), "p50": round(p50, 2), "p99": round(p99, 2), "most": round(max(values), 2)}

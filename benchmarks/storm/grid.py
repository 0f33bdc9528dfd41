"""Thirty feeders of three substations, a grid cell and a crew each; ten places on each may fail.

No place lies below another one, so each fault is one that somebody must drive to. A feeder's trunk carries
its transformers one after the other; its last two hang behind a lateral. Of a transformer leave two cables to
branch boxes, with the meters behind them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from geo.adapters.csv_folder import read_folder
from geo.network import Network

FEEDERS: Final = 30
STATIONS: Final = 3
AREAS: Final = 16
"""Transformers of a feeder; those from ``BEHIND`` on hang behind its lateral."""
BEHIND: Final = 14
BRANCHES: Final = 2
BOXES: Final = 2
"""Of a branch, one behind the other."""
METERS: Final = 6
"""Behind a box."""
FAILING_TRANSFORMERS: Final = 6
FAILING_CABLES: Final = 3
PLACES: Final = FAILING_TRANSFORMERS + FAILING_CABLES + 1
"""On a feeder: those and its lateral."""
_HEADERS: Final = {
    "nodes": "id,kind,name,lon,lat,voltage_kv",
    "edges": "id,kind,from_id,to_id,closed,phases,length_m,name,rated_kva,transformer_kind",
    "meters": "id,node_id,customer_id,phases,terminal_id",
    "terminals": "id,edge_id",
    "customers": "id,name,class,priority,phone,address,grid_id,access_point_id",
}
_FEW: Final = (97, 211)
"""Every so many customers one is vulnerable, or key."""


@dataclass(frozen=True, slots=True)
class Area:
    """A transformer of a feeder."""

    feeder: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.feeder:02d}-{self.number:02d}"

    @property
    def place(self) -> tuple[float, float]:
        """Degrees east and north; a lateral leaves its trunk to the east."""
        aside = max(0, self.number - BEHIND + 1)
        return 116 + 0.012 * self.feeder + 0.003 * aside, 39 + 0.003 * (self.number - aside)

    def boxes(self) -> Iterator[tuple[str, str]]:
        """Each branch box and what feeds it."""
        for branch in range(BRANCHES):
            before = f"L{self.name}"
            for box in range(BOXES):
                here = f"B{self.name}-{branch}{box}"
                yield here, before
                before = here


def places(feeders: int, count: int, seed: int) -> list[str]:
    """Ids of ``count`` elements that fail in this order, as even a share of each feeder as can be."""
    chance = random.Random(seed)
    by_feeder = [_of_feeder(feeder, chance) for feeder in range(feeders)]
    assert count <= feeders * PLACES, f"{feeders} feeders have {feeders * PLACES} places"
    chosen = [by_feeder[number % feeders][number // feeders] for number in range(count)]
    chance.shuffle(chosen)
    return chosen


def _of_feeder(feeder: int, chance: random.Random) -> list[str]:
    areas = chance.sample(range(BEHIND), FAILING_TRANSFORMERS + FAILING_CABLES)
    names = [Area(feeder, number).name for number in areas]
    transformers = [f"T{name}" for name in names[:FAILING_TRANSFORMERS]]
    cables = [f"KB{name}-00" for name in names[FAILING_TRANSFORMERS:]]
    found = [*transformers, *cables, f"LN{Area(feeder, BEHIND).name}"]
    chance.shuffle(found)
    return found


def storm_grid(folder: Path, feeders: int = FEEDERS) -> Network:
    """Written as a company would export it, and read as the product reads it."""
    folder.mkdir(parents=True)
    areas = [Area(feeder, number) for feeder in range(feeders) for number in range(AREAS)]
    rows = {
        "nodes": [*_stations(), *(row for area in areas for row in _nodes(area))],
        "edges": [row for area in areas for row in _edges(area)],
        "meters": [row for area in areas for row in _meters(area)],
        "terminals": [f"TT{area.name},T{area.name}" for area in areas],
        "customers": [row for area in areas for row in _customers(area)],
    }
    for name, header in _HEADERS.items():
        (folder / f"{name}.csv").write_text("\n".join([header, *rows[name], ""]), encoding="utf-8")
    return read_folder(folder).accepted()


def _stations() -> Iterator[str]:
    for station in range(STATIONS):
        yield f"S{station},substation,{station + 1}号变电站,{116 + 0.12 * station:.6f},38.99,10"


def _nodes(area: Area) -> Iterator[str]:
    east, north = area.place
    yield f"P{area.name},pole,{area.name}号杆,{east:.6f},{north:.6f},10"
    yield f"L{area.name},transformer_lv,{area.name}台区,{east:.6f},{north:.6f},0.4"
    for number, (box, _) in enumerate(area.boxes()):
        there = f"{east + 0.0004 * (number - 1.5):.6f},{north + 0.0005:.6f}"
        yield f"{box},branch_box,,{there},0.4"
        yield f"A{box},access_point,,{there},0.4"


def _edges(area: Area) -> Iterator[str]:
    """A feeder begins with its breaker; the lateral branches off from the last pole of the trunk."""
    before = f"P{Area(area.feeder, area.number - 1).name}" if area.number else f"S{area.feeder % STATIONS}"
    kind, letters = ("line", "LN") if area.number else ("breaker", "CB")
    yield f"{letters}{area.name},{kind},{before},P{area.name},1,ABC,300,10kV{area.feeder:02d}线,,"
    yield f"T{area.name},transformer,P{area.name},L{area.name},1,ABC,,{area.name}变,400,public"
    for box, fed_by in area.boxes():
        yield f"K{box},cable,{fed_by},{box},1,ABC,60,,,"
        yield f"SV{box},service,{box},A{box},1,ABC,20,接户线,,"


def _points(area: Area) -> Iterator[tuple[str, int]]:
    """Access point and number of each meter."""
    first = (area.feeder * AREAS + area.number) * BRANCHES * BOXES * METERS
    for place, (box, _) in enumerate(area.boxes()):
        yield from ((f"A{box}", first + place * METERS + number) for number in range(METERS))


def _meters(area: Area) -> Iterator[str]:
    return (f"M{n},{at},C{n},{'ABC'[n % 3]},TT{area.name}" for at, n in _points(area))


def _customers(area: Area) -> Iterator[str]:
    for at, n in _points(area):
        vulnerable, key = (n % every == every - 1 for every in _FEW)
        who = "key" if key else "vulnerable" if vulnerable else "normal"
        address = f"东河镇{area.name}院{n}室"
        yield f"C{n},客户{n},resident,{who},199{n:08d},{address},G{area.feeder:02d},{at}"

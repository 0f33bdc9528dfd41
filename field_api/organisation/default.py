"""The organisation that a new network begins with until the real one is imported: invented, and named so.

Stations of a few cells each; for every cell a grid manager, a crew that can do every kind of work by day and
night, and a village with its liaison. Nobody of them has a telephone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from field_api.organisation.cells import Crew, GridCell
from field_api.organisation.duties import Assignment
from field_api.organisation.establishment import Establishment
from field_api.organisation.shifts import ALL_DAYS, DAY_MINUTES, Shift
from field_api.organisation.staffing import Member, Person, Qualification, TeamKind, Unit, UnitKind
from field_api.organisation.villages import Liaison, Village

Kept = TypeVar("Kept")

DEFAULT_COMPANY: Final = "default"
"""Id of the invented company: as long as it is there, new cells get invented people too."""
SKILLS: Final = ("connection", "line_repair", "metering", "switching")
"""All that the shipped kinds of work ask for."""
STATION_CELLS: Final = 6
"""Cells of a station: with three people each it stays below the headcount that asks for a third team."""
_SURNAMES: Final = (
    ("赵", "Zhao"), ("钱", "Qian"), ("孙", "Sun"), ("周", "Zhou"), ("吴", "Wu"), ("郑", "Zheng"),
    ("冯", "Feng"), ("褚", "Chu"), ("卫", "Wei"), ("蒋", "Jiang"), ("沈", "Shen"), ("韩", "Han"),
)  # fmt: skip


def is_default(establishment: Establishment) -> bool:
    """Is nothing there yet, or what this module invented?"""
    return not establishment.units or DEFAULT_COMPANY in establishment.unit


def default_organisation(cells: Sequence[GridCell], crews: Sequence[Crew]) -> Establishment:
    """People for these cells and their crews; the same cells and crews give the same."""
    posts = [_Post(number, cell, _crew_of(cell, crews)) for number, cell in enumerate(cells)]
    return Establishment(
        units=(*_top(), *(unit for number in range(_stations(cells)) for unit in _station(number))),
        people=tuple(person for post in posts for person in post.people),
        qualifications=tuple(one for post in posts for one in post.qualifications),
        assignments=tuple(Assignment(post.cell.id, post.manager) for post in posts),
        members=tuple(one for post in posts for one in post.members),
        shifts=tuple(Shift(crew.id, ALL_DAYS, 0, DAY_MINUTES) for crew in crews),
        villages=tuple(post.village for post in posts),
        liaisons=tuple(Liaison(post.village.id, post.hands[1]) for post in posts),
    )


def _new(wanted: Iterable[Kept], there: Iterable[Kept], about: str) -> tuple[Kept, ...]:
    """Those about something of which nothing is there."""
    known = {getattr(record, about) for record in there}
    return tuple(record for record in wanted if getattr(record, about) not in known)


def missing_of(wanted: Establishment, there: Establishment) -> Establishment:
    """What of the wanted is about units, people, cells, crews and villages of which nothing is known yet."""
    return Establishment(
        units=tuple(unit for unit in wanted.units if unit.id not in there.unit),
        people=tuple(person for person in wanted.people if person.id not in there.person),
        qualifications=tuple(q for q in wanted.qualifications if q.person_id not in there.person),
        assignments=_new(wanted.assignments, there.assignments, "grid_id"),
        members=_new(wanted.members, there.members, "crew_id"),
        shifts=_new(wanted.shifts, there.shifts, "crew_id"),
        villages=_new(wanted.villages, there.villages, "id"),
        liaisons=_new(wanted.liaisons, there.liaisons, "village_id"),
    )


def team_of(cells: Sequence[GridCell], cell_id: str) -> str:
    """The service team that a cell's crew belongs to."""
    number = next(place for place, cell in enumerate(cells) if cell.id == cell_id)
    return f"{_station_id(number // STATION_CELLS)}-service"


@dataclass(frozen=True, slots=True)
class _Post:
    """The people of one cell."""

    number: int
    cell: GridCell
    crew: Crew | None

    @property
    def manager(self) -> str:
        return f"{self.cell.id}-manager"

    @property
    def hands(self) -> tuple[str, str]:
        return f"{self.cell.id}-hand-1", f"{self.cell.id}-hand-2"

    @property
    def people(self) -> tuple[Person, ...]:
        station = _station_id(self.number // STATION_CELLS)
        lon, lat = _middle(self.cell)
        roles = (
            (self.manager, "business", "经理", "manager"),
            (self.hands[0], "service", "师傅", "foreman"),
            (self.hands[1], "service", "师傅", "fitter"),
        )
        people = []
        for place, (identifier, team, title, title_en) in enumerate(roles):
            zh, en = _SURNAMES[(self.number * len(roles) + place) % len(_SURNAMES)]
            user_id = self.crew.id if self.crew and place == 1 else ""
            people.append(
                Person(
                    identifier, f"{zh}{title}", f"{station}-{team}", f"{en}, {title_en}",
                    user_id=user_id, lon=lon, lat=lat,
                )
            )  # fmt: skip
        return tuple(people)

    @property
    def qualifications(self) -> tuple[Qualification, ...]:
        able = tuple(Qualification(hand, skill) for hand in self.hands for skill in SKILLS)
        return (*able, Qualification(self.manager, "connection"))

    @property
    def members(self) -> tuple[Member, ...]:
        if self.crew is None:
            return ()
        return tuple(Member(self.crew.id, hand, place == 0) for place, hand in enumerate(self.hands))

    @property
    def village(self) -> Village:
        lon, lat = _middle(self.cell)
        name = f"{self.cell.name}示范村"
        return Village(
            f"village-{self.cell.id}", name, self.cell.id, f"{self.cell.name_en} village", lon, lat
        )


def _top() -> tuple[Unit, ...]:
    return (
        Unit(DEFAULT_COMPANY, UnitKind.COMPANY, "", "示范供电公司", "Example power supply company"),
        Unit(
            "default-centre", UnitKind.CENTRE, DEFAULT_COMPANY, "示范供电服务中心", "Example service centre"
        ),
    )


def _station(number: int) -> tuple[Unit, ...]:
    station = _station_id(number)
    return (
        Unit(station, UnitKind.STATION, "default-centre", f"示范供电所{number + 1}", f"Station {number + 1}"),
        Unit(f"{station}-service", UnitKind.TEAM, station, "供电服务班", "Service team", TeamKind.SERVICE),
        Unit(f"{station}-business", UnitKind.TEAM, station, "营业班", "Business team", TeamKind.BUSINESS),
    )


def _stations(cells: Sequence[GridCell]) -> int:
    return -(-len(cells) // STATION_CELLS)


def _station_id(number: int) -> str:
    return f"default-station-{number + 1:02d}"


def _crew_of(cell: GridCell, crews: Iterable[Crew]) -> Crew | None:
    return next((crew for crew in crews if cell.id in crew.grid_ids), None)


def _middle(cell: GridCell) -> tuple[float, float]:
    west, south, east, north = cell.bounds
    return (west + east) / 2, (south + north) / 2

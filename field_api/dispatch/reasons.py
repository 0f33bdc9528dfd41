"""Why the plan gives a job to a crew at that time, and why somebody is left, in both languages.

Each reason is a code with the figures that its words are filled with, so that a screen can show either.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from field_api.calendars import clock_face
from field_api.dispatch.kernels import CLOSES, DUE_FINISH, DUE_START, Lists, feasible_crews
from field_api.dispatch.problem import Job, Problem, Running
from field_api.instants import MINUTE_MS
from geo.network import Float64

AT_RISK_MINUTES: Final = 15
"""What begins or ends so shortly before it is due is at risk."""

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "on_site": ("已在现场，不变动", "on site already, stays"),
    "under_way": ("已在途中，不变动", "on its way already, stays"),
    "taken": ("该班组已接单", "the crew has accepted it"),
    "key": ("重要客户优先", "a key customer goes first"),
    "vulnerable": ("弱势群体优先", "vulnerable people go first"),
    "customers": ("{customers}户停电", "{customers} customers without supply"),
    "appointment": ("已预约{begins}至{ends}", "an appointment from {begins} to {ends}"),
    "clock_late": ("预计超时限{minutes}分钟", "will be {minutes} min beyond its due time"),
    "clock_at_risk": ("时限临近：余{minutes}分钟", "its clock is at risk: {minutes} min to spare"),
    "only_crew": ("唯一具备条件的班组", "the only crew that may and can"),
    "nearest": ("具备技能的最近班组：{minutes}分钟", "the nearest crew with the skill: {minutes} min"),
    "after": ("由上一处顺路前往：{minutes}分钟", "follows from its last stop: {minutes} min"),
    "sooner": ("更近的班组更晚才有空", "nearer crews are free later"),
    "in_turn": ("须待{orders}完成后进行", "only after {orders}"),
    "other_cell": ("跨网格支援", "helps out in another grid cell"),
    "later": ("晚{minutes}分钟到场", "there {minutes} min later"),
    "earlier": ("早{minutes}分钟到场", "there {minutes} min sooner"),
    "others_wait": ("其余任务顺延", "its other jobs wait longer"),
    "handed_over": ("由{crew}改派", "taken over from {crew}"),
    "no_skill": ("没有具备技能的班组：{skills}", "no crew has the skill: {skills}"),
    "no_crew": ("没有可接单的班组", "no crew may have it"),
    "no_shift": ("班次内无法安排", "does not fit into anybody's shift"),
    "no_turn": ("须待{orders}完成，完成时间未知", "only after {orders}, whose end is not known"),
    "no_room": ("班组均已排满", "every crew is taken"),
    "appointment_missed": ("预约时段无法满足", "the appointment cannot be kept"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    figures: Mapping[str, str | int] = field(default_factory=dict)

    def words(self, language: str) -> str:
        """In that language, ``zh`` or ``en``."""
        zh, en = WORDS[self.code]
        return (en if language == "en" else zh).format(**self.figures)


@dataclass(frozen=True)
class Explained:
    """Gives reasons for one plan."""

    problem: Problem
    lists: Lists
    times: Float64
    """As of ``dispatch_kernels.times_of``."""

    def of(self, row: int) -> tuple[Reason, ...]:
        """Why this job is where it is; the weightiest first."""
        job = self.problem.jobs[row]
        if self.lists.owner[row] < 0:
            return tuple(self._left(row, job))
        if job.running in {Running.ON_SITE, Running.UNDER_WAY}:
            return (Reason(job.running.value),)
        return (*_urgency(job), *self._clock(row), *_turn("in_turn", job.after), *self._choice(row, job))

    def _clock(self, row: int) -> Iterator[Reason]:
        numbers = self.problem.table.numbers
        spare = min(
            numbers[row, DUE_START] - self.times[row, 0], numbers[row, DUE_FINISH] - self.times[row, 1]
        )
        if spare < 0:
            yield Reason("clock_late", {"minutes": round(-spare)})
        elif spare < AT_RISK_MINUTES:
            yield Reason("clock_at_risk", {"minutes": round(spare)})

    def _choice(self, row: int, job: Job) -> Iterator[Reason]:
        crew = int(self.lists.owner[row])
        if job.running is Running.TAKEN:
            yield Reason("taken")
            return
        able = np.flatnonzero(self.problem.table.extra[row] < np.inf)
        if len(able) == 1:
            yield Reason("only_crew")
        else:
            yield self._among(row, crew, able.tolist())
        hand = self.problem.hands[crew]
        if job.cell not in hand.cells:
            yield Reason("other_cell")
        if job.crew not in {"", hand.id}:
            yield Reason("handed_over", {"crew": job.crew})

    def _among(self, row: int, crew: int, able: list[int]) -> Reason:
        """Nearest of all as they stand now, else nearest from its last stop, else first to be free."""
        travel, way = self.problem.table.travel, float(self.times[row, 2])
        nearest = float(travel[able, row].min()) + 1e-9
        comes_first = self.lists.routes[crew, 0] == row
        if not comes_first and way <= nearest:
            return Reason("after", {"minutes": round(way)})
        if travel[crew, row] <= nearest:
            return Reason("nearest", {"minutes": round(float(travel[crew, row]))})
        return Reason("sooner")

    def _left(self, row: int, job: Job) -> Iterator[Reason]:
        yield from _urgency(job)
        extra = self.problem.table.extra[row]
        if not any(hand.can(job.skills) for hand in self.problem.hands):
            yield Reason("no_skill", {"skills": ", ".join(sorted(job.skills))})
        elif not (extra < np.inf).any():
            yield Reason("no_crew")
        elif self.lists.release[row] == np.inf:
            yield from _turn("no_turn", job.after)
        elif feasible_crews(self.problem.table, row).any():
            yield Reason("no_room")
        else:
            bound = self.problem.table.numbers[row, CLOSES] < np.inf
            yield Reason("appointment_missed" if bound else "no_shift")


def _urgency(job: Job) -> Iterator[Reason]:
    if job.priority in {"key", "vulnerable"}:
        yield Reason(job.priority)
    if job.customers_out:
        yield Reason("customers", {"customers": job.customers_out})
    if job.window_ms is not None:
        begins, ends = job.window_ms
        yield Reason("appointment", {"begins": clock_face(begins), "ends": clock_face(ends)})


def _turn(code: str, orders: Sequence[str]) -> Iterator[Reason]:
    if orders:
        yield Reason(code, {"orders": ", ".join(orders)})


def minutes_ms(problem: Problem, minutes: float) -> int:
    """An instant of the plan in epoch milliseconds."""
    return problem.now_ms + round(minutes * MINUTE_MS)

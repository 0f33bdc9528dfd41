"""A plan as it is kept and shown: who goes where in which turn, why, and when supply should be back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from field_api.dispatch.kernels import DUE_FINISH, DUE_START, times_of
from field_api.dispatch.problem import Job, Problem
from field_api.dispatch.reasons import Explained, Reason, minutes_ms
from field_api.dispatch.restoration_times import Expected, is_storm, rounded_up_ms, simulate
from field_api.dispatch.runners_up import runners_up
from field_api.dispatch.search import Found
from field_api.instants import iso
from field_api.people.users import Scope
from field_api.ports import StoredOrder
from field_api.resources import Instant, Resource
from geo.network import Float64


class ReasonResource(Resource):
    code: str
    zh: str
    en: str


class EstimateResource(Resource):
    at: Instant
    by: Literal["crew", "computed"] = Field(description="A crew's own estimate is never replaced.")


class _OfOrder(Resource):
    order_id: str
    order_number: str
    order_type: str
    revision: int = Field(description="The order's revision that the plan saw.")
    grid_id: str
    outage_id: str
    crew_id: str = Field(description="Who has the order now.")
    reasons: tuple[ReasonResource, ...]


class RunnerUpResource(Resource):
    crew_id: str
    crew_name: str
    begins_at: Instant = Field(description="When it could be there, all else as planned.")
    own_cell: bool = Field(description="It is a crew of the order's grid cell.")
    reasons: tuple[ReasonResource, ...] = Field(description="How that differs from the proposal.")


class VisitResource(_OfOrder):
    running: Literal["", "taken", "under_way", "on_site"]
    begins_at: Instant = Field(description="When the crew should be there.")
    finishes_at: Instant
    drive_minutes: float
    proposed: bool = Field(description="The crew of this list is another than has the order now.")
    proposed_since: Instant | None
    runners_up: tuple[RunnerUpResource, ...] = Field(
        (), description="Of a proposal: who else could have it, best first."
    )
    restored: EstimateResource | None = Field(description="Null where nobody is without supply.")


class LeftResource(_OfOrder):
    """Nobody can do it as things stand."""


class CrewListResource(Resource):
    crew_id: str
    crew_name: str
    visits: tuple[VisitResource, ...]


class OutageTimeResource(Resource):
    outage_id: str
    grid_id: str
    restored: EstimateResource


class DispatchPlanResource(Resource):
    number: int
    at: Instant
    storm: bool
    kept: bool = Field(description="The plan before stayed; only what is new was put into it.")
    customer_minutes: float = Field(description="Without supply from now on, if all goes as planned.")
    late_minutes: float = Field(description="Sum of the minutes beyond due times.")
    crews: tuple[CrewListResource, ...]
    left: tuple[LeftResource, ...]
    outages: tuple[OutageTimeResource, ...]

    def seen_by(self, scope: Scope) -> "DispatchPlanResource":
        """What a person of these grid cells may see of it; the sums are the whole company's."""
        crews = [
            one.model_copy(
                update={"visits": tuple(_seen(v, scope) for v in one.visits if scope.sees(v.grid_id))}
            )
            for one in self.crews
        ]
        return self.model_copy(update={
            "crews": tuple(one for one in crews if one.visits),
            "left": tuple(one for one in self.left if scope.sees(one.grid_id)),
            "outages": tuple(one for one in self.outages if scope.sees(one.grid_id)),
        })  # fmt: skip

    def proposals(self) -> tuple[tuple[str, VisitResource], ...]:
        """(crew, visit) of every order that should change hands."""
        return tuple((one.crew_id, visit) for one in self.crews for visit in one.visits if visit.proposed)


@dataclass(frozen=True)
class Written:
    """Writes a found plan down."""

    problem: Problem
    found: Found
    orders: Mapping[str, StoredOrder]
    names: Mapping[str, str]
    """Of crews."""
    before: DispatchPlanResource | None

    def document(self) -> DispatchPlanResource:
        """Numbered after the plan before."""
        problem, lists = self.problem, self.found.lists
        times = times_of(problem.table, lists)
        explained, expected = Explained(problem, lists, times), simulate(problem, lists)
        visits = {
            row: self._visit(row, times, expected, explained)
            for row in np.flatnonzero(lists.owner >= 0).tolist()
        }
        left = [self._left(row, explained.of(row)) for row in np.flatnonzero(lists.owner < 0).tolist()]
        return DispatchPlanResource(
            number=1 if self.before is None else self.before.number + 1, at=iso(problem.now_ms),
            storm=is_storm(problem), kept=self.found.kept, customer_minutes=_customer_minutes(problem, times),
            late_minutes=_late_minutes(problem, times), left=tuple(left), crews=tuple(
                CrewListResource(
                    crew_id=hand.id, crew_name=self.names.get(hand.id, hand.id),
                    visits=tuple(visits[row] for row in lists.routes[crew, : lists.length[crew]].tolist()),
                )
                for crew, hand in enumerate(problem.hands)
            ),
            outages=self._outages(visits),
        )  # fmt: skip

    def _visit(self, row: int, times: Float64, expected: Expected, explained: Explained) -> VisitResource:
        problem, job = self.problem, self.problem.jobs[row]
        crew = problem.hands[int(self.found.lists.owner[row])].id
        proposed = crew != job.crew
        return VisitResource(
            **self._of(job, explained.of(row)), running=job.running.value, proposed=proposed,
            begins_at=iso(minutes_ms(problem, times[row, 0])), drive_minutes=round(float(times[row, 2]), 1),
            finishes_at=iso(minutes_ms(problem, times[row, 1])),
            proposed_since=self._since(job.id, crew) if proposed else None,
            runners_up=self._runners_up(row, times) if proposed else (),
            restored=self._restored(job, float(expected.safe[row])),
        )  # fmt: skip

    def _runners_up(self, row: int, times: Float64) -> tuple[RunnerUpResource, ...]:
        problem, cell = self.problem, self.problem.jobs[row].cell
        return tuple(
            RunnerUpResource(
                crew_id=hand.id, crew_name=self.names.get(hand.id, hand.id), own_cell=cell in hand.cells,
                begins_at=iso(minutes_ms(problem, one.begins)), reasons=tuple(map(_told, one.reasons)),
            )
            for one in runners_up(problem, self.found.lists, times, row)
            for hand in (problem.hands[one.crew],)
        )  # fmt: skip

    def _left(self, row: int, reasons: tuple[Reason, ...]) -> LeftResource:
        return LeftResource(**self._of(self.problem.jobs[row], reasons))

    def _of(self, job: Job, reasons: tuple[Reason, ...]) -> dict[str, object]:
        stored = self.orders[job.id]
        order = stored.order
        told = map(self._named, reasons)
        return {
            "order_id": order.id, "order_number": order.number, "order_type": order.type,
            "revision": stored.revision, "grid_id": order.grid_id, "outage_id": order.outage_id,
            "crew_id": order.crew_id, "reasons": tuple(map(_told, told)),
        }  # fmt: skip

    def _named(self, reason: Reason) -> Reason:
        """With names of crews and numbers of orders, as people call them, for their ids."""
        figures = dict(reason.figures)
        if "crew" in figures:
            figures["crew"] = self.names.get(str(figures["crew"]), figures["crew"])
        if "orders" in figures:
            known = str(figures["orders"]).split(", ")
            figures["orders"] = ", ".join(self.orders[one].order.number for one in known)
        return Reason(reason.code, figures)

    def _since(self, order_id: str, crew: str) -> str:
        """A proposal that stands from plan to plan keeps its beginning."""
        for known, visit in self.before.proposals() if self.before else ():
            if (known, visit.order_id) == (crew, order_id) and visit.proposed_since is not None:
                return visit.proposed_since
        return iso(self.problem.now_ms)

    def _restored(self, job: Job, safe_minutes: float) -> EstimateResource | None:
        if not job.customers_out:
            return None
        if job.estimate_ms is not None:
            return EstimateResource(at=iso(job.estimate_ms), by="crew")
        policy = self.problem.policy
        step = policy.storm_step_minutes if is_storm(self.problem) else policy.step_minutes
        at_ms = rounded_up_ms(minutes_ms(self.problem, safe_minutes), step)
        return EstimateResource(at=iso(at_ms), by="computed")

    def _outages(self, visits: Mapping[int, VisitResource]) -> tuple[OutageTimeResource, ...]:
        """What a crew says of an outage, else when the last of its jobs is done; none while one is left."""
        known: dict[str, list[VisitResource | None]] = {}
        for row, job in enumerate(self.problem.jobs):
            if job.customers_out:
                known.setdefault(self.orders[job.id].order.outage_id, []).append(visits.get(row))
        told = ((outage, _latest(jobs)) for outage, jobs in known.items())
        return tuple(
            OutageTimeResource(outage_id=outage, grid_id=last.grid_id, restored=last.restored)
            for outage, last in told
            if last is not None and last.restored is not None
        )


def _told(reason: Reason) -> ReasonResource:
    return ReasonResource(code=reason.code, zh=reason.words("zh"), en=reason.words("en"))


def _seen(visit: VisitResource, scope: Scope) -> VisitResource:
    """Crews of other cells are named to the whole company's people only."""
    if scope.whole_company:
        return visit
    return visit.model_copy(update={"runners_up": tuple(one for one in visit.runners_up if one.own_cell)})


def _latest(jobs: list[VisitResource | None]) -> VisitResource | None:
    planned = [job for job in jobs if job is not None and job.restored is not None]
    said = [job for job in planned if job.restored is not None and job.restored.by == "crew"]
    if not said and len(planned) < len(jobs):
        return None
    return max(said or planned, key=lambda job: job.restored.at if job.restored else "", default=None)


def _customer_minutes(problem: Problem, times: Float64) -> float:
    out = np.array([job.customers_out for job in problem.jobs], np.float64)
    return round(float(np.nansum(out * times[:, 1])), 1)


def _late_minutes(problem: Problem, times: Float64) -> float:
    numbers = problem.table.numbers
    late = np.maximum(0, times[:, 0] - numbers[:, DUE_START]) + np.maximum(
        0, times[:, 1] - numbers[:, DUE_FINISH]
    )
    return round(float(np.nansum(late)), 1)

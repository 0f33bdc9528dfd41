"""A person plans work on an element, or cancels it: kept with name and reason, evidence to the detector."""

from dataclasses import dataclass, replace
from typing import Final

from field_api.orders.corrections import Correction
from field_api.people.users import Role, User
from field_api.ports import Desk, DeskSession, Sites
from field_api.projection import Site
from field_api.saying import Term
from field_api.usecases.errors import Forbidden, NotFound, NotPossible
from field_api.usecases.kept_once import Operation, keep_once
from telemetry.evidence import PLANNING, EvidenceKind
from telemetry.planned_work import PlannedWork, work_named

MAY_PLAN: Final = frozenset({Role.ADMIN, Role.DISPATCHER})
MAX_WINDOW_MS: Final = 31 * 86_400_000
MAX_AHEAD_MS: Final = 400 * 86_400_000
MAX_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class PlanRequest:
    operation_id: str
    work: PlannedWork
    note: str
    cancel: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned work with who planned it last, and who cancelled it."""

    work: PlannedWork
    planned: Correction
    cancelled: Correction | None


@dataclass(frozen=True, slots=True)
class PlanWork:
    desk: Desk
    sites: Sites

    def __call__(self, user: User, request: PlanRequest, now_ms: int) -> Correction:
        """The word as it was kept; raises a kind of ``Refused``. The same operation again changes nothing."""
        if user.role not in MAY_PLAN:
            raise Forbidden("planned.role_cannot_plan", role=Term("role", user.role.value))
        operation = Operation("plan", user, request.operation_id)
        kind = EvidenceKind.PLAN_CANCELLED if request.cancel else EvidenceKind.PLANNED_WORK
        word = Correction(
            key=operation.key, outage_id="", kind=kind,
            things=(request.work.name,), note=request.note, at_ms=now_ms, said_ms=now_ms,
            user_id=user.id, user_name=user.name,
        )  # fmt: skip

        def checked() -> Correction:
            self._check(user, request, now_ms)
            return word

        return keep_once(
            self.desk, operation, checked,
            lambda before: replace(word, at_ms=before.at_ms, said_ms=before.said_ms) == before,
        )  # fmt: skip

    def plans(self, user: User) -> tuple[Plan, ...]:
        """Works on elements of the person's grid cells, latest window first; cancelled ones with them."""
        site = self.sites.current()
        if site is None:
            return ()
        with self.desk.reading() as session:
            found = standing_plans(session)
        seen = [plan for plan in found if _sees(site, user, plan.work.element)]
        return tuple(sorted(seen, key=lambda plan: (-plan.work.starts_ms, plan.work.element)))

    def _check(self, user: User, request: PlanRequest, now_ms: int) -> None:
        work, site = request.work, self.sites.current()
        if site is None:
            raise NotPossible("network.none_yet")
        if not _sees(site, user, work.element):
            raise NotFound("network.no_element", element=work.element)
        if request.cancel:
            if not any(plan.work == work and plan.cancelled is None for plan in self.plans(user)):
                raise NotFound("planned.unknown", element=work.element)
            return
        if not 0 < work.ends_ms - work.starts_ms <= MAX_WINDOW_MS:
            raise NotPossible("planned.window_length", most_days=31)
        if not now_ms < work.ends_ms <= now_ms + MAX_AHEAD_MS:
            raise NotPossible("planned.window_place", most_days=400)


def standing_plans(session: DeskSession) -> tuple[Plan, ...]:
    """Every work of which something was told lately, with what was said of it last."""
    newest: dict[tuple[str, EvidenceKind], Correction] = {}
    for word in session.corrections.of_kinds(PLANNING, MAX_LISTED):  # newest first
        newest.setdefault((word.things[0], word.kind), word)
    return tuple(
        Plan(work_named(name), word, _after(word, newest.get((name, EvidenceKind.PLAN_CANCELLED))))
        for (name, kind), word in newest.items()
        if kind is EvidenceKind.PLANNED_WORK
    )


def _after(planned: Correction, cancelled: Correction | None) -> Correction | None:
    """The cancellation where it is the newer word (it wins a tie)."""
    return cancelled if cancelled is not None and cancelled.said_ms >= planned.said_ms else None


def _sees(site: Site, user: User, element: str) -> bool:
    return element in site.network.edge_row and user.scope.sees(site.cell_of_element(site.find(element)))

"""The dispatcher's loop: plans anew when something changed, at most once a second, and each minute anyway.

It runs beside the worker, which must not wait for it. Whether its proposals are carried out without anybody's
word is the company's choice.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from field_api.dispatch.document import DispatchPlanResource
from field_api.dispatch.search import warm_up
from field_api.ports import Clock, Desk
from field_api.usecases.assign_proposals import AssignProposals
from field_api.usecases.plan_dispatch import PlanDispatch, Situation

LOOK_S: Final = 0.25
AT_MOST_EVERY_MS: Final = 1_000
AT_LEAST_EVERY_MS: Final = 60_000
SEARCH_S: Final = 0.6
"""A search that takes longer ends with what it has: soon is worth more than a little better."""
_AWAY_S: Final = 5.0

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Dispatcher:
    """Runs until told to stop; killed at any point, the next one plans from what is kept."""

    desk: Desk
    plan: PlanDispatch
    assign: AssignProposals
    clock: Clock
    automatic: bool = False
    planned_ms: int = 0
    seen: int = -1
    """The feed's newest event at the last look."""
    digest: str = field(default="", repr=False)

    def run(self, stop: threading.Event) -> None:
        """Look four times a second; a database that is away is tried again."""
        warm_up(self.plan.policy, self.plan.travel)
        while not stop.is_set():
            try:
                self.turn()
            except (LookupError, ValueError, OSError, RuntimeError) as problem:
                _LOG.warning("dispatch: %s: %s", type(problem).__name__, problem)
                stop.wait(_AWAY_S)
            stop.wait(LOOK_S)

    def turn(self) -> DispatchPlanResource | None:
        """One look; the new plan where one was made."""
        now_ms = self.clock()
        if now_ms - self.planned_ms < AT_MOST_EVERY_MS:
            return None
        plan = self._planned(now_ms)
        if self.automatic:
            self._carry_out(plan, now_ms)
        return plan

    def _planned(self, now_ms: int) -> DispatchPlanResource | None:
        overdue = now_ms - self.planned_ms >= AT_LEAST_EVERY_MS
        newest = self._newest_event()
        if newest == self.seen and not overdue:
            return None
        self.seen = newest
        situation = self.plan.situation(now_ms)
        digest = situation.digest
        if digest == self.digest and not (overdue and situation.jobs):
            return None
        if not situation.jobs and situation.before is None:
            return None  # nothing to do, and nothing to take back
        plan = self._search(situation, now_ms)
        self.planned_ms, self.digest = now_ms, digest
        return plan

    def _search(self, situation: Situation, now_ms: int) -> DispatchPlanResource:
        ends = time.monotonic() + SEARCH_S
        return self.plan.planned(situation, now_ms, lambda: time.monotonic() > ends)

    def _newest_event(self) -> int:
        with self.desk.reading() as session:
            return session.feed.newest_id()

    def _carry_out(self, plan: DispatchPlanResource | None, now_ms: int) -> None:
        current = plan or self.plan.newest()
        for one in self.assign.automatically(current, now_ms) if current else ():
            if one.problem:
                _LOG.info("dispatch: order %s stays: %s", one.order_id, one.problem)

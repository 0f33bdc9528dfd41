"""When planned work is told: seven days ahead; what comes later is temporary and told at once, 24 h ahead.

Sources: the company's service promise (计划检修停电提前7天公告) and the regulator's rule for temporary
outages (提前24小时), both as limits in the site's rules.
"""

from dataclasses import dataclass

from field_api.notices.alerts import NoticeKind
from field_api.notices.rules import NoticeRules
from telemetry.planned_work import PlannedWork


@dataclass(frozen=True, slots=True)
class PlanNotice:
    kind: NoticeKind
    from_ms: int
    """Not before this instant."""
    late: bool
    """Announced later than the rule allows: it is told all the same, and the breach is on record."""


def plan_notice(rules: NoticeRules, work: PlannedWork, said_ms: int) -> PlanNotice:
    """How work that somebody planned at ``said_ms`` is told."""
    ahead_ms = work.starts_ms - said_ms
    if ahead_ms >= rules.planned_ahead_ms:
        from_ms = max(said_ms, work.starts_ms - rules.planned_ahead_ms - rules.lead_ms)
        return PlanNotice(NoticeKind.PLANNED, from_ms, late=False)
    return PlanNotice(NoticeKind.TEMPORARY, said_ms, late=ahead_ms < rules.temporary_ahead_ms)


def plan_incident(work: PlannedWork) -> str:
    """Under which name the outbox remembers who was told of a plan."""
    return f"plan/{work.name}"

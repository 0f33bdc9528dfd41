"""Who else could have a job, and what would be worse: the crews that come next after the one proposed."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.dispatch.kernels import Lists, tried_elsewhere
from field_api.dispatch.problem import Problem
from field_api.dispatch.reasons import Reason
from geo.network import Float64

RUNNERS_UP: Final = 2
ALIKE_MINUTES: Final = 1.0
"""Nobody is sooner or later by less."""


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """A crew with the job at the best place of its list, all else as planned."""

    crew: int
    begins: float
    """Minutes from the plan's instant."""
    reasons: tuple[Reason, ...]
    """How that differs from what is proposed; empty: hardly."""


def runners_up(problem: Problem, lists: Lists, times: Float64, row: int) -> tuple[RunnerUp, ...]:
    """The crews to which giving this job would cost least, best first; ``times`` as of ``times_of``."""
    tried = tried_elsewhere(problem.table, lists, row)
    able = np.flatnonzero(tried[:, 0] < np.inf)
    best = able[np.argsort(tried[able, 0], kind="stable")][:RUNNERS_UP]
    return tuple(
        RunnerUp(crew, float(tried[crew, 1]), _differs(problem, row, crew, tried[crew], float(times[row, 0])))
        for crew in best.tolist()
    )


def _differs(problem: Problem, row: int, crew: int, tried: Float64, proposed: float) -> tuple[Reason, ...]:
    later = float(tried[1]) - proposed
    told = []
    if abs(later) >= ALIKE_MINUTES:
        told.append(Reason("later" if later > 0 else "earlier", {"minutes": round(abs(later))}))
    if tried[2]:
        told.append(Reason("others_wait"))
    if problem.jobs[row].cell not in problem.hands[crew].cells:
        told.append(Reason("other_cell"))
    return tuple(told)

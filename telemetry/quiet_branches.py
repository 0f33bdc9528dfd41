"""Branches of a fresh outage that say nothing: asked before anybody in them is told that they are out.

A street recorded below the wrong transformer makes a transformer's failure look like one of the line above:
its last gasps seem to come from the neighbour's area, whose other streets live and say nothing. Until the
others' last gasps had the time to arrive that silence means little, and a line that fails is so much more
usual than such a record that the posterior is soon certain. A question costs two seconds: so what is quiet
is asked (``telemetry.verification``), and the outage waits a moment for the word (``telemetry.tracking``).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import Bool
from geo.tree import EnergisedTree
from telemetry.inference import Posterior
from telemetry.signs import EARLY_MS, Scene

SURPRISING: Final = 0.05
"""Silence that is less likely than this, by how the other branches spoke and all branches considered."""
LARGE_SHARE: Final = 0.2
"""Of the meters of an outage: where more are in quiet branches, its extent is not known yet."""
LEAST_METERS: Final = 2
BLOCKED: Final = 0.5
"""Behind a terminal that is blocked with more than this probability nobody can be heard or asked."""


def quiet_branches(scene: Scene, posterior: Posterior, part: slice, onset_ms: int) -> tuple[slice, ...]:
    """The largest branches that say nothing, in tree order: where they are many meters, or it is surprising.

    Only meters that can send a last gasp and can be heard count. A branch of which anything is known since
    the onset (an answer, a poll unanswered, a call) is not quiet.
    """
    rows = scene.devices.meters(part)
    rows = rows[_audible(scene, posterior, rows)]
    seen, position = scene.seen, scene.tree.position[scene.network.meters.node[rows]] - part.start
    gasped = seen.meter_off_ms[rows] >= onset_ms - EARLY_MS
    newest_ms = np.maximum(
        np.maximum(seen.meter_alive_ms[rows], seen.meter_silent_ms[rows]), seen.meter_call_ms[rows]
    )
    able = _below(scene.tree, part, position, np.ones(len(rows), np.bool_))
    spoken = _below(scene.tree, part, position, gasped | (newest_ms > onset_ms))
    tops = _tops(scene.tree, part, (spoken == 0) & (able >= LEAST_METERS))
    if able[tops - part.start].sum() > LARGE_SHARE * len(rows):
        return _slices(scene.tree, tops)
    share = np.count_nonzero(gasped) / np.maximum(len(rows) - able[tops - part.start], 1)
    silence = (1.0 - np.minimum(share, 1.0)) ** able[tops - part.start]
    return _slices(scene.tree, tops[silence * len(tops) < SURPRISING])


def _slices(tree: EnergisedTree, tops: NDArray[np.int64]) -> tuple[slice, ...]:
    return tuple(slice(int(top), int(tree.end[top])) for top in tops)


def _audible(scene: Scene, posterior: Posterior, rows: NDArray[np.int32]) -> Bool:
    terminal = scene.network.meters.terminal[rows]
    heard = np.ones(len(rows), np.bool_)
    spoken_for = terminal >= 0
    heard[spoken_for] = posterior.blocked_probability[terminal[spoken_for]] < BLOCKED
    return heard & scene.seen.meter_can_gasp[rows]


def _below(tree: EnergisedTree, part: slice, position: NDArray[np.int32], counted: Bool) -> NDArray[np.int64]:
    """[positions of the part] how many of the counted are below."""
    at = np.bincount(position[counted], minlength=part.stop - part.start)
    total = np.concatenate(([0], np.cumsum(at)))
    below: NDArray[np.int64] = total[np.minimum(tree.end[part], part.stop) - part.start] - total[:-1]
    return below


def _tops(tree: EnergisedTree, part: slice, marked: Bool) -> NDArray[np.int64]:
    """Positions where a largest marked branch begins."""
    parent = tree.parent[part] - part.start
    under = np.where(parent >= 0, marked[np.maximum(parent, 0)], False)
    tops: NDArray[np.int64] = part.start + np.flatnonzero(marked & ~under)
    return tops

"""Restoration, on positive evidence only: which parts of an outage live again, and what is still dead.

Power-ups arrive one by one, some never. So a part counts as living as soon as any device in it gave a sign
after the outage began, an outage is over when each of its strata did (transformer areas, or the branches
inside one), and what gave no sign is either *still dead* (a second sign says so) or *unheard* (it asks for a
ping; it is neither on nor off).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import ABSENT, EdgeKind, Float64, Int32
from geo.tree import EnergisedTree
from telemetry.observations import NEVER
from telemetry.signs import EARLY_MS, Scene, living, living_terminals

SETTLED_MS: Final = 20_000
"""No new sign of life for this long: what has not spoken yet is looked at by itself."""
TERMINAL_BACK_MS: Final = 120_000
"""A fed terminal is back within two minutes."""
UNLIKELY_SILENCE: Final = 1e-3
"""That all power-ups of a part were lost is not believed below this probability."""
ENOUGH: Final = 0.5
"""Least share of the devices that had spoken of the outage which must live before it is over."""

UNHEARD_BELOW: Final = 0.3
EARLY_SHARE: Final = 0.2
"""A step of restoration is dated by this quantile of its devices' instants, so that no stray one sets it."""
NEW_STEP_MS: Final = 60_000
NEW_STEP_SHARE: Final = 0.1
NESTED_SHARE: Final = 0.25
"""What is still dead becomes an outage of its own where it is at most this share; more is the same outage,
restored in steps."""

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Returning:
    """The state of one outage's part of the tree."""

    living: int
    """Devices with a sign of life since."""
    observable: int
    """Devices that were ever heard of."""
    dead: Int32
    """Tops of the largest parts without a sign of life, as positions."""
    still: Bool
    """[dead] whether a second sign says that it is still dead."""

    @property
    def begun(self) -> bool:
        return self.living > 0

    @property
    def complete(self) -> bool:
        """Everything that was ever heard of lives."""
        return self.begun and not self.dead.size


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What the posterior adds."""

    dead: Float64
    """[positions] P(no supply)."""
    miss: float
    """Share of power-ups that are lost."""


def returning(scene: Scene, part: slice, onset_ms: int, since_ms: int, belief: Belief) -> Returning:
    """Look at a part; ``since_ms`` is when its first device returned.

    What never spoke of the outage and is believed to have supply was not to be heard (a blocked terminal): it
    is not counted among the dead.
    """
    seen, tree = scene.seen, scene.tree
    meters, terminals = scene.devices.meters(part), scene.devices.terminals(part)
    lives = living(seen, meters, onset_ms)
    terminal_lives = living_terminals(seen, terminals, onset_ms)
    heard = (seen.meter_alive_ms[meters] != NEVER) | (seen.meter_off_ms[meters] != NEVER)
    positions = tree.position[scene.network.meters.node[meters]] - part.start
    width = part.stop - part.start
    alive_at = _count(positions, lives, width) + _count(_watched(scene, part), terminal_lives, width)
    heard_at = _count(positions, heard, width)
    tops = _tops(tree, part, _below(tree, part, alive_at) == 0, _below(tree, part, heard_at) > 0)
    doubted = [belief.dead[top] >= UNHEARD_BELOW or _spoke(scene, int(top), onset_ms) for top in tops]
    dead = tops[np.array(doubted, np.bool_)]
    return Returning(
        living=int(np.count_nonzero(lives)) + int(np.count_nonzero(terminal_lives)),
        observable=int(np.count_nonzero(heard)),
        dead=dead,
        still=np.array(
            [_still_dead(scene, int(top), onset_ms, since_ms, belief.miss) for top in dead], np.bool_
        ),
    )


def over(scene: Scene, part: slice, state: Returning) -> bool:
    """Whether the outage of this part has ended: every stratum gave a sign, or is known to be still dead.

    A stratum that says nothing at all keeps the outage open: silence is unknown, never "on".
    """
    if not state.begun:
        return False
    if state.complete:
        return True
    unheard = state.dead[~state.still]
    tree, devices = scene.tree, scene.devices
    strata = _strata(scene, part)
    silent_stratum = any(
        top <= stratum and tree.end[stratum] <= tree.end[top] for top in unheard for stratum in strata
    )
    if silent_stratum:
        return False
    left = sum(len(devices.meters(slice(int(top), int(tree.end[top])))) for top in state.dead[state.still])
    nested = left <= NESTED_SHARE * len(devices.meters(part))
    return nested and state.living >= ENOUGH * (state.observable - left)


def _strata(scene: Scene, part: slice) -> Int32:
    """Positions of the transformers in the part."""
    edges = scene.tree.edge[part]
    fed_by_transformer = (edges != ABSENT) & (scene.network.edges.kind[edges] == EdgeKind.TRANSFORMER)
    strata: Int32 = (part.start + np.flatnonzero(fed_by_transformer)).astype(np.int32)
    return strata


def _watched(scene: Scene, part: slice) -> Int32:
    devices = scene.devices
    low, high = np.searchsorted(devices.terminal_position, (part.start, part.stop))
    watched: Int32 = devices.terminal_position[low:high] - part.start
    return watched


def _count(positions: Int32, counted: Bool, width: int) -> NDArray[np.int64]:
    return np.bincount(positions[counted], minlength=width)


def _below(tree: EnergisedTree, part: slice, local: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.concatenate(([0], np.cumsum(local)))
    below: NDArray[np.int64] = total[np.minimum(tree.end[part], part.stop) - part.start] - total[:-1]
    return below


def _tops(tree: EnergisedTree, part: slice, lifeless: Bool, heard: Bool) -> Int32:
    """Positions where a largest part without life begins that would have been heard."""
    marked = lifeless & heard
    parent = tree.parent[part] - part.start
    under = np.where(parent >= 0, marked[np.maximum(parent, 0)], False)
    tops: Int32 = (part.start + np.flatnonzero(marked & ~under)).astype(np.int32)
    return tops


def _spoke(scene: Scene, top: int, onset_ms: int) -> bool:
    """Whether anything in this part said that it lost supply."""
    seen, part = scene.seen, slice(top, int(scene.tree.end[top]))
    said = (
        seen.meter_off_ms[scene.devices.meters(part)],
        seen.terminal_off_ms[scene.devices.terminals(part)],
    )
    return any(bool((instants >= onset_ms - EARLY_MS).any()) for instants in said)


def _still_dead(scene: Scene, top: int, onset_ms: int, since_ms: int, miss: float) -> bool:
    """A poll unanswered or a call since the return began, or too many last gasps without one power-up."""
    seen, part = scene.seen, slice(top, int(scene.tree.end[top]))
    meters, terminals = scene.devices.meters(part), scene.devices.terminals(part)
    said = np.maximum(seen.meter_silent_ms[meters], seen.meter_call_ms[meters])
    if (said > since_ms).any() or _terminal_stays_silent(scene, terminals, since_ms):
        return True
    gasped = np.count_nonzero(seen.meter_off_ms[meters] >= onset_ms - EARLY_MS)
    return bool(gasped) and miss ** int(gasped) < UNLIKELY_SILENCE


def _terminal_stays_silent(scene: Scene, terminals: Int32, since_ms: int) -> bool:
    """Overdue is noted once: an older note counts when the terminal had time to speak again and did not."""
    silent_ms = np.maximum(scene.seen.terminal_silent_ms[terminals], scene.seen.terminal_off_ms[terminals])
    silent = silent_ms > scene.seen.terminal_alive_ms[terminals]
    waited = scene.now_ms - since_ms > TERMINAL_BACK_MS
    return bool((silent & (waited | (silent_ms > since_ms))).any())


def step_ms(scene: Scene, part: slice, dead_before: Bool, onset_ms: int, before_ms: int | None) -> int | None:
    """When supply came back to what lives now and was dead before, by the devices' clocks.

    A power-up dates a step by itself. Where meters send none, signs of life do, and then stragglers (a later
    reading shows what had returned before) make no new step: that takes a tenth of the part.
    """
    meters = scene.devices.meters(part)
    at = scene.tree.position[scene.network.meters.node[meters]]
    back = meters[dead_before[at] & (scene.return_ms[meters] > onset_ms)]
    if not len(back):
        return before_ms
    if (scene.power_up_ms[meters] > onset_ms).any():
        instants = np.sort(scene.power_up_ms[back])
        instants = instants[instants > onset_ms]
        enough = len(instants) > 0
    else:
        instants = np.sort(scene.return_ms[back])
        enough = len(instants) >= NEW_STEP_SHARE * len(meters)
    if before_ms is not None and not enough:
        return before_ms
    first_ms = int(instants[int(EARLY_SHARE * len(instants))]) if len(instants) else scene.now_ms
    return first_ms if before_ms is None or first_ms - before_ms > NEW_STEP_MS else before_ms

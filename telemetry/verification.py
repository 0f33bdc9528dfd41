"""Which meters to ask whether they live, and when: the system verifies before it believes or sends anybody.

Four occasions, in this order: a single sign (a lone last gasp, a lone call) at once; before a crew leaves,
because somebody asked for it; a doubtful cut, by the meters whose answers tell its rivals apart; after a
return, one meter of every branch that has not spoken. Answers come back as evidence like any other, so
nothing here needs them: without pings the same questions are shown to people.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from geo.network import ABSENT, EdgeKind, Int32
from telemetry.inference import Posterior
from telemetry.observations import NEVER
from telemetry.outages import OPEN_STATES, Cause, OutageState
from telemetry.pings import PingWish
from telemetry.quiet_branches import quiet_branches
from telemetry.rivals import best_questions, doubt_bits, rivals_of
from telemetry.scope import slice_below
from telemetry.signs import Scene, living

DOUBT_BITS: Final = 0.3
"""A cut of which more is open than this is doubtful; one rival at P = .05 is .29 bits."""
LONE_WINDOW_MS: Final = 10 * 60_000
"""A single sign older than this asks for nothing any more."""
CHECKED: Final = 8
"""Meters asked before a crew leaves."""
MAX_BRANCHES: Final = 40
"""Branches asked at once after a return."""
FEW_BRANCHES: Final = 4
"""More quiet branches than this are not asked one by one: most will still speak."""
QUIET_SINCE_MS: Final = 1_500
ASKED_OF_BRANCH: Final = 3
"""One living meter may be wrongly recorded, three of one branch are not."""
MINUTE_MS: Final = 60_000
MAX_REMEMBERED: Final = 100_000
MAX_OUTAGES: Final = 10_000
"""Outages whose questions are remembered; the oldest go first."""


class Reason(StrEnum):
    LONE_SIGN = "lone_sign"
    BEFORE_CREW = "before_crew"
    DOUBTFUL_CUT = "doubtful_cut"
    AFTER_RETURN = "after_return"


@dataclass(frozen=True, slots=True)
class Question:
    """Does this meter live?"""

    meter: str
    terminal: str
    """Who speaks for it."""
    reason: Reason
    outage_id: str = ""
    bits: float = 0.0
    """What the answer is expected to settle of a doubtful cut."""


@dataclass(frozen=True, slots=True)
class Limits:
    """So that verification never floods a thin line."""

    per_terminal_minute: int = 6
    per_minute: int = 120
    timeout_ms: int = 45_000
    """After this long without an answer a meter may be asked again."""
    repeat_ms: int = 300_000
    """One that answered is not asked again for this long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that went out."""

    question: Question
    at_ms: int


@dataclass(slots=True)
class Verifier:
    """Remembers what was asked; ``choose`` answers what may be asked now. Not for several threads."""

    limits: Limits = field(default_factory=Limits)
    asked: dict[str, Asked] = field(default_factory=dict)
    """Newest question by meter."""
    _sent: deque[tuple[int, str]] = field(default_factory=deque)
    """(when, terminal) of the last minute."""
    _by_outage: dict[str, dict[str, Asked]] = field(default_factory=dict)

    def choose(
        self, wanted: Iterable[Question], heard_ms: Callable[[str], int], now_ms: int
    ) -> tuple[Question, ...]:
        """The first of these that the limits let through; they count as asked from now on.

        ``heard_ms`` tells when a meter last said or was noted anything, whatever it was.
        """
        chosen: list[Question] = []
        if self.full(now_ms):
            return ()
        for question in wanted:
            if self._may_ask(question, heard_ms, now_ms):
                self._note(Asked(question, now_ms))
                chosen.append(question)
            if len(self._sent) >= self.limits.per_minute:
                break
        self._forget(now_ms)
        return tuple(chosen)

    def _may_ask(self, question: Question, heard_ms: Callable[[str], int], now_ms: int) -> bool:
        before = self.asked.get(question.meter)
        if before is not None:
            answered = heard_ms(question.meter) >= before.at_ms
            wait_ms = self.limits.repeat_ms if answered else self.limits.timeout_ms
            if now_ms - before.at_ms < wait_ms:
                return False
        sent = sum(terminal == question.terminal for _, terminal in self._sent)
        return sent < self.limits.per_terminal_minute

    def full(self, now_ms: int) -> bool:
        """Whether no more may be asked in this minute."""
        while self._sent and now_ms - self._sent[0][0] >= MINUTE_MS:
            self._sent.popleft()
        return len(self._sent) >= self.limits.per_minute

    def of_outage(self, outage_id: str) -> tuple[Asked, ...]:
        """What was asked because of an outage, oldest first; each meter's newest question."""
        own = self._by_outage.get(outage_id, {}).values()
        return tuple(sorted(own, key=lambda asked: (asked.at_ms, asked.question.meter)))

    def _note(self, asked: Asked) -> None:
        question = asked.question
        self.asked[question.meter] = asked
        self._sent.append((asked.at_ms, question.terminal))
        if question.outage_id:
            self._by_outage.setdefault(question.outage_id, {})[question.meter] = asked

    def _forget(self, now_ms: int) -> None:
        if len(self.asked) > MAX_REMEMBERED:
            oldest = now_ms - self.limits.repeat_ms
            self.asked = {meter: one for meter, one in self.asked.items() if one.at_ms > oldest}
        while len(self._by_outage) > MAX_OUTAGES:
            del self._by_outage[next(iter(self._by_outage))]


def wish_of(question: Question, now_ms: int, limits: Limits) -> PingWish:
    """As the gateway reads it; the same question asked again soon after a restart is the same wish."""
    about = question.outage_id or question.meter
    return PingWish(
        key=f"verify-{question.reason}-{about}-{question.meter}-{now_ms // limits.timeout_ms}",
        terminal=question.terminal,
        devices=(question.meter,),
        asked_ms=now_ms,
        expires_ms=now_ms + limits.timeout_ms,
        asked_by=f"detector:{question.reason}:{question.outage_id}",
    )


def lone_signs(scene: Scene, explained: np.ndarray) -> Iterator[Question]:
    """Meters with a fresh last gasp or call that no outage explains and that nothing was noted of since.

    ``explained`` masks tree positions (and one entry more for no position).
    """
    seen, meters = scene.seen, scene.network.meters
    said_ms = np.maximum(seen.meter_off_ms, seen.meter_call_ms)
    since_ms = scene.now_ms - LONE_WINDOW_MS
    fresh = (said_ms > seen.meter_alive_ms) & (said_ms > seen.meter_silent_ms) & (said_ms >= since_ms)
    rows = np.flatnonzero(fresh & ~explained[scene.tree.position[meters.node]])
    for row in rows.tolist():
        if meters.terminal[row] != ABSENT:
            yield _question(scene, row, Reason.LONE_SIGN)


@dataclass(frozen=True, slots=True)
class Subject:
    """An outage as far as verification is concerned."""

    outage_id: str
    state: OutageState
    cause: Cause
    started_at_ms: int
    cut: tuple[str, ...]
    returning: bool
    part: slice
    phases: str = ""
    """The phases lost, where others live."""


def questions_of(
    scene: Scene, posterior: Posterior, subject: Subject, check: bool = False
) -> Iterator[Question]:
    """What to ask about one outage; ``check``: somebody is about to leave for it."""
    if subject.part.start >= subject.part.stop:
        return
    if check and subject.state in OPEN_STATES:
        yield from _before_crew(scene, subject)
    if subject.returning or subject.state is OutageState.RESTORED:
        yield from _after_return(scene, subject)
    elif subject.state in OPEN_STATES:
        yield from _doubtful(scene, posterior, subject)


def _doubtful(scene: Scene, posterior: Posterior, subject: Subject) -> Iterator[Question]:
    """The meters whose answers tell the rivals apart, and some of each branch that is left quiet."""
    yield from _of_quiet_branches(scene, posterior, subject)
    rivals = rivals_of(posterior, subject.part)
    if doubt_bits(rivals) < DOUBT_BITS:
        return
    for worth in best_questions(scene, posterior, rivals, subject.started_at_ms):
        yield _question(scene, worth.meter, Reason.DOUBTFUL_CUT, subject.outage_id, worth.bits)


def _of_quiet_branches(scene: Scene, posterior: Posterior, subject: Subject) -> Iterator[Question]:
    """Once most others have spoken: at first nearly everything is quiet."""
    if subject.phases or scene.now_ms - subject.started_at_ms < QUIET_SINCE_MS:
        return
    quiet = quiet_branches(scene, posterior, subject.part, subject.started_at_ms)
    for branch in quiet if len(quiet) <= FEW_BRANCHES else ():
        for row in _quiet(scene, branch, subject.started_at_ms)[:ASKED_OF_BRANCH].tolist():
            yield _question(scene, row, Reason.DOUBTFUL_CUT, subject.outage_id)


def _before_crew(scene: Scene, subject: Subject) -> Iterator[Question]:
    """A spread over the part: every so-manieth meter that says nothing of life, in the order of the tree."""
    rows = _quiet(scene, subject.part, subject.started_at_ms)
    step = max(1, len(rows) // CHECKED)
    for row in rows[::step][:CHECKED].tolist():
        yield _question(scene, row, Reason.BEFORE_CREW, subject.outage_id)


def _after_return(scene: Scene, subject: Subject) -> Iterator[Question]:
    """One meter of every branch without a sign of life since the outage began, and of each part left dead.

    A part inside a living transformer area is asked before the outage is closed: its customers must not be
    told that supply is back.
    """
    for branch in (*_left(scene, subject), *_branches(scene, subject.part))[:MAX_BRANCHES]:
        rows = scene.devices.meters(branch)
        if living(scene.seen, rows, subject.started_at_ms).any():
            continue
        quiet = _quiet(scene, branch, subject.started_at_ms)
        if len(quiet):
            yield _question(scene, int(quiet[0]), Reason.AFTER_RETURN, subject.outage_id)


def _left(scene: Scene, subject: Subject) -> list[slice]:
    """What is still counted as out while supply returns; single meters that merely missed speaking apart."""
    parts = [slice_below(scene.network, scene.tree, element) for element in subject.cut if subject.returning]
    return [part for part in parts if len(scene.devices.meters(part)) > 1]


def _quiet(scene: Scene, part: slice, onset_ms: int) -> Int32:
    """Meters that somebody speaks for, that were heard of before and show no life since."""
    rows = scene.devices.meters(part)
    seen = scene.seen
    heard = (seen.meter_alive_ms[rows] != NEVER) | (seen.meter_off_ms[rows] != NEVER)
    spoken_for = scene.network.meters.terminal[rows] != ABSENT
    quiet: Int32 = rows[heard & spoken_for & ~living(seen, rows, onset_ms)]
    return quiet


def _branches(scene: Scene, part: slice) -> list[slice]:
    """Transformer areas; inside a single one, what hangs on each of its ways out."""
    tree, network = scene.tree, scene.network
    edges = tree.edge[part]
    is_transformer = (edges != ABSENT) & (network.edges.kind[edges] == EdgeKind.TRANSFORMER)
    tops = part.start + np.flatnonzero(is_transformer)
    if len(tops) < 2:
        tops = _forks(scene, part)
    return [slice(int(top), int(tree.end[top])) for top in tops]


def _forks(scene: Scene, part: slice) -> Int32:
    """Children of the first position with several of them; the part itself where it never forks."""
    parent = scene.tree.parent[part]
    top = part.start
    while True:
        children = part.start + np.flatnonzero(parent == top)
        if len(children) == 0:
            return np.array([part.start], np.int32)
        if len(children) > 1:
            forks: Int32 = children.astype(np.int32)
            return forks
        top = int(children[0])


def _question(scene: Scene, row: int, reason: Reason, outage_id: str = "", bits: float = 0.0) -> Question:
    meters = scene.network.meters
    terminal = scene.network.terminals.ids[int(meters.terminal[row])]
    return Question(meters.ids[row], terminal, reason, outage_id, bits)

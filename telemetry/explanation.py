"""Why an outage is believed, what else was possible, what would settle it, and why each customer is in it.

Everything is said in element ids, counts and probabilities; sentences are made of it from data templates
(``telemetry.wording``). An explanation belongs to one revision and holds for the evidence known then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import ABSENT, Float64, Int32
from telemetry.customer_evidence import CustomerEvidence, evidence_of_customers
from telemetry.findings import element_at
from telemetry.inference import Posterior
from telemetry.lifecycle import resumed
from telemetry.outages import OutageRevision
from telemetry.parts import part_of
from telemetry.rivals import Rival, best_questions, doubt_bits, rivals_of
from telemetry.scope import cut_scope
from telemetry.signs import Scene
from telemetry.verification import Asked

MAX_ELEMENTS: Final = 12
MAX_TERMINALS: Final = 12
MAX_PINGS: Final = 60
BLOCKED: Final = 0.5
TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class ElementChance:
    """One element of the cause's class."""

    element: str
    kind: str
    probability: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another cut that was possible; ``element`` empty: no outage here at all."""

    element: str
    kind: str
    probability: float
    customers: int
    """Out, were it true."""
    more: int
    """Of them, how many are not out by the answer given."""
    fewer: int
    """How many out by the answer given would not be."""


@dataclass(frozen=True, slots=True)
class Settling:
    """A meter whose answer would tell the alternatives apart."""

    meter: str
    terminal: str
    bits: float


@dataclass(frozen=True, slots=True)
class Ping:
    """A meter that the system asked, and what came of it."""

    meter: str
    reason: str
    asked_ms: int
    outcome: str
    """``waiting``, ``alive``, ``off``, ``silent`` or ``unanswered`` (nobody said anything in time)."""
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A person's word that counts here."""

    kind: str
    thing: str
    by: str
    said_ms: int


@dataclass(frozen=True, slots=True)
class Explanation:
    outage_id: str
    revision: int
    at_ms: int
    """As of when: the revision's own look, or that of a later answer to a ping (``pings`` alone changed)."""
    signs: Mapping[str, str]
    """The revision's reasons, by name; repeated names joined by a comma."""
    probability: float
    dead: float
    """P(the place has no supply, whatever failed)."""
    elements: tuple[ElementChance, ...]
    alternatives: tuple[Alternative, ...]
    doubt_bits: float
    settling: tuple[Settling, ...]
    blocked: tuple[str, ...]
    """Terminals from which nothing seems to come through."""
    pings: tuple[Ping, ...]
    said: tuple[Spoken, ...]
    owner_side: str
    customers: tuple[CustomerEvidence, ...]
    customers_left_out: int = 0


def explain(
    scene: Scene,
    posterior: Posterior,
    revision: OutageRevision,
    asked: Sequence[Asked] = (),
    timeout_ms: int = 45_000,
) -> Explanation:
    """Of one revision, from the scene and the posterior that it was made from."""
    part = part_of(scene, resumed(revision))
    empty = part.start >= part.stop
    rivals = () if empty else rivals_of(posterior, part)
    customers, left_out = customers_of(scene, posterior, revision)
    questions = best_questions(scene, posterior, rivals, revision.started_at_ms) if rivals else ()
    meters, terminals = scene.network.meters, scene.network.terminals
    return Explanation(
        outage_id=revision.outage_id,
        revision=revision.revision,
        at_ms=scene.now_ms,
        signs=signs_by_name(revision.reasons),
        probability=revision.probability,
        dead=0.0 if empty else round(posterior.dead_below(part.start), 4),
        elements=() if empty else _elements(scene, posterior, part),
        alternatives=_alternatives(scene, posterior, rivals, part),
        doubt_bits=round(doubt_bits(rivals), 3) if rivals else 0.0,
        settling=tuple(
            Settling(meters.ids[q.meter], terminals.ids[int(meters.terminal[q.meter])], q.bits)
            for q in questions
        ),
        blocked=_blocked(scene, posterior, part),
        pings=pings_of(scene, asked, timeout_ms),
        said=_said(scene, revision),
        owner_side=revision.owner_side,
        customers=customers,
        customers_left_out=left_out,
    )


def signs_by_name(reasons: Sequence[str]) -> dict[str, str]:
    """``("calls=1", "switch_open=A", "switch_open=B")`` → ``{"calls": "1", "switch_open": "A,B"}``."""
    found: dict[str, str] = {}
    for reason in reasons:
        name, _, value = reason.partition("=")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _elements(scene: Scene, posterior: Posterior, part: slice) -> tuple[ElementChance, ...]:
    """Shares of the calibrated probability that it is one of them."""
    members = posterior.equivalents(part.start)
    chances = posterior.cut_probability[members]
    scale = posterior.cut_among(part.start) / max(float(chances.sum()), TINY)
    return tuple(
        ElementChance(
            *element_at(scene.network, scene.tree, int(position)),
            round(float(chance) * scale, 4),
        )
        for position, chance in zip(members[:MAX_ELEMENTS], chances, strict=False)
    )


def _alternatives(
    scene: Scene, posterior: Posterior, rivals: Sequence[Rival], part: slice
) -> tuple[Alternative, ...]:
    """What calibration takes from the answer given falls to what else was possible."""
    given = _customers_in(scene, part)
    chosen = [rival for rival in rivals if rival.part(scene) != part]
    said = sum(rival.probability for rival in chosen)
    scale = (1.0 - posterior.cut_among(part.start)) / said if said > 0 else 1.0
    return tuple(_alternative(scene, rival, given, scale) for rival in chosen)


def _alternative(scene: Scene, rival: Rival, given: Int32, scale: float) -> Alternative:
    element, kind = "", "none"
    if rival.top != ABSENT:
        element, kind = element_at(scene.network, scene.tree, rival.top)
    would = _customers_in(scene, rival.part(scene))
    return Alternative(
        element=element,
        kind=kind,
        probability=round(rival.probability * scale, 4),
        customers=len(would),
        more=len(np.setdiff1d(would, given)),
        fewer=len(np.setdiff1d(given, would)),
    )


def _customers_in(scene: Scene, part: slice) -> Int32:
    owners = np.unique(scene.network.meters.customer[scene.devices.meters(part)])
    found: Int32 = owners[owners != ABSENT]
    return found


def _blocked(scene: Scene, posterior: Posterior, part: slice) -> tuple[str, ...]:
    rows = scene.devices.terminals(part)
    stuck = rows[posterior.blocked_probability[rows] > BLOCKED][:MAX_TERMINALS]
    return tuple(scene.network.terminals.ids[row] for row in stuck.tolist())


def _said(scene: Scene, revision: OutageRevision) -> tuple[Spoken, ...]:
    told = set(revision.reasons)
    return tuple(
        Spoken(word.kind, word.thing, word.by, word.said_ms)
        for word in scene.corrections.words()
        if f"{word.kind}={word.thing}" in told
    )


def pings_of(scene: Scene, asked: Sequence[Asked], timeout_ms: int) -> tuple[Ping, ...]:
    """What came of the newest questions."""
    return tuple(_ping(scene, one, timeout_ms) for one in asked[-MAX_PINGS:])


def _ping(scene: Scene, one: Asked, timeout_ms: int) -> Ping:
    meter, seen = one.question.meter, scene.seen
    row = scene.network.meter_row.get(meter)
    said = {} if row is None else {
        "alive": int(seen.meter_alive_ms[row]),
        "off": int(seen.meter_off_ms[row]),
        "silent": int(seen.meter_silent_ms[row]),
    }  # fmt: skip
    answers = [(at_ms, outcome) for outcome, at_ms in said.items() if at_ms >= one.at_ms]
    if answers:
        at_ms, outcome = min(answers)
        return Ping(meter, one.question.reason.value, one.at_ms, outcome, at_ms)
    waiting = scene.now_ms - one.at_ms < timeout_ms
    outcome = "waiting" if waiting else "unanswered"
    return Ping(meter, one.question.reason.value, one.at_ms, outcome, None)


def customers_of(
    scene: Scene, posterior: Posterior, revision: OutageRevision
) -> tuple[tuple[CustomerEvidence, ...], int]:
    """Everybody recorded below the cut or out beside it, by row; and how many more there are."""
    network = scene.network
    below = cut_scope(network, scene.tree, revision.cut, revision.restored).customer_rows
    also = [network.customer_row[each] for each in revision.also_out if each in network.customer_row]
    rows = np.union1d(below, np.array(also, np.int32)).astype(np.int32)

    def chances(meters: Int32) -> tuple[Float64, Float64]:
        position = scene.tree.position[network.meters.node[meters]]
        place = np.where(position >= 0, posterior.dead_probability[position], 1.0)
        return place, posterior.meter_out_probability[meters]

    return evidence_of_customers(scene, rows, chances, revision.also_out, revision.not_out)

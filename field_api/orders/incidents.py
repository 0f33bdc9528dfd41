"""One outage, one incident, one repair order at a time, whatever the detector revises and customers call.

Revisions of an outage are decided here against what the desk already holds; the same revision decided twice
gives nothing new, because the first decision's output is part of the second's input (invariant 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from field_api.orders.work import WorkType, is_open
from telemetry.lifecycle import RETURNED_REASON, has_overrun, is_planned
from telemetry.outages import OutageRevision, OutageState

SUPPLY_RETURNED = "supply_returned"
SCOPE_CHANGED = "scope_changed"
CANCEL = "cancel"
CONFIRM = "confirm"
MOMENTARY_MS = 3 * 60_000
"""Up to this long an interruption is momentary (DL/T 836.1-2016; IEEE 1366 counts up to five minutes)."""
MOMENTARY = "momentary: supply came back by itself before a crew set out"


@dataclass(frozen=True, slots=True)
class Incident:
    """What happened, as the desk works on it; outages that prove one share it."""

    id: str
    outage_id: str
    """The outage that opened it."""
    grid_id: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class OrderFact:
    """What the decision needs to know of an order of the incident."""

    id: str
    state: str
    supply_returned: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with the orders of the incident; order ids and the reason told in their history."""

    open_order: bool = False
    note: Mapping[str, tuple[str, ...]] | None = None
    """Order id → facts to note."""
    cancel: tuple[str, ...] = ()
    move: tuple[str, ...] = ()
    """Orders that follow the outage into the incident of ``merged_into``."""
    reason: str = ""


def incident_id(outage_id: str) -> str:
    """Deterministic, so that two workers cannot open two."""
    return f"inc-{outage_id}"


def order_id(outage_id: str, ordinal: int) -> str:
    """The ``ordinal``-th repair order (1, 2, …) of that outage."""
    return f"ord-{outage_id}-{ordinal}"


def decide(
    revision: OutageRevision,
    orders: tuple[OrderFact, ...],
    work_type: WorkType,
    somebody_out: bool = True,
    other_has_open: bool = False,
) -> Decision:
    """What a revision asks of the desk.

    ``orders`` are those of this outage; ``somebody_out`` says whether a customer still is, so that an order
    closed on proof is not followed by an empty one; ``other_has_open`` says whether the incident that a
    merged outage goes into has an open order of its own.
    """
    open_orders = tuple(order for order in orders if is_open(work_type, order.state))
    match revision.state:
        case OutageState.SUSPECTED | OutageState.CONFIRMED:
            return _open(revision, bool(orders), open_orders, work_type, somebody_out)
        case OutageState.RESTORED:
            return _restored(revision, open_orders, work_type)
        case OutageState.RETRACTED:
            return _withdraw(open_orders, work_type, "outage retracted: supply was never lost")
        case OutageState.MERGED if other_has_open:
            return _withdraw(open_orders, work_type, f"one outage with {revision.merged_into}")
        case OutageState.MERGED:
            return Decision(move=tuple(order.id for order in open_orders[:1]))
    raise ValueError(f"unknown state of an outage: {revision.state!r}")


def _open(
    revision: OutageRevision,
    ordered: bool,
    open_orders: tuple[OrderFact, ...],
    work_type: WorkType,
    somebody_out: bool,
) -> Decision:
    """No truck beyond the ownership boundary, and none before it is confirmed."""
    if revision.owner_side:
        reason = f"beyond the ownership boundary: {revision.owner_side}"
        return _withdraw(open_orders, work_type, reason)
    if revision.state is OutageState.SUSPECTED or goes_as_planned(revision):
        return Decision()
    return Decision(open_order=not open_orders and (somebody_out or not ordered))


def _restored(revision: OutageRevision, open_orders: tuple[OrderFact, ...], work_type: WorkType) -> Decision:
    """Orders hear of it; after a momentary interruption those that nobody has accepted go away."""
    opening = work_type.rule(work_type.opening)
    if opening is None or not is_momentary(revision):
        return Decision(note=_unnoted(open_orders))
    waiting = tuple(order for order in open_orders if order.state == opening.target)
    rest = tuple(order for order in open_orders if order not in waiting)
    return replace(_withdraw(waiting, work_type, MOMENTARY), note=_unnoted(rest))


def goes_as_planned(revision: OutageRevision) -> bool:
    """Planned work within its window: the crew is there already. Beyond it is an outage like any other."""
    return is_planned(revision) and not has_overrun(revision)


def is_momentary(revision: OutageRevision) -> bool:
    """Recorded and counted apart, but nothing is left to repair: no order outlives it (DL/T 836.1)."""
    ended_ms = revision.restored_at_ms
    return ended_ms is not None and ended_ms - revision.started_at_ms <= MOMENTARY_MS


def _unnoted(orders: tuple[OrderFact, ...]) -> dict[str, tuple[str, ...]]:
    return {order.id: (SUPPLY_RETURNED,) for order in orders if not order.supply_returned}


def _withdraw(orders: tuple[OrderFact, ...], work_type: WorkType, reason: str) -> Decision:
    """Cancel what nobody has reached yet; a crew on site closes its order itself."""
    rule = work_type.rule(CANCEL)
    sources = rule.sources if rule else frozenset[str]()
    early = tuple(order.id for order in orders if order.state in sources)
    rest = tuple(order for order in orders if order.id not in early)
    return Decision(cancel=early, note=_unnoted(rest), reason=reason)


def supply_returns(revision: OutageRevision) -> bool:
    """Does this revision tell of people below the cut who live again?"""
    told = dict(reason.partition("=")[::2] for reason in revision.reasons)
    back = told.get("returned", "0") not in {"", "0"} or RETURNED_REASON in told
    return bool(revision.restored) or back


def key_of_call(customer_id: str, at_ms: int) -> str:
    """Idempotence of a call as evidence: one customer, one instant, one fact."""
    return f"call:{customer_id}:{at_ms}"

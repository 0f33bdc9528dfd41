"""Records that outages contradict become field checks: one a customer, a few at a time (INT-05).

What the voltages of the last days say beside it goes along: on which transformer and phase to look first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from field_api.company import Company
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, Sites
from field_api.usecases.errors import NotFound, NotPossible
from field_api.usecases.open_order import OpenRequest, place_order, spot_of
from field_api.usecases.tell import order_event
from geo.network import Network
from telemetry.mapping_suspects import Suspect
from telemetry.ports import ReadingsAway, ReadingStore
from telemetry.voltage_comparison import Compared, VoltageComparison

TYPE: Final = "topology_check"
MAX_OPEN: Final = 20
"""At a time, in the whole company: checks must not crowd out repairs."""
AGAIN_MS: Final = 90 * 24 * 3_600_000
"""Who was looked at is left alone for so long: the record's correction takes its time."""

VOLTAGE_DAYS: Final = 14
SuspectsOf = Callable[[Network], Sequence[Suspect]]
ComparisonsOf = Callable[[Network, Sequence[Suspect], int], Sequence[Sequence[Compared]]]


@dataclass(frozen=True, slots=True)
class ByVoltages:
    """Compares the voltages of each suspect's meters; a store that is away tells nothing."""

    readings: ReadingStore

    def __call__(
        self, network: Network, suspects: Sequence[Suspect], now_ms: int
    ) -> Sequence[Sequence[Compared]]:
        if not suspects:
            return ()
        comparison = VoltageComparison(network, self.readings, now_ms, VOLTAGE_DAYS)
        return tuple(_unless_away(comparison, one) for one in suspects)


def _unless_away(comparison: VoltageComparison, suspect: Suspect) -> Sequence[Compared]:
    try:
        return comparison.of_suspect(suspect)
    except ReadingsAway:
        return ()


def nothing_compared(
    _network: Network, suspects: Sequence[Suspect], _now_ms: int
) -> Sequence[Sequence[Compared]]:
    """Where no readings are at hand."""
    return ((),) * len(suspects)


@dataclass(frozen=True, slots=True)
class CheckTopology:
    """Opens checks of what several outages contradicted; single contradictions stay a list."""

    desk: Desk
    company: Company
    sites: Sites
    suspects_of: SuspectsOf
    compare: ComparisonsOf = nothing_compared

    def __call__(self, now_ms: int) -> tuple[str, ...]:
        """Ids of the orders that were opened."""
        site = self.sites.current()
        if site is None:
            return ()
        sure = [suspect for suspect in self.suspects_of(site.network) if suspect.sure]
        if not sure:
            return ()
        with self.desk.reading() as session:
            chosen = self._chosen(session, sure, now_ms)
        # Readings are looked at before anybody is kept from writing.
        compared = self.compare(site.network, chosen, now_ms)
        with self.desk.writing() as session:
            opened = [
                self._open(session, one, told, now_ms)
                for one, told in zip(chosen, compared, strict=True)
                if not self._looked_at(session, one.customer, now_ms)
            ]
            found = tuple(order_id for order_id in opened if order_id is not None)
            session.feed.append(
                now_ms, [order_event(session, self.company, order_id, now_ms) for order_id in found]
            )
        return found

    def _chosen(self, session: DeskSession, sure: Sequence[Suspect], now_ms: int) -> Sequence[Suspect]:
        room = MAX_OPEN - len(session.orders.open_of(WHOLE_COMPANY, [TYPE]))
        new = [one for one in sure if not self._looked_at(session, one.customer, now_ms)]
        return new[: max(0, room)]

    def _looked_at(self, session: DeskSession, customer_id: str, now_ms: int) -> bool:
        orders = session.orders.of_customer(WHOLE_COMPANY, customer_id)
        return any(one.order.type == TYPE and now_ms - one.order.created_ms < AGAIN_MS for one in orders)

    def _open(
        self, session: DeskSession, suspect: Suspect, compared: Sequence[Compared], now_ms: int
    ) -> str | None:
        site, subject = self.sites.current(), self.company.work_type(TYPE).subject
        spot = None if site is None else spot_of(site, subject, suspect.customer)
        if spot is None:
            return None
        words = "; ".join((_evidence(suspect), *map(_voltages, filter(_doubtful, compared))))
        answers = _answers(suspect, compared)
        request = OpenRequest("", TYPE, suspect.customer, words, answers, source="finding")
        try:
            return place_order(session, self.company, spot, request, None, now_ms)
        except (NotPossible, NotFound):
            return None


def _answers(suspect: Suspect, compared: Sequence[Compared]) -> dict[str, Any]:
    """What the form begins with; of several transformers, voltages tell the right one best."""
    answers: dict[str, Any] = {"transformer_expected": suspect.transformer}
    if suspect.candidates:
        answers["transformer_suspected"] = suspect.candidates[0].transformer
    for one in filter(_doubtful, compared):
        answers["meter_id"] = one.meter
        if one.rather_at is not None:
            answers["transformer_suspected"] = one.rather_at.place
        if one.rather_phase is not None:
            answers |= {"phase_expected": one.recorded_phase, "phase_suspected": one.rather_phase.place}
        break  # one order is one visit: the first doubtful meter leads, the words name the others
    return answers


def _doubtful(one: Compared) -> bool:
    return one.rather_at is not None or one.rather_phase is not None


def _voltages(one: Compared) -> str:
    """Such as ``voltages of M1 follow T2 (0.93) and phase B (0.88)``."""
    told = []
    if one.rather_at is not None:
        told.append(f"{one.rather_at.place} ({one.rather_at.correlation:.2f})")
    if one.rather_phase is not None:
        told.append(f"phase {one.rather_phase.place} ({one.rather_phase.correlation:.2f})")
    return f"voltages of {one.meter} follow {' and '.join(told)}"


def _evidence(suspect: Suspect) -> str:
    listed = ", ".join(suspect.contradicted[:5])
    more = f", +{len(suspect.contradicted) - 5}" if len(suspect.contradicted) > 5 else ""
    return f"{len(suspect.contradicted)} outages contradict the record: {listed}{more}"

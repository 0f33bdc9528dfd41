"""FLT-02: the seven nights that look wrong, live and again, in any order of arrival (``golden_nights/``)."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.telemetry.golden import (
    NIGHTS,
    Expected,
    ExpectedOutage,
    Played,
    Told,
    expected_of,
    played,
    shuffled,
    truth,
)
from tests.telemetry.golden_script import Span, World
from tests.telemetry.nights import T0

pytestmark = pytest.mark.xdist_group("golden")

SMALL = tuple(sorted(folder.name for folder in NIGHTS.iterdir() if folder.name != "storm"))
ORDERS = (1, pytest.param(2, marks=pytest.mark.soak))
SPREAD_S = 25.0
"""In another order of arrival every row comes up to this much later."""


@pytest.fixture(scope="module", params=SMALL)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    yield played(request.param, tmp_path_factory.mktemp(request.param))


def test_live(night: Played) -> None:
    expected = expected_of(night.name)
    _check(night.story, expected, night.world, live=True)
    assert night.orders() == expected.orders
    assert night.told() == {kind: _customers(night.world, who) for kind, who in expected.told.items()}
    assert night.never_told_wrongly() == {}


def test_every_customer_s_interruptions(night: Played) -> None:
    expected, found, real = expected_of(night.name), night.interruptions(), truth(night.world)
    spared = _customers(night.world, expected.ledger_but)
    for customer in (set(found) | set(real)) - spared:
        assert _close(found.get(customer, ()), real.get(customer, ()), expected.ledger_within_s), (
            f"{customer}: by the ledger {found.get(customer)}, really {real.get(customer)}"
        )


def test_the_hint_at_a_wrong_record(night: Played) -> None:
    wanted = expected_of(night.name).suspects
    assert night.suspects() == {edge: _customers(night.world, who) for edge, who in wanted.items()}


def test_verification(night: Played) -> None:
    asked, expected = night.asked(), expected_of(night.name)
    assert set(asked) <= {*expected.asked, *expected.may_ask}, f"asked for no good reason: {asked}"
    for occasion, meters in expected.asked.items():
        among = {m for m in night.world.network.meters.ids if m.startswith(meters)}
        assert asked.get(occasion, set()) & among, f"{occasion}: nobody of {meters} was asked"


def test_replayed_from_its_logs(night: Played) -> None:
    assert night.again().differences == ()


@pytest.mark.parametrize("order", ORDERS)
def test_in_another_order_of_arrival(night: Played, order: int, tmp_path: Path) -> None:
    draw = Random(order)
    rows = shuffled(night.world.rows(), draw, SPREAD_S)
    again = Played(night.world, tmp_path / "var", asking=False).play(rows)
    _check(again.story, expected_of(night.name), night.world, live=False)


@pytest.mark.parametrize("order", ORDERS)
def test_from_the_bare_set_of_evidence(night: Played, order: int) -> None:
    _check(night.from_the_bare_set(Random(order)), expected_of(night.name), night.world, live=False)


@pytest.mark.soak
def test_a_storm_of_twenty_faults(tmp_path: Path) -> None:
    """Nearly all are found, each as one outage with one order; no two are one, nobody is told wrongly."""
    night, expected = played("storm", tmp_path), expected_of("storm")
    assert night.orders() == len(night.story) == expected.orders, "one fault, one order"
    told = night.told()
    assert told["outage"] <= set(truth(night.world)) and set(told) == {"outage"}, (
        "nobody is told what is not so"
    )
    for story in (night.story, night.from_the_bare_set(Random(1))):
        found = [_faults_of(night.world, told) for told in story]
        assert all(len(faults) == 1 for faults in found), f"one outage, one fault: {found}"
        assert len({fault for faults in found for fault in faults}) == len(story) >= expected.found_at_least
        exact = sum(
            _people(night.world, faults[0]) == told.customers
            for faults, told in zip(found, story, strict=True)
        )
        assert exact >= expected.exactly_at_least
    assert night.again().differences == ()


def _faults_of(world: World, told: Told) -> list[str]:
    """The faults that put anybody out who is recorded below the cut."""
    cut = told.customers - told.also_out
    return [fault.element for fault in world.faults if _people(world, fault.element) & cut]


def _people(world: World, element: str) -> set[str]:
    owner, ids = world.network.meters.customer, world.network.customers.ids
    return {ids[owner[meter]] for meter in world.below(element)}


def _check(story: tuple[Told, ...], expected: Expected, world: World, *, live: bool) -> None:
    named = [(told.final.cause.element, (told.final.started_at_ms - T0) / 1000) for told in story]
    assert len(story) == len(expected.outage), f"told: {named}"
    for told, wanted in zip(story, expected.outage, strict=True):
        _check_one(told, wanted, world)
        if live:
            assert told.states == wanted.states
            named_reasons = {reason.partition("=")[0] for reason in told.reasons}
            assert set(wanted.reasons) <= named_reasons
            assert not set(wanted.without) & named_reasons


def _check_one(told: Told, wanted: ExpectedOutage, world: World) -> None:
    final = told.final
    assert wanted.cause in final.cause.equivalent
    assert final.phases == wanted.phases
    interval = ((final.started_at_ms - T0) / 1000, _second(final.restored_at_ms))
    really = (wanted.from_s, np.inf if wanted.to_s is None else wanted.to_s)
    assert _close((interval,), (really,), wanted.within_s), f"{wanted.cause}: told as {interval}"
    customers = _customers(world, wanted.customers) - _customers(world, wanted.but)
    assert told.customers == customers | _customers(world, wanted.also_out)
    assert told.also_out == _customers(world, wanted.also_out)
    assert told.not_out == _customers(world, wanted.not_out)


def _second(instant_ms: int | None) -> float:
    return np.inf if instant_ms is None else (instant_ms - T0) / 1000


def _customers(world: World, prefixes: tuple[str, ...]) -> set[str]:
    return {customer for customer in world.network.customers.ids if customer.startswith(prefixes)}


def _close(some: tuple[Span, ...], others: tuple[Span, ...], within_s: float) -> bool:
    def near(one: float, other: float) -> bool:
        return one == other or abs(one - other) <= within_s

    return len(some) == len(others) and all(
        near(a, x) and near(b, y) for (a, b), (x, y) in zip(some, others, strict=True)
    )

"""What outages contradict becomes a field check, once (INT-05)."""

from field_api.usecases.check_topology import ByVoltages, CheckTopology
from telemetry.mapping_suspects import Candidate, Suspect
from tests.field_api.voltages import store_voltages
from tests.field_api.world import World

SURE = Suspect("C1", "T1", ("out-1", "out-2"), (Candidate("T2", 2, 150.0),))
DOUBTFUL = Suspect("C2", "T1", ("out-1",), ())


def _check(world: World, *suspects: Suspect) -> CheckTopology:
    services = world.services
    return CheckTopology(services.desk, services.company, services.sites, lambda _network: suspects)


def test_a_sure_suspect_becomes_one_order_with_its_evidence(world: World) -> None:
    world.work()
    check = _check(world, SURE, DOUBTFUL)
    opened = check(world.clock())
    assert len(opened) == 1, "a single contradiction stays on the list"
    order = world.log_in("dispatcher").get(f"/api/v1/orders/{opened[0]}").get_json()
    assert (order["type"], order["customer_id"], order["source"]) == ("topology_check", "C1", "finding")
    first = order["history"][0]
    assert first["details"]["answers"] == {"transformer_expected": "T1", "transformer_suspected": "T2"}
    assert "2 outages contradict the record: out-1, out-2" in first["note"]
    assert order["due"]


def test_nobody_is_looked_at_twice_in_a_quarter(world: World) -> None:
    world.work()
    check = _check(world, SURE)
    assert len(check(world.clock())) == 1
    assert check(world.clock()) == ()
    world.clock.now_ms += 91 * 24 * 3_600_000
    assert len(check(world.clock())) == 1


def test_voltages_tell_where_and_on_which_phase_to_look_first(world: World) -> None:
    world.work()
    services = world.services
    store_voltages(services.readings, world.clock())
    both = Suspect("C1", "T1", ("out-1", "out-2"), (Candidate("T1", 2, 9.0), Candidate("T2", 2, 150.0)))
    compare = ByVoltages(services.readings)
    check = CheckTopology(services.desk, services.company, services.sites, lambda _network: [both], compare)
    (opened,) = check(world.clock())
    first = world.log_in("dispatcher").get(f"/api/v1/orders/{opened}").get_json()["history"][0]
    assert first["details"]["answers"] == {
        "transformer_expected": "T1", "transformer_suspected": "T2", "meter_id": "M1",
        "phase_expected": "A", "phase_suspected": "B",
    }  # fmt: skip
    assert "voltages of M1 follow T2 (0." in first["note"]
    assert "phase B (1.00)" in first["note"]

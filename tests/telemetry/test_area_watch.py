"""What is looked at when: an open outage costs its own area, all others cost nothing."""

from collections.abc import Sequence

import pytest

from geo.assemble import assemble
from geo.network import Network
from geo.rows import table
from telemetry.area_watch import ASLEEP_MS, AWAKE_MS, BURST_MS, INTEREST_MS, PACE_MS, AreaWatch, Urgency
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.outages import OutageState
from tests.telemetry.nights import MODEL, T0

NOW = 1_764_000_000_000


def _two_sources() -> Network:
    """X and Y: substation, line, transformer, eight meters each; an open switch TIE joins the lines' ends."""
    nodes: list[dict[str, object]] = []
    edges: list[dict[str, object]] = []
    meters: list[dict[str, object]] = []
    customers: list[dict[str, object]] = []
    for x in "XY":
        for name, kind, kv in (("S", "substation", 10.0), ("P", "pole", 10.0), ("L", "transformer_lv", 0.4)):
            nodes.append({"id": name + x, "kind": kind, "name": "", "lon": "", "lat": "", "voltage_kv": kv})
        edges += [
            _edge(f"LINE{x}", "line", f"S{x}", f"P{x}"),
            _edge(f"T{x}", "transformer", f"P{x}", f"L{x}"),
        ]
        for n in range(8):
            meters.append({"id": f"M{x}{n}", "node_id": f"L{x}", "customer_id": f"C{x}{n}", "phases": "A",
                           "terminal_id": ""})  # fmt: skip
            customers.append({"id": f"C{x}{n}", "name": "", "class": "", "priority": "", "phone": "",
                              "address": "", "grid_id": "", "access_point_id": ""})  # fmt: skip
    edges.append(_edge("TIE", "switch", "PX", "PY", "0"))
    rows: dict[str, list[dict[str, object]]] = {
        "nodes": nodes,
        "edges": edges,
        "meters": meters,
        "customers": customers,
    }
    return assemble({name: table(name, made) for name, made in rows.items()}).accepted()


def _edge(name: str, kind: str, start: str, end: str, closed: str = "1") -> dict[str, object]:
    return {"id": name, "kind": kind, "from_id": start, "to_id": end, "closed": closed, "phases": "ABC",
            "length_m": 100.0, "name": ""}  # fmt: skip


NETWORK = _two_sources()


def _say(kind: EvidenceKind, devices: Sequence[str], at_ms: int) -> Evidence:
    return Evidence(kind, at_ms, at_ms, "", tuple(devices), f"{kind}{devices}{at_ms}")


def _watched(detector: Detector) -> dict[str, int]:
    """Source → instant of the last look at its area."""
    return {sight.scene.network.nodes.ids[0]: sight.scene.now_ms for sight, _ in detector.sights()}


def test_an_outage_is_looked_at_in_its_own_area_alone() -> None:
    detector = Detector(NETWORK, DetectorRules(MODEL))
    detector.observe([_say(EvidenceKind.POWER_OFF, [f"MX{n}" for n in range(6)], T0)], T0 + 1000)
    detector.observe([_say(EvidenceKind.ALIVE, [f"MY{n}" for n in range(8)], T0)], T0 + 1000)
    (told,) = detector.evaluate(T0 + 1200)
    assert set(told.cause.equivalent) >= {"LINEX"}
    assert _watched(detector) == {"SX": T0 + 1200}
    view = detector.view(told.outage_id)
    assert view is not None
    assert view.posterior.dead_below(1) > 0.9
    assert view.tracked.told == told


def test_closing_a_tie_rebuilds_both_areas_and_the_outage_moves_on() -> None:
    detector = Detector(NETWORK, DetectorRules(MODEL))
    detector.observe([_say(EvidenceKind.POWER_OFF, [f"MX{n}" for n in range(8)], T0)], T0 + 1000)
    (told,) = detector.evaluate(T0 + 1200)
    assert told.state in {OutageState.SUSPECTED, OutageState.CONFIRMED}
    detector.observe([_say(EvidenceKind.SWITCH_OPEN, ["LINEX"], T0 + 60_000)], T0 + 61_000)
    detector.observe([_say(EvidenceKind.SWITCH_CLOSED, ["TIE"], T0 + 60_000)], T0 + 61_000)
    detector.evaluate(T0 + 61_000)
    assert detector.switches == (("LINEX", False), ("TIE", True))
    back = [_say(EvidenceKind.POWER_ON, [f"MX{n}" for n in range(8)], T0 + 62_000)]
    detector.observe(back, T0 + 63_000)
    told_later = [r for s in range(64, 120) for r in detector.evaluate(T0 + s * 1000)]
    assert told_later[-1].outage_id == told.outage_id
    assert not detector.outages


def test_what_one_area_tells_of_another_s_outage_is_told_once() -> None:
    """A meter recorded below X is out with Y; both areas are looked at in one turn, X first."""
    detector = Detector(NETWORK, DetectorRules(MODEL))
    alive = _say(EvidenceKind.ALIVE, [f"M{x}{n}" for x in "XY" for n in range(8)], T0 - 1000)
    gasps = _say(EvidenceKind.POWER_OFF, [*(f"MY{n}" for n in range(4)), "MX3"], T0)
    detector.observe([alive, gasps], T0 + 1000)
    told = [r for s in range(1, 20) for r in detector.evaluate(T0 + s * 1000)]
    living = _say(EvidenceKind.ALIVE, [f"MX{n}" for n in range(8) if n != 3], T0 + 20_000)
    asked = _say(EvidenceKind.SILENT, ["MX3"], T0 + 20_000)
    late = _say(EvidenceKind.POWER_OFF, ["MY5", "MY6", "MY7"], T0)
    detector.observe([living, asked, late], T0 + 20_000)
    told += [r for s in range(20, 60) for r in detector.evaluate(T0 + s * 1000)]
    assert {one.outage_id for one in told} == {told[0].outage_id}
    assert told[-1].also_out == ("CX3",)
    assert [one.revision for one in told] == [*range(1, len(told) + 1)]


def test_an_area_is_let_go_when_nothing_happened_for_a_while() -> None:
    detector = Detector(NETWORK, DetectorRules(MODEL))
    detector.observe([_say(EvidenceKind.POWER_OFF, ["MX0"], T0)], T0)
    detector.evaluate(T0 + 1000)
    assert detector.verify(T0 + 1000) == (("MX0", "lone_last_gasp"),)
    assert _watched(detector)
    detector.evaluate(T0 + INTEREST_MS + 1)
    assert not _watched(detector)
    assert detector.verify(T0 + INTEREST_MS + 1) == (("MX0", "lone_last_gasp"),)


@pytest.mark.parametrize(
    ("dirty", "waited_ms", "open_here", "due"),
    [
        (True, BURST_MS - 1, True, False),
        (True, BURST_MS, False, True),
        (False, PACE_MS, True, True),
        (False, PACE_MS, False, False),
    ],
)
def test_trouble_is_looked_at_at_once_and_quiet_never(
    dirty: bool, waited_ms: int, open_here: bool, due: bool
) -> None:
    watch = AreaWatch(dirty=dirty, heard_ms=NOW, evaluated_ms=NOW)
    assert watch.due(NOW + waited_ms, open_here) is due


def test_a_silent_open_outage_is_looked_at_seldom() -> None:
    watch = AreaWatch(dirty=False, heard_ms=NOW, evaluated_ms=NOW + AWAKE_MS)
    assert not watch.due(NOW + AWAKE_MS + PACE_MS, open_here=True)
    assert watch.due(NOW + AWAKE_MS + ASLEEP_MS, open_here=True)


def test_what_is_less_urgent_is_left_for_later() -> None:
    detector = Detector(NETWORK, DetectorRules(MODEL))
    first, later = T0 + PACE_MS, T0 + 2 * PACE_MS
    detector.observe([_say(EvidenceKind.POWER_OFF, [f"MX{n}" for n in range(6)], T0)], T0)
    detector.evaluate(T0)
    detector.observe([_say(EvidenceKind.POWER_OFF, ["MX6"], T0)], first)
    detector.observe([_say(EvidenceKind.POWER_OFF, [f"MY{n}" for n in range(6)], T0)], first)
    detector.evaluate(first, upto=Urgency.FIRST_WORDS)
    assert _watched(detector) == {"SX": T0, "SY": first}
    detector.evaluate(later, upto=Urgency.MORE_WORDS)
    assert _watched(detector) == {"SX": later, "SY": first}
    detector.evaluate(later)
    assert _watched(detector) == {"SX": later, "SY": later}

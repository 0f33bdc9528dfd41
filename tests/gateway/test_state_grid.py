"""The State Grid envelope, the app bus and carrier outage reports: golden frames, and what no frame may do.

To renew the expectations after a deliberate change run ``python -m tests.gateway.test_state_grid``.
"""

import json
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.mqtt.signal_files import shipped
from gateway.codecs import app_bus, hplc, state_grid
from gateway.codecs.foreign import MAX_PROBLEMS, Meaning, Signals
from gateway.codecs.mqtt_frames import MqttDecoder
from gateway.codecs.state_grid_replies import reply
from gateway.contract.state_grid import CHANNELS
from gateway.frames import MAX_BODY_BYTES, OVERSIZED, Decoded, Frame
from telemetry.evidence import EvidenceKind
from telemetry.quantities import CATALOGUE
from tests.gateway import golden


def table(name: str = "default") -> Signals:
    found = shipped(name)
    assert found is not None
    return found


MEANING = Meaning(table(), is_terminal=lambda device: device in {"TTU1", "TTU2"})
PROTOCOLS = ("state_grid", "app_bus", "hplc")
CASES = [(protocol, case) for protocol in PROTOCOLS for case in golden.cases(protocol)]


def decoded(protocol: str, case: str, frame: Frame) -> Decoded:
    if protocol == "app_bus":
        return app_bus.decode(frame, "TTU1", MEANING)
    signals = table("swapped_unbalance") if "swapped" in case else MEANING.signals
    meaning = replace(MEANING, signals=signals)
    return MqttDecoder(lambda: meaning, lambda _: None)(frame)


@pytest.mark.parametrize(("protocol", "case"), CASES)
def test_golden(protocol: str, case: str) -> None:
    assert golden.has_source(protocol, case)
    found = golden.plain(decoded(protocol, case, golden.golden_frame(protocol, case)))
    assert found == golden.expected(protocol, case)


def envelope(data: object, topic: str = "/v1/TTU1/service/data", **more: object) -> Decoded:
    body = {"mid": 1, "type": "CMD_REPORTDATA", "timestamp": 1_795_300_000_000, **more}
    body["param"] = {"deviceId": "M1", "data": data}
    return state_grid.decode(Frame(topic, json.dumps(body).encode(), golden.RECEIVED_MS), MEANING)


def test_two_paths_meet() -> None:
    """Fault 14: the same message by another bridge gives the same evidence and the same batch."""
    body = golden.golden_frame("state_grid", "alarm_power_off").body
    direct, later = (
        state_grid.decode(Frame("/v1/TTU1/service/data", body, at, door), MEANING)
        for at, door in ((golden.RECEIVED_MS, "mqtt"), (golden.RECEIVED_MS + 3_600_000, "mqtt:other"))
    )
    assert [fact.key for fact in direct.evidence] == [fact.key for fact in later.evidence]
    assert direct.key == later.key


def test_local_time_is_that_of_the_zone() -> None:
    for zone, hour in (("Asia/Shanghai", 8), ("Asia/Urumqi", 6), ("UTC", 0)):
        meaning = replace(MEANING, zone=ZoneInfo(zone))
        body = golden.golden_frame("state_grid", "report_data_local_time").body
        (batch,) = state_grid.decode(Frame("/v1/T9/service/data", body, golden.RECEIVED_MS), meaning).batches
        assert batch.at_ms == 1_660_581_377_000 - hour * 3_600_000


@settings(max_examples=100, deadline=None)
@given(
    st.integers(-(10**12), 10**12), st.integers(0, 9), st.booleans(), st.sampled_from(["Ua", "A_phsB", "Tmp"])
)
def test_what_was_written_is_what_is_stored(whole: int, places: int, text: bool, name: str) -> None:
    """No value passes through a lossy float, as number or as text."""
    value = Decimal(whole).scaleb(-places)
    written = f'"{value:f}"' if text else f"{value:f}"
    body = '{"type":"CMD_REPORTDATA","timestamp":1795300000,"param":{"deviceId":"M1","data":{"%s":%s}}}'
    frame = Frame("/v1/TTU1/service/data", (body % (name, written)).encode(), golden.RECEIVED_MS)
    (batch,) = state_grid.decode(frame, MEANING).batches
    assert Decimal(int(batch.scaled[0, 0])).scaleb(-batch.decimals[0]) == value
    quantity = CATALOGUE[batch.quantities[0]]
    assert (batch.doubts is None) == (quantity.low <= value <= quantity.high)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["deviceId", "data", "Ua", "PwrOffAlm", "properties", "nodeInfos", "hplc", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=10,
)
FIELDS = ["type", "type ", "timestamp", "deviceId", "param", "mid", "devices", "properties", "body", "ts"]
BODIES = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda value: json.dumps(value).encode()),
    st.tuples(st.sampled_from(CASES), st.integers(0, 600), st.integers(0, 255)).map(
        lambda flip: _flipped(golden.golden_frame(*flip[0]).body, flip[1], flip[2])
    ),
)
TOPICS = st.sampled_from(
    [*(f"/v1/TTU1/{channel}" for channel in sorted(CHANNELS)), "/v1/devices/G1/datas", "gridcrew/v1/T1/hplc"]
)


def _flipped(body: bytes, place: int, byte: int) -> bytes:
    place %= max(1, len(body))
    return body[:place] + bytes([byte]) + body[place + 1 :]


@settings(max_examples=400, deadline=None)
@given(TOPICS, BODIES)
def test_no_frame_breaks_the_decoder(topic: str, body: bytes) -> None:
    """Fault 20: any bytes end as something kept or as a refusal that says why, and problems are limited."""
    frame = Frame(topic, body, golden.RECEIVED_MS)
    for told in (decoded("state_grid", "", frame), app_bus.decode(frame, "TTU1", MEANING)):
        assert not (told.refusal and (told.evidence or told.batches))
        assert len(told.problems) <= MAX_PROBLEMS + 1
        assert len(told.refusal) <= 500
        assert all(fact.devices and fact.key for fact in told.evidence)
        msgspec.json.encode([told.evidence, told.devices])
    answer = reply(frame)
    assert answer is None or len(answer.body) <= MAX_BODY_BYTES


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"param":' * 7_000,
        b'{"type":"CMD_REPORTDATA","param":[' + b"{}," * 20_000 + b"{}]}",
        b'{"properties":[' + b"0," * 30_000 + b'0],"location_code":"M1"}',
        b'{"type":"CMD_REPORTDATA","param":{"deviceId":"M1","data":{"Ua":' + b"9" * 60_000 + b"}}}",
        b'{"timestamp":' + b"9" * 60_000 + b"}",
        b'{"type":"CMD_REPORTDATA","param":{"deviceId":"M1","data":{"Ua":1e999999999}}}',
    ],
)
def test_hostile_bodies_cost_little(body: bytes) -> None:
    """Fault 20, 21: refused or left out with a reason, in milliseconds of processor time."""
    began_s = time.process_time()
    told = decoded("state_grid", "", Frame("/v1/TTU1/service/data", body, golden.RECEIVED_MS))
    reply(Frame("/v1/TTU1/topo/request", body, golden.RECEIVED_MS))
    assert not told.batches
    assert told.refusal or told.problems
    assert time.process_time() - began_s < 1


def test_a_frame_that_was_too_large_is_refused_with_its_size() -> None:
    frame = Frame("/v1/TTU1/service/data", OVERSIZED + b"70000 bytes; it began: {", golden.RECEIVED_MS)
    assert decoded("state_grid", "", frame).refusal == "frame: too large, 70000 bytes; it began: {"


def test_requests_are_acknowledged_and_nothing_else_is() -> None:
    for case, channel in (("linkup_blank_in_type", "device"), ("topo_add", "topo"), ("topo_del", "topo")):
        frame = golden.golden_frame("state_grid", case)
        answer = reply(frame)
        assert answer is not None
        assert answer.topic == f"/v1/TTU1/{channel}/response"
        told: dict[str, Any] = json.loads(answer.body)
        asked = json.loads(frame.body)
        assert (told["mid"], told["code"], told["msg"]) == (asked["mid"], 200, "SUCCESS")
        assert told["deviceId"] == asked["deviceId"]
    for case in ("report_data", "alarm_power_off", "no_json", "foreign_topic", "older_variant"):
        assert reply(golden.golden_frame("state_grid", case)) is None


def test_a_new_child_is_told_its_device_id() -> None:
    answer = reply(golden.golden_frame("state_grid", "topo_add"))
    assert answer is not None
    (result,) = json.loads(answer.body)["param"]["result"]
    assert (result["statusCode"], result["nodeId"], result["deviceId"]) == (200, "testSN001", "testSN001")


def test_alarms_are_urgent_and_readings_are_not() -> None:
    urgent = {
        case
        for case in golden.cases("state_grid")
        if state_grid.is_urgent(golden.golden_frame("state_grid", case))
    }
    assert {"alarm_power_off", "linkdown", "nested_properties"} <= urgent
    assert not {"report_data", "older_variant", "topo_add", "report_data_local_time"} & urgent


def test_ids_go_through_the_crosswalk() -> None:
    known = {"000000000123": "meter-1", "M1": "meter-2"}
    meaning = replace(MEANING, resolve=lambda foreign: known.get(foreign, foreign))
    frame = golden.golden_frame("hplc", "two_meters_out_bytes")
    (fact,) = hplc.decode(frame, "T1", meaning.resolve).evidence
    assert fact.devices == ("meter-1", "000000000124")
    (batch,) = state_grid.decode(golden.golden_frame("state_grid", "report_data"), meaning).batches
    assert batch.meters == ("meter-2",)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 10**12 - 1), min_size=1, max_size=40, unique=True),
    st.sampled_from([1, 2]),
    st.booleans(),
)
def test_carrier_reports_are_read_back(addresses: list[int], event: int, wide: bool) -> None:
    """What is written as a data unit comes back: every meter, in order, low byte first."""
    content = bytes([event]) + b"".join(bytes.fromhex(f"{each:012d}")[::-1] for each in addresses)
    size = len(content).to_bytes(2 if wide else 1, "little")
    report = hplc.read(bytes([1, 4]) + size + content, 6 if wide else 5)
    kind = EvidenceKind.POWER_OFF if event == 1 else EvidenceKind.POWER_ON
    assert report.devices == {kind: tuple(f"{each:012d}" for each in addresses)}


if __name__ == "__main__":
    for each in PROTOCOLS:
        golden.renew(each, lambda case, frame, each=each: decoded(each, case, frame))  # type: ignore[misc]

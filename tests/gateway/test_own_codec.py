"""Our own frames: what they must become (``cases/own``), and what no frame may do.

To renew the expectations after a deliberate change run ``python -m tests.gateway.test_own_codec``.
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.own import MAX_PROBLEMS, decode
from gateway.contract.payloads import Event, Events, Readings
from gateway.contract.topics import MAX_FRAME_BYTES
from gateway.frames import Frame
from telemetry.evidence import EvidenceKind
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING
from tests.gateway import golden

CASES = golden.cases("own")


def frame(topic: str, body: bytes) -> Frame:
    return Frame(topic, body, golden.RECEIVED_MS)


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    assert golden.has_source("own", case)
    assert golden.plain(decode(golden.golden_frame("own", case))) == golden.expected("own", case)


NUMBERS = st.one_of(
    st.none(),
    st.builds(
        lambda whole, places: Decimal(whole).scaleb(-places), st.integers(0, 500_000), st.integers(3, 8)
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_the_decimals_in_the_frame_are_the_decimals_in_the_batch(
    rows: list[tuple[Decimal | None, ...]],
) -> None:
    """No value passes through a lossy float: what was written is what is stored."""
    text = json.dumps([["?" if cell is None else str(cell) for cell in row] for row in rows])
    text = text.replace('"?"', "null").replace('"', "")
    meters = json.dumps([f"m{number}" for number in range(len(rows))])
    body = (
        f'{{"v":1,"boot":"b","seq":1,"at":0,"meters":{meters},'
        f'"quantities":["voltage_a_v","current_a_a"],"values":{text}}}'
    )
    decoded = decode(frame("gridcrew/v1/T1/readings", body.encode()))
    [batch] = decoded.batches
    for row, stored in zip(rows, batch.scaled.tolist(), strict=True):
        for cell, scaled, decimals in zip(row, stored, batch.decimals, strict=True):
            assert (None if scaled == MISSING else Decimal(scaled).scaleb(-decimals)) == cell
    answered = sum(any(cell is not None for cell in row) for row in rows)
    told: Counter[EvidenceKind] = Counter()
    for fact in decoded.evidence:
        told[fact.kind] += len(fact.devices)
    assert told[EvidenceKind.ALIVE] + told[EvidenceKind.VOLTAGE] == answered
    assert told[EvidenceKind.SILENT] == len(rows) - answered


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ["v", "boot", "seq", "at", "meters", "quantities", "values", "events", "state"]
BODIES = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda value: json.dumps(value).encode()),
    st.tuples(st.sampled_from(CASES), st.integers(0, 400), st.integers(0, 255)).map(
        lambda flip: _flipped(golden.golden_frame("own", flip[0]).body, flip[1], flip[2])
    ),
)


def _flipped(body: bytes, place: int, byte: int) -> bytes:
    place %= max(1, len(body))
    return body[:place] + bytes([byte]) + body[place + 1 :]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["readings", "events", "status"]), BODIES)
def test_no_frame_breaks_the_decoder(channel: str, body: bytes) -> None:
    """Fault 20: any bytes end as something kept or as a refusal that says why, and problems are limited."""
    decoded = decode(frame(f"gridcrew/v1/T1/{channel}", body))
    assert bool(decoded.refusal) != bool(decoded.evidence or decoded.batches)
    assert len(decoded.problems) <= MAX_PROBLEMS + 1
    assert len(decoded.refusal) <= 500
    for fact in decoded.evidence:
        assert fact.devices
        assert len(fact.volts) in {0, 1, len(fact.devices)}
        assert fact.key


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, b'{"v":1,"events":' + b"[" * 60_000, b" " * (MAX_FRAME_BYTES + 1)]
)
def test_hostile_bodies_are_refused(body: bytes) -> None:
    for channel in ("readings", "events", "status"):
        assert decode(frame(f"gridcrew/v1/T1/{channel}", body)).refusal


def test_every_quantity_of_the_catalogue_is_taken() -> None:
    names = tuple(CATALOGUE)
    payload = Readings(
        1, "b", 1, 0, ("m1",), names, (tuple(quantity.high for quantity in CATALOGUE.values()),)
    )
    decoded = decode(frame("gridcrew/v1/T1/readings", msgspec.json.encode(payload)))
    [batch] = decoded.batches
    assert batch.quantities == names
    assert not [problem for problem in decoded.problems if not problem.startswith("at:")]


def test_the_contract_encodes_what_the_decoder_reads() -> None:
    payload = Events(1, "b", 2, (Event(at="2026-11-22T00:00:00.250Z", device="m1", kind="power_on"),))
    (fact,) = decode(frame("gridcrew/v1/T1/events", msgspec.json.encode(payload))).evidence
    assert (fact.kind, fact.at_ms, fact.devices) == (EvidenceKind.POWER_ON, 1_795_305_600_250, ("m1",))


if __name__ == "__main__":
    golden.renew("own", lambda _, given: decode(given))


AT_MS = golden.RECEIVED_MS - golden.RECEIVED_MS % 1000
EVENTS_OF = st.lists(
    st.tuples(
        st.sampled_from(["m1", "m2", "表3", "", "m\n4", "m" * 65]),
        st.sampled_from(["power_off", "power_on", "switch_open", "voltage", "call", "nonsense"]),
        st.sampled_from([0, -3_600, 3_600, -500 * 86_400]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(EVENTS_OF)
def test_events_with_plain_times_say_what_spelt_times_say(events: list[tuple[str, str, int]]) -> None:
    """Whole milliseconds are read by a shorter way, which must come to the same."""

    def told(spell: Callable[[int], str | int]) -> tuple[object, ...]:
        listed = [
            {"at": spell(AT_MS + late_s * 1000), "device": device, "kind": kind}
            for device, kind, late_s in events
        ]
        body = json.dumps({"v": 1, "boot": "b", "seq": 7, "events": listed})
        found = decode(frame("gridcrew/v1/T1/events", body.encode()))
        return found.evidence, found.problems, found.refusal

    def spelt(at_ms: int) -> str:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()

    assert told(int) == told(spelt)

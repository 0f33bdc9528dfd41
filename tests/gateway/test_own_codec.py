"""Our own frames: a folder of frames with what they must become, and what no frame may do.

Each folder of ``golden/`` holds ``topic``, ``body.json`` and ``expected.json``. To renew the expectations
after a deliberate change run ``python -m tests.gateway.test_own_codec`` and read the difference.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.own import MAX_PROBLEMS, decode
from gateway.contract.payloads import Event, Events, Readings
from gateway.contract.topics import MAX_FRAME_BYTES
from gateway.frames import Decoded, Frame
from telemetry.evidence import EvidenceKind
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING

GOLDEN = Path(__file__).parent / "golden"
RECEIVED_MS = 1_795_300_001_000
CASES = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())


def frame(topic: str, body: bytes) -> Frame:
    return Frame(topic, body, RECEIVED_MS)


def golden_frame(case: str) -> Frame:
    folder = GOLDEN / case
    return frame((folder / "topic").read_text(encoding="utf-8"), (folder / "body.json").read_bytes())


def plain(decoded: Decoded) -> dict[str, Any]:
    """What a frame became, as JSON can say it."""
    batch = decoded.batches[0] if decoded.batches else None
    told: dict[str, Any] = {
        "key": decoded.key,
        "terminal": decoded.terminal,
        "online": decoded.online,
        "named_by_content": decoded.named_by_content,
        "refusal": decoded.refusal,
        "problems": list(decoded.problems),
        "evidence": [json.loads(msgspec.json.encode(fact)) for fact in decoded.evidence],
        "batch": None,
        "devices": [json.loads(msgspec.json.encode(note)) for note in decoded.devices],
    }
    if batch is not None:
        told["batch"] = {
            "terminal": batch.terminal, "boot": batch.boot, "seq": batch.seq, "at_ms": batch.at_ms,
            "received_ms": batch.received_ms, "meters": list(batch.meters),
            "quantities": list(batch.quantities), "decimals": list(batch.decimals),
            "scaled": [[None if cell == MISSING else cell for cell in row] for row in batch.scaled.tolist()],
            "doubts": None if batch.doubts is None else batch.doubts.tolist(),
        }  # fmt: skip
    return told


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    expected = json.loads((GOLDEN / case / "expected.json").read_text(encoding="utf-8"))
    assert plain(decode(golden_frame(case))) == expected


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
    told = {fact.kind: len(fact.devices) for fact in decoded.evidence}
    assert told.get(EvidenceKind.ALIVE, 0) == answered
    assert told.get(EvidenceKind.SILENT, 0) == len(rows) - answered


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
        lambda flip: _flipped(golden_frame(flip[0]).body, flip[1], flip[2])
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
        assert len(fact.volts) in {0, len(fact.devices)}
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


def renew() -> None:
    """Write what the decoder says now as what it shall say."""
    for case in CASES:
        text = json.dumps(plain(decode(golden_frame(case))), indent=1, ensure_ascii=False)
        (GOLDEN / case / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew()

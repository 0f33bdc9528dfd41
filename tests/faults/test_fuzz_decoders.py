"""Fault 20: malformed frames for every decoder: damage never raises, takes long or harms a store."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from gateway.adapters.modbus.model_shelf import ModelShelf
from gateway.codecs import app_bus, crossing, dlt645, dlt698
from gateway.codecs.foreign import Meaning, Signals
from gateway.codecs.modbus import Poll
from gateway.contract.topics import HPLC, topic
from gateway.frames import Decoded, Frame
from gateway.modbus.device_models import Table
from gridcrew.doors import make_decoder
from tests.faults.mutator import damaged
from tests.gateway import golden
from tests.gateway.running import Installation, installation

Decode = Callable[[Frame], Decoded]
MAX_CPU_S: Final = 2.0
"""Of one frame, on any machine; usual is a millisecond."""
OWN_WRITTEN: Final = {"modbus", "ping", "security", "crossing"}
"""Doors that wrap what came in a form of their own; the names in it are from our files."""
_NEVER: Final = 4_102_444_800_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("fuzz") / "var") as made:
        yield made


def _golden(protocol: str, door: str) -> list[Frame]:
    frames = [golden.golden_frame(protocol, case) for case in golden.cases(protocol)]
    return [Frame(frame.topic, frame.body, frame.received_ms, door) for frame in frames]


def _modbus() -> list[Frame]:
    model = ModelShelf(Path("/nowhere")).models["chint-dtsu666"]
    poll = Poll(
        device="m1", unit=1, terminal="T1", model="chint-dtsu666", digest=model.digest, at=golden.RECEIVED_MS,
        blocks=((Table.HOLDING, 0x2006, 6, "45" * 12), (Table.HOLDING, 0x2012, 2, "44" * 4)), alive=True,
    )  # fmt: skip
    return [Frame("m1", msgspec.json.encode(poll), golden.RECEIVED_MS, "modbus:bus")]


def _files() -> list[Frame]:
    table = "meter,time,event\nm1,2026-11-22 05:00:00,停电\nm2,2026-11-22 05:00:00,复电\n"
    line = '{"at":"2026-11-22T05:00:00Z","device":"m1","kind":"power_off"}\n'
    rows = {
        "calls": table.encode("gb18030"), "events-jsonl": line.encode(), "outage-pairs": table.encode(),
        "head-end-rows": table.encode(), "head-end-96-columns": table.encode(),
    }  # fmt: skip
    return [
        Frame(f"{source}/drop.csv@1795300000000#1", body, golden.RECEIVED_MS, "file")
        for source, body in rows.items()
    ]


def _others() -> list[Frame]:
    folded = crossing.fold([b'{"kind":"power_off"}', b"{}"])
    told = {
        "crossing": ("zone-1/evidence/1#1", folded),
        "ping": ("silent", b'{"key":"k","at":1,"devices":["m1"]}'),
        "security": ("x", b'{"findings":[["spoofing","T1","text",2]]}'),
    }  # fmt: skip
    return [Frame(where, body, golden.RECEIVED_MS, door) for door, (where, body) in told.items()]


def _hplc() -> list[Frame]:
    bodies = [golden.golden_frame("hplc", case).body for case in golden.cases("hplc")]
    return [Frame(topic("T1", HPLC), body, golden.RECEIVED_MS) for body in bodies]


SEEDS: Final[dict[str, Callable[[], list[Frame]]]] = {
    "own": lambda: _golden("own", "mqtt"),
    "state_grid": lambda: _golden("state_grid", "mqtt"),
    "hplc": _hplc,
    "dlt645": lambda: _golden("dlt645", "dlt645:dtu-1"),
    "dlt645_wrapped": lambda: _golden("dlt645_wrapped", "mqtt"),
    "dlt698": lambda: _golden("dlt698", "dlt698:head-end"),
    "modbus": _modbus,
    "files": _files,
    "others": _others,
}


def _assert_sound(decoded: Decoded, frame: Frame) -> None:
    """What a store and the ledger can take: names, instants, shapes; or a refusal in words."""
    named_by_us = frame.door.partition(":")[0] in OWN_WRITTEN
    assert decoded.key, frame
    assert named_by_us or len(decoded.key) <= 400, frame
    assert len(decoded.refusal) <= 1_000, frame
    assert not decoded.refusal or not decoded.batches, frame
    for fact in decoded.evidence:
        assert fact.devices, frame
        assert fact.key, frame
        assert 0 <= fact.at_ms < _NEVER, frame
        names = (*fact.devices, fact.source)
        assert named_by_us or not [name for name in names if "\x00" in name or not name], frame
    for batch in decoded.batches:
        assert batch.scaled.shape == (len(batch.meters), len(batch.quantities)), frame
        assert len(batch.decimals) == len(batch.quantities), frame
        assert 0 <= batch.at_ms < _NEVER, frame
        assert 0 <= batch.seq < 2**63, frame
        assert len(set(batch.quantities)) == len(batch.quantities), frame


def _hurt(decode: Decode, frames: list[Frame], seed: int, rounds: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    bodies = [frame.body for frame in frames]
    for _ in range(rounds):
        frame = chance.choice(frames)
        body = damaged(chance, frame.body, bodies)
        where = frame.topic
        if frame.door == "mqtt" and chance.random() < 0.1:
            where = damaged(chance, where.encode(), [b"/../", b"+/#"]).decode("utf-8", "replace")[:1000]
        hurt = Frame(where, body, frame.received_ms, frame.door)
        began_s = time.process_time()
        decoded = decode(hurt)
        assert time.process_time() - began_s < MAX_CPU_S, hurt
        _assert_sound(decoded, hurt)


@pytest.mark.parametrize("protocol", SEEDS)
def test_no_damage_raises_or_takes_long(site: Installation, protocol: str) -> None:
    """SHAPE-01: through the very decoder that the drain uses."""
    frames = SEEDS[protocol]()
    decode = make_decoder(site.settings)
    for frame in frames:
        _assert_sound(decode(frame), frame)
    _hurt(decode, frames, seed=20_260, rounds=4_000)


def test_the_app_bus_takes_any_damage() -> None:
    frames = _golden("app_bus", "mqtt:lab")
    _hurt(lambda frame: app_bus.decode(frame, "TTU1", Meaning(Signals({}, {}, {}))), frames, 7, 4_000)


@pytest.mark.parametrize("byte", [0x00, 0x16, 0x33, 0x68, 0xFE, 0xFF])
def test_the_longest_monotony_is_soon_over(byte: int) -> None:
    """64 KiB of one byte: the worst that a search for frames can meet, nearly."""
    began_s = time.process_time()
    stream = bytes([byte]) * 65_536
    assert dlt645.decode(Frame("dtu-1/123456789012", stream, 0)).refusal
    assert dlt698.decode(Frame("x", stream, 0)).refusal
    assert not dlt698.find_frames(stream)[0]
    assert time.process_time() - began_s < MAX_CPU_S


_POLL: Final = b'{"device":"m1%s","unit":1,"terminal":"T1","model":"x","digest":"","at":%s,"silent":"no"}'
FOUND: Final = {
    "an exponent beyond Decimal": ("/v1/T1/service/data", b'{"mid":1001e99999999999999999999}', "mqtt"),
    "an instant beyond all calendars": ("m1", _POLL % (b"", b"17953099999999999999999999"), "modbus:bus"),
    "a zero byte in an id": ("m1", _POLL % (b"\\u0000", b"1"), "modbus:bus"),
    "a word as long as the frame": ("x", b'{"findings":[["%s","T1","text",2]]}' % (b"9" * 5_000), "security"),
    "more brackets than the stack holds": ("silent", b"[" * 60_000, "ping"),
    "brackets in a finding": ("x", b"[" * 60_000, "security"),
}
"""What damage brought to light before: refused since."""


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_refused(site: Installation, name: str) -> None:
    where, body, door = FOUND[name]
    frame = Frame(where, body, golden.RECEIVED_MS, door)
    decoded = make_decoder(site.settings)(frame)
    _assert_sound(decoded, frame)
    assert decoded.refusal


@pytest.mark.soak
@pytest.mark.parametrize("protocol", SEEDS)
def test_a_million_damaged_frames(site: Installation, protocol: str) -> None:
    _hurt(make_decoder(site.settings), SEEDS[protocol](), random.SystemRandom().randrange(2**32), 1_000_000)

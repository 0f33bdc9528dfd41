"""Fault 20 on the running gateway: garbage at every door; the next good frame is stored, the CPU rests."""

import random
import socket
import struct
import time
from decimal import Decimal
from pathlib import Path
from typing import Final

import psutil

from gateway.adapters.mqtt.door import BrokerAddress
from gateway.contract.topics import UP_CHANNELS, parse, topic
from gridcrew.broker import EmbeddedBroker, terminal_address
from simulators.adapters.dlt645_dtu import SimulatedDtu
from telemetry.evidence import EvidenceKind
from tests.faults.history import check_balance
from tests.faults.mutator import damaged
from tests.gateway import golden
from tests.gateway.dlt645_site import meter_time, meters
from tests.gateway.running import Installation, Publisher, await_true, readings_body
from tests.ports import free_port

SEED: Final = 20_261_122
BUSY_SHARE: Final = 0.5
"""Of one core, for a second, is more than a gateway needs that has nothing to do."""


def _connect(name: bytes, extra: bytes = b"") -> bytes:
    """An MQTT 3.1.1 CONNECT, clean session."""
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(name)) + name + extra
    return b"\x10" + bytes([len(body)]) + body


def _publish(where: bytes, body: bytes) -> bytes:
    rest = struct.pack(">H", len(where)) + where + b"\x00\x01" + body
    length, left = b"", len(rest)
    while True:
        left, byte = left >> 7, left & 0x7F
        length += bytes([byte | (0x80 if left else 0)])
        if not left:
            return b"\x32" + length + rest


def hostile_bytes(chance: random.Random) -> list[bytes]:
    """What no MQTT client would send: bad CONNECTs, lengths that lie, cut packets, noise."""
    good = _connect(b"T1") + _publish(b"gridcrew/v1/T1/readings", b"{}")
    return [
        b"",
        b"\x10\xff\xff\xff\xff\xff",
        b"\x10\xff\xff\xff\x7f",
        _connect(b"T1")[:7],
        _connect(b"T1").replace(b"MQTT", b"MQTX"),
        _connect(b"\xff\xfe\x00"),
        _connect(b"T1") * 3,
        _connect(b"T1") + b"\x32\xff\xff\xff\x7f" + b"x" * 1000,
        _connect(b"T1") + _publish(b"gridcrew/v1/T1/#", b"{}"),
        _connect(b"T1") + _publish(b"\xff\xff", b"{}"),
        _connect(b"T1") + _publish(b"gridcrew/v1/T1/command", b"{}"),
        _connect(b"T1") + b"\x82\x02\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        *(chance.randbytes(chance.randint(1, 400)) for _ in range(10)),
        *(damaged(chance, good, [good]) for _ in range(40)),
    ]


def _throw(address: tuple[str, int], body: bytes) -> None:
    """Send and go, whatever the other side thinks of it."""
    try:
        with socket.create_connection(address, 5) as connection:
            connection.settimeout(0.05)
            connection.sendall(body)
            connection.recv(64)
    except OSError:
        return


def _busy_s(site: Installation) -> float:
    assert site.process is not None
    parent = psutil.Process(site.process.pid)
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _at_rest(site: Installation) -> bool:
    before_s = _busy_s(site)
    time.sleep(1)
    return _busy_s(site) - before_s < BUSY_SHARE


def _stored(site: Installation, address: BrokerAddress, seq: int) -> None:
    """A good frame is taken and its value found."""
    terminal = Publisher(address, f"good-{seq}")
    terminal.publish(seq, topic("T9", "readings"), readings_body(seq, ["m9"]))
    terminal.flush()
    terminal.close()
    assert terminal.acknowledged == {seq}
    wanted = Decimal(seq) / 100
    await_true(
        lambda: "m9" in (found := site.readings.latest(["m9"]))
        and found["m9"].values["energy_import_kwh"] == wanted,
        f"the good frame {seq}",
    )  # fmt: skip


def test_hostile_bytes_at_the_broker(site: Installation, broker: EmbeddedBroker) -> None:
    site.start()
    address = terminal_address(site.settings)
    _stored(site, address, 1)
    for body in hostile_bytes(random.Random(SEED)):
        _throw((address.host, address.port), body)
    assert broker.alive()
    _stored(site, address, 2)
    await_true(lambda: _at_rest(site), "the gateway at rest")
    check_balance(site)


def test_garbage_on_every_channel(site: Installation, broker: EmbeddedBroker) -> None:
    chance = random.Random(SEED)
    frames = [
        golden.golden_frame(protocol, case)
        for protocol in ("own", "state_grid", "hplc", "dlt645_wrapped")
        for case in golden.cases(protocol)
    ]
    seeds = [frame.body for frame in frames]
    site.start()
    address = terminal_address(site.settings)
    terminal = Publisher(address, "garbage")
    for number in range(600):
        frame = chance.choice(frames)
        astray = parse(frame.topic) is None or chance.random() < 0.2
        where = topic("T1", chance.choice(sorted(UP_CHANNELS))) if astray else frame.topic
        terminal.publish(number, where, damaged(chance, frame.body, seeds))
    terminal.flush()
    terminal.close()
    assert len(terminal.acknowledged) == 600
    _stored(site, address, 7)
    await_true(lambda: site.records.counters().received == 601, "everything taken up")
    counters = site.records.counters()
    assert counters.pending == 0
    assert counters.dead > 100
    assert site.dead_letters.count() == counters.dead
    assert all(letter.problem for letter in site.dead_letters.listed(limit=1000))
    await_true(lambda: _at_rest(site), "the gateway at rest")
    check_balance(site)


def _meters_files(site: Installation, dtu_port: int, dial_port: int, head_end_port: int) -> None:
    folder = site.folder / "site" / "connections"
    folder.mkdir(parents=True)
    meter = '[[meters]]\naddress = "000000000001"\n'
    (folder / "line.toml").write_text(
        f'kind = "dlt645_tcp"\nhost = "127.0.0.1"\nport = {dtu_port}\ninterval_s = 1\n{meter}'
    )
    (folder / "port.toml").write_text(
        f'kind = "dlt645_listen"\nport = {dial_port}\n[[lines]]\nline = "other"\nregistration = "REG1"\n'
        '[[lines.meters]]\naddress = "000000000002"\n'
    )
    (folder / "head-end.toml").write_text(f'kind = "dlt698_listen"\nport = {head_end_port}\n')


def test_garbage_at_the_ports_of_meters_and_terminals(site: Installation, broker: EmbeddedBroker) -> None:
    """645 on a polled line and at the port that DTUs dial, 698 at its port: meters and terminals go on."""
    chance = random.Random(SEED)
    frames = [golden.golden_frame("dlt645", case).body for case in golden.cases("dlt645")]
    reports = [golden.golden_frame("dlt698", case).body for case in golden.cases("dlt698")]
    dial_port, head_end_port = free_port(), free_port()
    first, second = meters(2)
    with SimulatedDtu([first]) as dtu, SimulatedDtu([second]) as dialling:
        _meters_files(site, dtu.port, dial_port, head_end_port)
        site.start()
        await_true(lambda: bool(site.readings.latest([first.address])), "a first poll")
        for _ in range(40):
            dtu.push(damaged(chance, chance.choice(frames), frames)[:2000])
            _throw(("127.0.0.1", dial_port), damaged(chance, chance.choice(frames), frames))
            _throw(("127.0.0.1", head_end_port), damaged(chance, chance.choice(reports), reports))
        dialling.dial("127.0.0.1", dial_port, b"REG1")
        await_true(lambda: bool(site.readings.latest([second.address])), "the meter behind the dialled line")
        seen_ms = site.readings.latest([first.address])[first.address].at_ms
        await_true(
            lambda: site.readings.latest([first.address])[first.address].at_ms > seen_ms, "polls go on"
        )
        first.losses = [(meter_time(5), meter_time(4))]
        with socket.create_connection(("127.0.0.1", head_end_port), 5) as terminal:
            terminal.settimeout(10)
            terminal.sendall(golden.golden_frame("dlt698", "meters_lost_supply").body)
            assert terminal.recv(100)
        await_true(lambda: len(_losses(site)) >= 4, "losses told by the meter and by the terminal")
        found = site.readings.latest([first.address])[first.address]
        assert found.values["energy_import_kwh"] == Decimal("123456.78")
    await_true(lambda: _at_rest(site), "the gateway at rest")
    check_balance(site)


def _losses(site: Installation) -> set[str]:
    off_and_on = {EvidenceKind.POWER_OFF, EvidenceKind.POWER_ON}
    facts = [row.evidence for row in site.evidence.read(0)]
    return {
        fact.key
        for fact in facts
        if fact.kind in off_and_on and fact.devices[0] in {"000000000001", "000000000002"}
    }


def test_a_file_of_noise_harms_nothing(site: Installation, broker: EmbeddedBroker) -> None:
    chance = random.Random(SEED)
    site.start()
    inbox: Path = site.settings.inbox_folder
    inbox.mkdir(parents=True, exist_ok=True)
    names = ["calls-1.csv", "noise.bin", "events.jsonl", "readings-1.csv"]
    for name in names:
        (inbox / name).write_bytes(chance.randbytes(5_000))
    await_true(lambda: not any((inbox / name).exists() for name in names), "the files taken away", 30)
    _stored(site, terminal_address(site.settings), 3)
    check_balance(site)

"""What terminals know to be acknowledged, and whether an installation kept every bit of it exactly once.

Every fault test ends with ``History.check``. Chance has a seed, which a failure tells (``conftest.py``);
``GRIDCREW_FAULT_SEED`` plays it again. A history names what was *acknowledged* to its sender (must be
there) and what was merely *sent* (may be there); nothing else may be there.
"""

import os
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Engine, func, select

from gateway.adapters.ledger.dead_letters import PARTS
from telemetry.adapters.gateway_records import SqlGatewayRecords
from telemetry.adapters.gateway_tables import dead_letters, evidence, gateway_state, seen_frames
from tests.gateway.running import WAIT_S, Installation, Publisher, await_true, readings_body

DAMAGED = "!"
"""First sign of the name of a spool record that could not be read: dead, and nobody's frame."""


SEEDS: Final[list[int]] = []
"""Drawn since the test began."""


def drawn_seed() -> int:
    """A new one, or the one to be played again; a failing test tells it."""
    asked = os.environ.get("GRIDCREW_FAULT_SEED")
    seed = random.SystemRandom().randrange(2**32) if asked is None else int(asked)
    SEEDS.append(seed)
    return seed


class ReadingKeys(Protocol):
    """Answers which frames' readings a store holds, so that other stores than the embedded can be checked."""

    def __call__(self, installation: Installation) -> Counter[str]:
        """``terminal/boot/seq`` → how often."""


def embedded_readings(installation: Installation) -> Counter[str]:
    """Frames of the embedded store."""
    file = installation.folder / "readings" / "readings.db"
    if not file.exists():
        return Counter()
    connection = sqlite.connect(f"file:{file}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT terminal, boot, seq FROM batches JOIN starts USING (start)")
        return Counter(f"{terminal}/{boot}/{seq}" for terminal, boot, seq in rows)
    finally:
        connection.close()


@dataclass
class History:
    """Fill it while frames are sent; frames are named as the gateway names them (``terminal/boot/seq``).

    A frame that carries no name is named by its body here, and is expected in the dead letters.
    """

    seed: int = field(default_factory=drawn_seed)
    acknowledged: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    """Acknowledged or not; what is found must be one of these."""
    with_readings: set[str] = field(default_factory=set)
    """Of ``sent``: frames whose readings belong into the store."""
    dead_bodies: Counter[bytes] = field(default_factory=Counter)
    """Acknowledged frames that nobody can understand, by body, and how often each was sent."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def send(self, key: str, *, readings: bool = False, acknowledged: bool = False) -> None:
        """This frame left its sender."""
        self.sent.add(key)
        if readings:
            self.with_readings.add(key)
        if acknowledged:
            self.acknowledged.add(key)

    def acknowledge(self, keys: Iterable[str]) -> None:
        """Their sender was told that they arrived."""
        self.acknowledged.update(keys)

    def settled(self, installation: Installation) -> bool:
        """Everything acknowledged was taken up and nothing waits."""
        least = len(self.acknowledged) + len(self.dead_bodies)
        return installation.settled(least) and not self.acknowledged - set(_seen(installation.engine))

    def check(
        self, installation: Installation, readings: ReadingKeys = embedded_readings, wait_s: float = WAIT_S
    ) -> None:
        """Wait until nothing is pending, then hold the installation against this history."""
        await_true(lambda: self.settled(installation), lambda: self.lost(installation), wait_s)
        where = f"seed {self.seed}"
        seen, dead = _seen(installation.engine), _dead(installation.engine)
        kept = {key for key in seen if not key.startswith(("#", DAMAGED))}
        assert not self.acknowledged - kept, f"acknowledged and lost, {where}"
        assert not kept - self.sent, f"nobody sent this, {where}"
        self._check_dead(dead, where)
        self._check_readings(readings(installation), kept - dead.keys(), where)
        check_balance(installation)
        counters = installation.records.counters()
        print(
            f"{len(self.acknowledged)} named frames acknowledged, none lost;"
            f" received {counters.received} = duplicate {counters.duplicate}"
            f" + stored {counters.stored} + dead {counters.dead}"
        )

    def lost(self, installation: Installation) -> str:
        """What is missing, in words."""
        missing = self.acknowledged - set(_seen(installation.engine))
        return f"{len(missing)} of {len(self.acknowledged)} frames, such as {sorted(missing)[:3]}"

    def _check_dead(self, dead: Mapping[str, bytes], where: str) -> None:
        bodies = Counter(body for key, body in dead.items() if key[0] != DAMAGED and PARTS not in key)
        missing = set(self.dead_bodies) - set(bodies)
        assert not missing, f"acknowledged and not among the dead letters, {where}"
        assert not [body for body in bodies if bodies[body] > 1], f"dead more than once, {where}"

    def _check_readings(self, found: Counter[str], kept: set[str], where: str) -> None:
        assert not self.with_readings & kept - found.keys(), f"counted as stored, not in the store, {where}"
        assert not [key for key, times in found.items() if times > 1], f"stored more than once, {where}"


def check_balance(installation: Installation) -> None:
    """The counters balance, and agree with what lies in the tables."""
    counters = SqlGatewayRecords(installation.engine).counters()
    kept = counters.duplicate + counters.stored + counters.dead + counters.pending
    assert counters.received == kept, f"received is not duplicate + stored + dead + pending: {counters}"
    state = _state(installation.engine)
    dead = len(_dead(installation.engine))
    expected = counters.dead - state.get("dead_forgotten", 0) + state.get("dead_parts", 0)
    assert expected == dead, f"{counters}, {dead} dead letters"
    with installation.engine.connect() as connection:
        ids = connection.execute(
            select(func.count(), func.min(evidence.c.id), func.max(evidence.c.id)).select_from(evidence)
        ).one()
    assert ids[0] == (ids[2] - ids[1] + 1 if ids[0] else 0), "ids of the evidence log have gaps"


def _seen(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return {name.partition("@")[0] for name in connection.scalars(select(seen_frames.c.key))}


def _dead(engine: Engine) -> dict[str, bytes]:
    with engine.connect() as connection:
        rows = connection.execute(select(dead_letters.c.key, dead_letters.c.body))
        return {row.key: bytes(row.body) for row in rows}


def _state(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {row.name: int(row.value) for row in connection.execute(select(gateway_state))}


class Terminal:
    """One terminal that publishes numbered frames and writes the history of what the broker acknowledged.

    Readings, events, and now and then a frame that nobody can understand (``broken_each``; 0 never).
    """

    def __init__(
        self,
        history: History,
        publisher: Publisher,
        name: str = "T1",
        boot: str = "b1",
        broken_each: int = 50,
    ) -> None:
        self.name, self.boot = name, boot
        self.seq = 0
        self._history = history
        self._publisher = publisher
        self._broken_each = broken_each
        self._keys: dict[int, str] = {}
        self._bodies: dict[int, bytes] = {}

    def send(self, frames: int = 1) -> None:
        """Publish so many frames, without waiting."""
        for _ in range(frames):
            self._send(self.seq)
            self.seq += 1

    def _send(self, seq: int) -> None:
        key, topic = f"{self.name}/{self.boot}/{seq}", f"gridcrew/v1/{self.name}/"
        if self._broken_each and seq % self._broken_each == self._broken_each - 1:
            self._bodies[seq] = b"{broken %s %d" % (key.encode(), seq)
            self._publisher.publish(seq, topic + "readings", self._bodies[seq])
        elif seq % 7 == 3:
            self._keys[seq] = key
            self._history.send(key)
            self._publisher.publish(seq, topic + "events", event_body(seq, self.boot))
        else:
            self._keys[seq] = key
            self._history.send(key, readings=True)
            body = readings_body(seq, [f"{self.name}-m1", f"{self.name}-m2"], self.boot)
            self._publisher.publish(seq, topic + "readings", body)

    def finish(self) -> None:
        """Wait for the broker's acknowledgements and write them down."""
        self._publisher.flush()
        done = self._publisher.acknowledged
        self._history.acknowledge(key for seq, key in self._keys.items() if seq in done)
        self._history.dead_bodies.update(body for seq, body in self._bodies.items() if seq in done)


def event_body(seq: int, boot: str = "b1", at_ms: int = 1_795_300_000_000) -> bytes:
    """An events frame whose time tells its sequence number."""
    return (
        b'{"v":1,"boot":"%s","seq":%d,"events":[{"at":%d,"device":"m1","kind":"voltage",'
        b'"volts":[230.1,230.2,230.3]}]}' % (boot.encode(), seq, at_ms + seq)
    )

"""What the fusion terminals do, one beside each transformer: when each speaks, and what it says.

A terminal reads its meters, beats its heart and passes on what they notice. Its own supply is that of its
transformer's low-voltage side; without it the super-capacitor carries it long enough to send its meters' last
gasps, then it falls silent until supply returns and starts as a new boot. A blocked terminal says nothing,
and nothing of its meters arrives. All chance is seeded by the number of the change, so that the same commands
lead to the same decisions at any speed.
"""

import heapq
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

import msgspec
import numpy as np

from gateway.contract.payloads import MAX_EVENTS, Command, Event
from gateway.contract.topics import STATUS
from geo.network import Bool, Int32, Network
from simulators.frames import Boot
from simulators.metering import Metering
from simulators.speech import OwnSpeech, Said, Speech

METERS_PER_FRAME: Final = 200
GASPS_PER_FRAME: Final = 20
"""A terminal groups ten to twenty meters in one uplink frame."""
GASP_WINDOW_MS: Final = 1_000
"""It waits so long for more of them."""
GASP_AT_LEAST_MS: Final = 600
ANSWER_MS: Final = (300, 2_000)

NoticeKind = Literal["power_off", "power_on"]


@dataclass(frozen=True, slots=True)
class Habits:
    """How terminals behave; times in milliseconds of the wall clock."""

    reading_interval_ms: int = 15_000
    heartbeat_ms: int = 30_000
    lost_last_gasps: float = 0.2
    lost_power_ons: float = 0.05
    blocked_terminals: float = 0.0
    own_gasp_arrives: float = 0.85
    gasp_delay_ms: int = 6_000
    """Mean of the exponential delay between a loss and the frame that tells it."""
    power_on_delay_ms: int = 3_000
    backup_ms: tuple[int, int] = (60_000, 90_000)
    start_up_ms: tuple[int, int] = (3_000, 8_000)


@dataclass(frozen=True, slots=True)
class Connect:
    """The terminal opens its connection and leaves this last will on that channel."""

    terminal: int
    will: bytes
    channel: str = STATUS


@dataclass(frozen=True, slots=True)
class Publish:
    terminal: int
    channel: str
    payload: bytes
    bulk: bool = False
    """Readings: in a full memory they give way to words."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The terminal dies without a word: its connection breaks."""

    terminal: int


Action = Connect | Publish | Drop


@dataclass(frozen=True, slots=True)
class _StartUp:
    pass


@dataclass(frozen=True, slots=True)
class _Read:
    pass


@dataclass(frozen=True, slots=True)
class _Beat:
    pass


@dataclass(frozen=True, slots=True)
class _RunDry:
    pass


@dataclass(frozen=True, slots=True)
class _Notice:
    """Meters (rows) that noticed a loss or return at ``at_ms``."""

    kind: NoticeKind
    at_ms: tuple[int, ...]
    meters: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _OwnNotice:
    kind: NoticeKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Answer:
    devices: tuple[str, ...]


_Task = _StartUp | _Read | _Beat | _RunDry | _Notice | _OwnNotice | _Answer


@dataclass(slots=True)
class Terminal:
    row: int
    id: str
    meters: Int32
    """Rows of the meters in its archive, as recorded."""
    blocked: bool
    powered: bool
    boot: Boot | None = None
    """None while it does not run."""
    dry_at_ms: int | None = None
    """When the super-capacitor ends; None while it has supply or does not run."""
    starts: int = field(default=0)


class Fleet:
    """All terminals of a network and their agenda. Not safe for threads: the practice grid locks it."""

    def __init__(
        self, network: Network, metering: Metering, habits: Habits, seed: int, speech: Speech | None = None
    ) -> None:
        """``speech``: how they put it; our own contract unless given."""
        self._network, self._metering, self._habits, self._seed = network, metering, habits, seed
        self._speech: Speech = speech or OwnSpeech()
        self._meter_on = np.ones(len(network.meters), bool)
        self._agenda: list[tuple[int, int, int, int, _Task]] = []
        self._serial = itertools.count()
        self.terminals = _terminals(network, habits, seed)

    @property
    def blocked(self) -> tuple[str, ...]:
        return tuple(terminal.id for terminal in self.terminals if terminal.blocked)

    def start(self, meter_on: Bool, terminal_on: Bool, now_ms: int) -> None:
        """Every terminal with supply starts, spread over two seconds."""
        self._meter_on = meter_on.copy()
        rng = np.random.default_rng([self._seed, 5])
        for terminal, wait in zip(self.terminals, rng.integers(0, 2_000, len(self.terminals)), strict=True):
            terminal.powered = bool(terminal_on[terminal.row])
            if terminal.powered and not terminal.blocked:
                self._plan(now_ms + int(wait), terminal, _StartUp())

    def changed(self, meter_on: Bool, terminal_on: Bool, change: int, now_ms: int) -> None:
        """Supply changed at ``now_ms``; ``change`` numbers the commands and seeds what follows."""
        lost = np.flatnonzero(self._meter_on & ~meter_on).astype(np.int32)
        regained = np.flatnonzero(meter_on & ~self._meter_on).astype(np.int32)
        self._meter_on = meter_on.copy()
        rng = np.random.default_rng([self._seed, 6, change])
        ready_ms = self._switch_terminals(terminal_on, rng, now_ms)
        self._notices("power_off", lost, rng, now_ms, {})
        self._notices("power_on", regained, rng, now_ms, ready_ms)

    def command(self, terminal: int, payload: bytes, now_ms: int) -> None:
        """Answer a ping some time later; what is no command of the contract is left unanswered."""
        try:
            asked = msgspec.json.decode(payload, type=Command)
        except msgspec.MsgspecError:
            return
        rng = np.random.default_rng([self._seed, 8, zlib.crc32(asked.id.encode())])
        later_ms = now_ms + int(rng.integers(*ANSWER_MS))
        self._plan(later_ms, self.terminals[terminal], _Answer(asked.devices[:MAX_EVENTS]))

    def due(self, now_ms: int) -> list[Action]:
        """What happens now, in order; advances the agenda."""
        actions: list[Action] = []
        while self._agenda and self._agenda[0][0] <= now_ms:
            _, _, row, starts, task = heapq.heappop(self._agenda)
            terminal = self.terminals[row]
            if starts == terminal.starts:  # else it was planned in an earlier life
                actions.extend(self._perform(terminal, task, now_ms))
        return actions

    @property
    def next_due_ms(self) -> int | None:
        return self._agenda[0][0] if self._agenda else None

    def _plan(self, due_ms: int, terminal: Terminal, task: _Task) -> None:
        heapq.heappush(self._agenda, (due_ms, next(self._serial), terminal.row, terminal.starts, task))

    def _perform(self, terminal: Terminal, task: _Task, now_ms: int) -> Iterator[Action]:
        if isinstance(task, _StartUp):
            yield from self._start_up(terminal, now_ms)
            return
        if terminal.boot is None:
            return
        match task:
            case _Read():
                yield from self._read(terminal, terminal.boot, now_ms)
            case _Beat():
                yield from self._beat(terminal, terminal.boot, now_ms)
            case _RunDry():
                yield from self._run_dry(terminal, now_ms)
            case _Notice():
                yield from self._tell(terminal, terminal.boot, self._still_true(task))
            case _OwnNotice():
                yield from self._tell(terminal, terminal.boot, [Event(task.at_ms, terminal.id, task.kind)])
            case _Answer():
                yield from self._tell(terminal, terminal.boot, self._answers(terminal, task, now_ms))
            case _:
                assert_never(task)

    def _start_up(self, terminal: Terminal, now_ms: int) -> Iterator[Action]:
        if terminal.boot is not None or not terminal.powered:
            return
        terminal.boot = Boot(f"{now_ms:x}")
        will = self._speech.will(terminal.boot, terminal.id, now_ms)
        yield Connect(terminal.row, will.payload, will.channel)
        ids = self._ids(terminal.meters)
        yield from _published(terminal, self._speech.greeting(terminal.boot, terminal.id, ids, now_ms))
        rng = np.random.default_rng([self._seed, 7, terminal.row])
        reading, beat = rng.random(2)
        # After its first start it reads at once what the return of supply brought.
        spread = 1.0 if terminal.starts == 0 else 0.2
        self._plan(now_ms + int(reading * spread * self._habits.reading_interval_ms), terminal, _Read())
        self._plan(now_ms + int(beat * self._habits.heartbeat_ms), terminal, _Beat())

    def _read(self, terminal: Terminal, boot: Boot, now_ms: int) -> Iterator[Action]:
        self._plan(now_ms + self._habits.reading_interval_ms, terminal, _Read())
        if terminal.dry_at_ms is not None:
            return  # the super-capacitor is kept for last gasps
        for first in range(0, len(terminal.meters), METERS_PER_FRAME):
            meters = terminal.meters[first : first + METERS_PER_FRAME]
            ids = self._ids(meters)
            rows = self._metering.rows(meters, self._meter_on[meters], now_ms)
            yield from _published(terminal, self._speech.readings(boot, terminal.id, now_ms, ids, rows))

    def _ids(self, meters: Int32) -> list[str]:
        return [self._network.meters.ids[meter] for meter in meters]

    def _beat(self, terminal: Terminal, boot: Boot, now_ms: int) -> Iterator[Action]:
        self._plan(now_ms + self._habits.heartbeat_ms, terminal, _Beat())
        if terminal.dry_at_ms is None:
            yield from _published(terminal, [self._speech.heartbeat(boot, terminal.id, now_ms)])

    def _run_dry(self, terminal: Terminal, now_ms: int) -> Iterator[Action]:
        if terminal.dry_at_ms is None or now_ms < terminal.dry_at_ms:
            return
        terminal.boot, terminal.dry_at_ms = None, None
        terminal.starts += 1
        yield Drop(terminal.row)

    def _tell(self, terminal: Terminal, boot: Boot, noticed: Sequence[Event]) -> Iterator[Action]:
        if noticed:
            yield from _published(terminal, self._speech.events(boot, terminal.id, noticed))

    def _still_true(self, notice: _Notice) -> list[Event]:
        on = notice.kind == "power_on"
        return [
            Event(at_ms, self._network.meters.ids[meter], notice.kind)
            for at_ms, meter in zip(notice.at_ms, notice.meters, strict=True)
            if bool(self._meter_on[meter]) == on
        ]

    def _answers(self, terminal: Terminal, answer: _Answer, now_ms: int) -> list[Event]:
        own = set(terminal.meters.tolist())
        row_of = self._network.meter_row
        alive = {
            device: device == terminal.id
            or (row_of.get(device, -1) in own and bool(self._meter_on[row_of[device]]))
            for device in answer.devices
        }
        return [Event(now_ms, device, "alive" if lives else "silent") for device, lives in alive.items()]

    def _switch_terminals(self, on: Bool, rng: np.random.Generator, now_ms: int) -> dict[int, int]:
        """Terminals lose or regain supply; by row of those that start: the instant from which they speak."""
        ready_ms: dict[int, int] = {}
        for terminal in self.terminals:
            powered = bool(on[terminal.row])
            if powered == terminal.powered:
                continue
            terminal.powered = powered
            if terminal.blocked:
                continue
            if powered:
                ready_ms[terminal.row] = self._regain(terminal, rng, now_ms)
            else:
                self._lose(terminal, rng, now_ms)
        return ready_ms

    def _lose(self, terminal: Terminal, rng: np.random.Generator, now_ms: int) -> None:
        backup_ms, wait_ms = rng.integers(*self._habits.backup_ms), rng.integers(400, 1_500)
        tells = rng.random() < self._habits.own_gasp_arrives
        if terminal.boot is None:
            return
        terminal.dry_at_ms = now_ms + int(backup_ms)
        self._plan(terminal.dry_at_ms, terminal, _RunDry())
        if tells:
            self._plan(now_ms + int(wait_ms), terminal, _OwnNotice("power_off", now_ms))

    def _regain(self, terminal: Terminal, rng: np.random.Generator, now_ms: int) -> int:
        ready_ms = now_ms + int(rng.integers(*self._habits.start_up_ms))
        terminal.dry_at_ms = None
        if terminal.boot is None:
            self._plan(ready_ms, terminal, _StartUp())
        else:
            ready_ms = now_ms
        self._plan(ready_ms + 500, terminal, _OwnNotice("power_on", now_ms))
        return ready_ms

    def _notices(
        self, kind: NoticeKind, meters: Int32, rng: np.random.Generator, now_ms: int, ready_ms: dict[int, int]
    ) -> None:
        habits = self._habits
        lost, mean_ms = {
            "power_off": (habits.lost_last_gasps, habits.gasp_delay_ms),
            "power_on": (habits.lost_power_ons, habits.power_on_delay_ms),
        }[kind]
        arrives = rng.random(len(meters)) >= lost
        delay_ms = GASP_AT_LEAST_MS + rng.exponential(mean_ms, len(meters))
        noticed_ms = now_ms + rng.integers(20, 400, len(meters))
        for row in np.unique(self._network.meters.terminal[meters]):
            if row < 0 or self.terminals[row].blocked:
                continue
            mine = np.flatnonzero((self._network.meters.terminal[meters] == row) & arrives)
            mine = mine[np.argsort(delay_ms[mine], kind="stable")]
            start_ms = ready_ms.get(int(row), now_ms)
            for due_ms, group in _grouped(start_ms + delay_ms[mine].astype(np.int64), mine):
                at_ms, rows = noticed_ms[group].tolist(), meters[group].tolist()
                self._plan(due_ms, self.terminals[row], _Notice(kind, tuple(at_ms), tuple(rows)))


def _published(terminal: Terminal, words: Iterable[Said]) -> Iterator[Publish]:
    for said in words:
        yield Publish(terminal.row, said.channel, said.payload, said.bulk)


def _grouped(arrival_ms: np.ndarray, members: np.ndarray) -> Iterator[tuple[int, list[int]]]:
    """Frames of what arrives within one window, at most ``GASPS_PER_FRAME``; arrivals ascending."""
    group: list[int] = []
    opened_ms = last_ms = 0
    for at_ms, member in zip(arrival_ms.tolist(), members.tolist(), strict=True):
        if group and (at_ms - opened_ms > GASP_WINDOW_MS or len(group) == GASPS_PER_FRAME):
            yield last_ms if len(group) == GASPS_PER_FRAME else opened_ms + GASP_WINDOW_MS, group
            group = []
        if not group:
            opened_ms = at_ms
        group.append(member)
        last_ms = at_ms
    if group:
        yield opened_ms + GASP_WINDOW_MS, group


def _terminals(network: Network, habits: Habits, seed: int) -> tuple[Terminal, ...]:
    count = len(network.terminals)
    rng = np.random.default_rng([seed, 4])
    blocked = np.zeros(count, bool)
    blocked[rng.permutation(count)[: round(habits.blocked_terminals * count)]] = True
    order = np.argsort(network.meters.terminal, kind="stable").astype(np.int32)
    bounds = np.searchsorted(network.meters.terminal[order], np.arange(count + 1))
    return tuple(
        Terminal(
            row, network.terminals.ids[row], order[bounds[row] : bounds[row + 1]], bool(blocked[row]), True
        )
        for row in range(count)
    )

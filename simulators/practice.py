"""The practice grid: what is really so, and who notices. Commands come in, terminals' words come out.

Safe for threads: the control port commands, the fleet's loop asks what is due, crews repair.
"""

import threading
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from geo.network import ABSENT, Bool, Int32, Network
from simulators.metering import Metering, equipment
from simulators.phases import ALL, DISTURBED_PU, LIVES_PU
from simulators.physics import Physics, Tripped
from simulators.places import Places, terminal_nodes, true_places
from simulators.profiles import LoadCurve, Profiles
from simulators.sensors import SensorFleet, way_to
from simulators.speech import OwnSpeech, Speech
from simulators.terminals import Action, Fleet, Habits

NO_WAY: Final = np.empty(0, np.int32)
REACH: Final = 3
"""Edges around an element within which a crew sees what failed, unless it looks further."""
MAX_REACH: Final = 10_000


@dataclass(frozen=True, slots=True)
class TruthEntry:
    """One change as it really was: for scoring, never for the product."""

    at_ms: int
    change: Literal["trip", "restore", "mend"]
    elements: tuple[str, ...]
    lost: tuple[str, ...]
    """Meter ids that lost supply at that instant, where they truly hang."""
    regained: tuple[str, ...]
    disturbed: tuple[str, ...] = ()
    """Meter ids that live since, but lack a phase or have half of it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did; ``customers`` = how many customers it took or gave supply."""

    element: str
    customers: int
    mended: tuple[str, ...] = ()
    disturbed: int = 0
    """Customers whose meters live but lack a phase or have half of it."""


@dataclass(frozen=True, slots=True)
class GridState:
    tripped: tuple[Tripped, ...]
    terminals: int
    blocked: tuple[str, ...]
    meters_out: int
    customers_out: int


@dataclass(frozen=True, slots=True)
class Chances:
    """The seeded parameters of a run."""

    seed: int = 1
    wrong_meters: float = 0.01
    habits: Habits = field(default_factory=Habits)
    speech: Speech = field(default_factory=OwnSpeech)
    sensors: bool = False
    """Whether switch terminals and fault indicators speak (in our contract)."""


class PracticeGrid:
    """Physics, meters and terminals of one network, and the record of what was really so."""

    def __init__(self, network: Network, profiles: Profiles, chances: Chances, now_ms: int) -> None:
        self.network = network
        self.places: Places = true_places(network, chances.wrong_meters, chances.seed)
        self._lock = threading.RLock()
        self._physics = Physics(network, chances.seed)
        self._terminal_node = terminal_nodes(network)
        behind = equipment(network, profiles, chances.seed)
        self._metering = Metering(behind, LoadCurve(profiles), chances.seed)
        self.speech = chances.speech
        self._fleet = Fleet(network, self._metering, chances.habits, chances.seed, chances.speech)
        self._sensors = SensorFleet(network, chances.habits.heartbeat_ms, chances.seed)
        self._sensors_speak = chances.sensors
        self._meter_on = self._supplied_meters()
        self._changes = 0
        self._untold: list[TruthEntry] = []
        self._metering.interrupted(np.flatnonzero(~self._meter_on).astype(np.int32), now_ms)
        if chances.sensors:
            self._sensors.start(self._physics.opened, now_ms)
        self._fleet.start(self._meter_on, self._physics.supplied_nodes[self._terminal_node], now_ms)

    def trip(self, element: str, now_ms: int, phases: int = ALL) -> Outcome:
        """Raises ``UnknownElement`` or ``NotPossible``."""
        with self._lock:
            way = way_to(self.network, ~self._physics.opened, element) if phases == ALL else NO_WAY
            self._physics.trip(element, now_ms, phases)
            customers = self._changed("trip", (element,), now_ms, way)
            return Outcome(element, customers, disturbed=self._customers(self._disturbed()))

    def restore(self, element: str, now_ms: int) -> Outcome:
        """Raises ``UnknownElement`` or ``NotPossible``."""
        with self._lock:
            self._physics.restore(element)
            return Outcome(element, self._changed("restore", (element,), now_ms))

    def look(self, near: str, reach: int = REACH) -> tuple[str, ...]:
        """What failed nearest to ``near``, within ``reach`` edges; raises ``UnknownElement``."""
        with self._lock:
            return self._physics.tripped_near(near, reach)

    def repair(self, near: str, now_ms: int, reach: int = REACH) -> Outcome:
        """Mend what failed nearest to ``near``, within ``reach`` edges; nothing found is no error."""
        with self._lock:
            found = self._physics.tripped_near(near, reach)
            if not found:
                return Outcome(near, 0)
            self._physics.restore(*found)
            return Outcome(near, self._changed("mend", found, now_ms), found)

    def due(self, now_ms: int) -> list[Action]:
        """What terminals do now, in order."""
        with self._lock:
            return [*self._fleet.due(now_ms), *self._sensors.due(now_ms)]

    def command(self, terminal: int, payload: bytes, now_ms: int) -> None:
        """A command reached the terminal; sensors take none."""
        with self._lock:
            if terminal < len(self.network.terminals):
                self._fleet.command(terminal, payload, now_ms)

    def terminal_ids(self) -> tuple[str, ...]:
        return self.network.terminals.ids

    def speech_of(self, row: int) -> Speech:
        """How a terminal speaks; sensors always speak our contract."""
        return self.speech if row < len(self.network.terminals) else OwnSpeech()

    def speaker_ids(self) -> tuple[str, ...]:
        """Terminals, and after them the sensors where they speak."""
        sensors = self.network.sensors.ids if self._sensors_speak else ()
        return (*self.network.terminals.ids, *sensors)

    @property
    def speaking(self) -> frozenset[int]:
        """Rows of the terminals that run and are not blocked."""
        with self._lock:
            return frozenset(one.row for one in self._fleet.terminals if one.powered and not one.blocked)

    def state(self) -> GridState:
        with self._lock:
            return GridState(
                tripped=self._physics.tripped,
                terminals=len(self.network.terminals),
                blocked=self._fleet.blocked,
                meters_out=int((~self._meter_on).sum()),
                customers_out=self._customers(~self._meter_on),
            )

    def take_truth(self) -> list[TruthEntry]:
        """What happened since the last call, oldest first."""
        with self._lock:
            taken, self._untold = self._untold, []
            return taken

    def _changed(
        self, what: Literal["trip", "restore", "mend"], elements: tuple[str, ...], now_ms: int,
        way: Int32 = NO_WAY,
    ) -> int:  # fmt: skip
        before, after = self._meter_on, self._supplied_meters()
        lost, regained = before & ~after, after & ~before
        self._metering.interrupted(np.flatnonzero(lost).astype(np.int32), now_ms)
        self._metering.returned(np.flatnonzero(regained).astype(np.int32), now_ms)
        self._meter_on = after
        self._changes += 1
        terminal_on = self._physics.supplied_nodes[self._terminal_node]
        self._fleet.changed(after, terminal_on, self._changes, now_ms)
        if self._sensors_speak:
            self._sensors.changed(self._physics.opened, (way,), self._changes, now_ms)
        disturbed = self._ids(self._disturbed())
        self._untold.append(
            TruthEntry(now_ms, what, elements, self._ids(lost), self._ids(regained), disturbed)
        )
        return self._customers(lost | regained)

    def _supplied_meters(self) -> Bool:
        volts = self._physics.volts[self.places.node]
        self._metering.supply(volts)
        lives: Bool = np.where(self._metering.conductors, volts, 0.0).max(axis=1) > LIVES_PU
        return lives

    def _disturbed(self) -> Bool:
        """Meters that live, but not on all of their phases."""
        volts = self._physics.volts[self.places.node]
        least = np.where(self._metering.conductors, volts, 1.0).min(axis=1)
        disturbed: Bool = self._meter_on & (least < DISTURBED_PU)
        return disturbed

    def _ids(self, meters: Bool) -> tuple[str, ...]:
        return tuple(self.network.meters.ids[row] for row in np.flatnonzero(meters))

    def _customers(self, meters: Bool) -> int:
        customers = self.network.meters.customer[meters]
        return len(np.unique(customers[customers != ABSENT]))

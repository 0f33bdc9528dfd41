"""All observed brokers as one door: each has a session of its own; added, changed and removed while it runs.

One account and one durable session per broker (clean_session off, QoS 1). Nothing is published: the session
is mute, there is no last will, no answer, no ping.
"""

import contextlib
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.adapters.mqtt.connection import BrokerAddress, Session
from gateway.adapters.mqtt.door import MqttDoor
from gateway.adapters.mqtt.heard_doors import OBSERVERS, READY
from gateway.adapters.mqtt.observer_files import ObserverFiles
from gateway.adapters.mqtt.session_memory import SessionMemory
from gateway.adapters.site_files import POLL_S
from gateway.adapters.threaded import Threaded
from gateway.frames import MQTT, Frame, Lane
from gateway.observers import Observer
from gateway.ports import Intake

log = logging.getLogger(__name__)

STOP_S: Final = 2.0


def session_of(observer: Observer) -> Session:
    """Its durable session; frames name ``mqtt:NAME`` as their door."""
    lanes = {Lane(topic.lane) for topic in observer.topics}
    return Session(
        name=observer.name,
        client_id=observer.broker.client_id,
        filters=tuple(topic.filter for topic in observer.topics),
        # A session that carries events as well is never held back for the sake of readings.
        lane=Lane.EVENTS if Lane.EVENTS in lanes else min(lanes, key=list(Lane).index),
        door=f"{MQTT}:{observer.name}",
        mute=True,
    )


def address_of(observer: Observer, site: Path, keepalive_s: int) -> BrokerAddress:
    """Where and as whom; files are named beside the site folder; raises OSError where one is missing."""
    broker = observer.broker
    plain = BrokerAddress.from_url(broker.url)

    def file(name: str) -> str:
        return str(site / name) if name else ""

    password = broker.password
    if broker.password_file:
        password = (site / broker.password_file).read_text(encoding="utf-8").strip()
    return BrokerAddress(
        plain.host, plain.port, broker.username, password, plain.tls,
        file(broker.ca_file), file(broker.cert_file), file(broker.key_file), keepalive_s,
    )  # fmt: skip


class ObserverDoors(Threaded):
    """``Door`` over all observed brokers of the site's files."""

    name = OBSERVERS
    required = False

    def __init__(self, site: Path, intake: Intake, memory: SessionMemory, keepalive_s: int) -> None:
        self._site = site
        self._files = ObserverFiles(site)
        self._intake = intake
        self._memory = memory
        self._keepalive_s = keepalive_s
        self._doors: dict[str, MqttDoor] = {}
        self._lock = threading.Lock()
        super().__init__(self.name)

    @property
    def ready(self) -> bool:
        """True while every observed broker is heard."""
        return all(door.ready for door in self._current().values()) and not self._files.refused

    @property
    def trouble(self) -> str:
        """What ails which of them, and which files are refused."""
        ailing = [f"{name}: {door.trouble}" for name, door in self._current().items() if door.trouble]
        return "; ".join([*ailing, *self._files.refused.values()])

    def counters(self) -> Mapping[str, int]:
        """``NAME.frames``, ``NAME.connections`` … per broker, and how many there are."""
        doors = self._current()
        told = {
            f"{name}.{what}": count for name, door in doors.items() for what, count in door.counters().items()
        }
        ready = {f"{name}{READY}": int(door.ready) for name, door in doors.items()}
        return {"observers": len(doors), "refused_files": len(self._files.refused), **told, **ready}

    def _current(self) -> dict[str, MqttDoor]:
        with self._lock:
            return dict(self._doors)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._follow()
            self._stop.wait(POLL_S)
        doors = self._current()
        enders = [threading.Thread(target=door.stop, args=(STOP_S,)) for door in doors.values()]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    def _follow(self) -> None:
        changes = self._files.poll()
        for name in (*changes.removed, *changes.changed):
            self._end(name)
        for name, observer in {**changes.added, **changes.changed}.items():
            if observer.enabled:
                self._begin(name, observer)
        for name, door in self._current().items():
            if not door.alive:
                # A fault of the program must not silence the others; it begins anew.
                log.error("the observer %s ended by itself; starting it again", name)
                self._end(name)
                self._begin(name, self._files.current[name])

    def _begin(self, name: str, observer: Observer) -> None:
        door = MqttDoor(
            address=lambda: self._address(observer),
            session=session_of(observer),
            intake=self._intake,
            memory=self._memory,
            lane_of=lambda frame: _lane(observer, frame),
        )
        with self._lock:
            self._doors[name] = door
        door.start()
        log.info("observing %s as %s", observer.broker.url, name)

    def _address(self, observer: Observer) -> BrokerAddress:
        return address_of(observer, self._site, self._keepalive_s)

    def _end(self, name: str) -> None:
        with self._lock:
            door = self._doors.pop(name, None)
        if door is not None:
            with contextlib.suppress(RuntimeError):
                door.stop(STOP_S)
            log.info("no longer observing %s", name)


def _lane(observer: Observer, frame: Frame) -> Lane:
    return observer.lane_of(frame.topic)

"""The terminals' real MQTT connections: one each, with its last will, all in one thread.

A frame stays with its terminal until the broker has acknowledged it: first in the terminal's own bounded
memory (readings give way before words, the oldest first), then in a small window of unacknowledged ones that
paho sends again after a reconnect. While the broker cannot be reached only one terminal knocks at a time.
"""

import contextlib
import logging
import random
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from simulators.ports import TruthLog
from simulators.practice import PracticeGrid
from simulators.terminals import Action, Connect, Drop, Publish

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 30
WINDOW: Final = 20
"""Unacknowledged frames of one terminal."""
KEPT_READINGS: Final = 60
KEPT_WORDS: Final = 500
CONNECTS_PER_TURN: Final = 8
CONNECT_TIMEOUT_S: Final = 2.0
HANDSHAKE_S: Final = 10.0
RETRY_S: Final = (0.5, 15.0)
TURN_S: Final = 0.1
FAREWELL_S: Final = 1.0
_QOS: Final = 1


@dataclass(frozen=True, slots=True)
class Broker:
    """Where terminals connect, and as whom; anonymous where ``username`` is empty."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: Callable[[str], ssl.SSLContext] | None = None
    """What a terminal speaks TLS with, by its id; None: without. May raise OSError."""


@dataclass(slots=True)
class Tally:
    """Frames since the start."""

    published: int = 0
    acknowledged: int = 0
    dropped: int = 0
    """Given up because a terminal's memory was full or it died with them."""
    heard: int = 0
    """Commands and answers that came down."""


@dataclass(slots=True, eq=False)
class _Link:
    row: int
    id: str
    client: Client | None = None
    """None while the terminal does not run."""
    secured: bool = False
    """Its client knows its TLS."""
    connected: bool = False
    knocking_since_s: float | None = None
    retry_at_s: float = 0.0
    delay_s: float = RETRY_S[0]
    unacknowledged: int = 0
    words: deque[Publish] = field(default_factory=deque)
    readings: deque[Publish] = field(default_factory=deque)


class MqttFleet:
    """Plays the terminals of ``grid`` against a broker; ``locate`` says where it is, or raises OSError."""

    def __init__(self, grid: PracticeGrid, locate: Callable[[], Broker], truth: TruthLog) -> None:
        self.tally = Tally()
        self.ready = threading.Event()
        self._grid, self._locate, self._truth = grid, locate, truth
        self._terminals = len(grid.terminal_ids())
        self._links = [_Link(row, identifier) for row, identifier in enumerate(grid.speaker_ids())]
        self._selector = selectors.DefaultSelector()
        self._knock_at_s = 0.0
        self._knock_delay_s = RETRY_S[0]
        self._misc_at_s = 0.0
        self._told_connected = 0
        self._jitter = random.Random(len(self._links))

    @property
    def connected(self) -> int:
        """Terminals, without sensors."""
        return sum(link.connected for link in self._links[: self._terminals])

    def run(self, stop: threading.Event) -> None:
        """Until ``stop`` is set; then say goodbye within a second (no last will: nobody died)."""
        while not stop.is_set():
            for action in self._grid.due(time.time_ns() // 1_000_000):
                self._act(action)
            self._truth.append(self._grid.take_truth())
            self._connect_some()
            self._turn(TURN_S)
        self._truth.append(self._grid.take_truth())
        self._farewell()

    def _turn(self, timeout_s: float) -> None:
        for key, mask in self._selector.select(timeout_s):
            client: Client = key.data
            if mask & selectors.EVENT_READ:
                client.loop_read()
                while _has_more(client):
                    client.loop_read()
            if mask & selectors.EVENT_WRITE:
                client.loop_write()
        if time.monotonic() >= self._misc_at_s:
            self._misc_at_s = time.monotonic() + 1
            self._look_after()

    def _look_after(self) -> None:
        """Keep-alives, stuck handshakes, and whether everybody is there."""
        now_s = time.monotonic()
        for link in self._links:
            if link.client is None:
                continue
            link.client.loop_misc()
            if link.knocking_since_s is not None and now_s - link.knocking_since_s > HANDSHAKE_S:
                _break(link.client)
        self._tell_connected()
        if not self.ready.is_set() and all(self._links[row].connected for row in self._grid.speaking):
            self.ready.set()

    def _tell_connected(self) -> None:
        """One line when their number changes, at most one a second."""
        connected = self.connected
        if connected != self._told_connected:
            self._told_connected = connected
            log.info("%d of %d terminals connected", connected, self._terminals)

    def _act(self, action: Action) -> None:
        link = self._links[action.terminal]
        match action:
            case Connect():
                link.client, link.secured = self._client(link, action), False
                link.retry_at_s, link.delay_s = 0.0, RETRY_S[0]
            case Publish():
                self._keep(link, action)
                self._pump(link)
            case Drop():
                self._die(link)

    def _client(self, link: _Link, connect: Connect) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=link.id, clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311, reconnect_on_failure=False,
        )  # fmt: skip
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.will_set(
            self._grid.speech_of(link.row).topic(link.id, connect.channel), connect.will, qos=_QOS
        )
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_socket_wants_write
        client.on_socket_unregister_write = self._on_socket_wrote
        client.user_data_set(link)
        return client

    def _connect_some(self) -> None:
        now_s = time.monotonic()
        if now_s < self._knock_at_s:
            return
        waiting = [
            link
            for link in self._links
            if link.client is not None
            and not link.connected
            and link.knocking_since_s is None
            and link.retry_at_s <= now_s
        ]
        for link in waiting[:CONNECTS_PER_TURN]:
            if not self._knock(link):
                return

    def _knock(self, link: _Link) -> bool:
        """Begin a connection; where the broker cannot be reached, everybody waits."""
        client = link.client
        if client is None:
            return True
        try:
            broker = self._locate()
            if broker.username:
                client.username_pw_set(broker.username, broker.password)
            if broker.tls is not None and not link.secured:
                client.tls_set_context(broker.tls(link.id))
                link.secured = True
            client.connect(broker.host, broker.port, KEEPALIVE_S)
        except OSError as problem:
            self._knock_at_s = time.monotonic() + self._knock_delay_s
            self._knock_delay_s = min(self._knock_delay_s * 2, RETRY_S[1])
            log.warning("the broker cannot be reached: %s", problem)
            return False
        self._knock_delay_s = RETRY_S[0]
        link.knocking_since_s = time.monotonic()
        return True

    def _keep(self, link: _Link, frame: Publish) -> None:
        memory, limit = (link.readings, KEPT_READINGS) if frame.bulk else (link.words, KEPT_WORDS)
        if len(memory) >= limit:
            memory.popleft()
            self.tally.dropped += 1
        memory.append(frame)

    def _pump(self, link: _Link) -> None:
        while link.client and link.connected and link.unacknowledged < WINDOW:
            memory = link.words or link.readings
            if not memory:
                return
            frame = memory.popleft()
            link.unacknowledged += 1
            self.tally.published += 1
            name = self._grid.speech_of(link.row).topic(link.id, frame.channel)
            link.client.publish(name, frame.payload, qos=_QOS)

    def _die(self, link: _Link) -> None:
        self.tally.dropped += len(link.words) + len(link.readings) + link.unacknowledged
        link.words.clear()
        link.readings.clear()
        client, link.client = link.client, None
        link.connected, link.knocking_since_s, link.unacknowledged = False, None, 0
        if client is not None:
            _break(client)

    def _farewell(self) -> None:
        deadline_s = time.monotonic() + FAREWELL_S
        while any(link.unacknowledged for link in self._links) and time.monotonic() < deadline_s:
            self._turn(0.02)
        for link in self._links:
            if link.client is not None and link.connected:
                link.client.disconnect()
            if link.client is not None and link.client.socket() is not None:
                link.client.loop_write()
                _break(link.client)
        self._selector.close()

    def _on_connect(
        self, client: Client, link: _Link, _flags: object, reason: ReasonCode, _p: object
    ) -> None:
        link.knocking_since_s = None
        if reason.is_failure:
            log.warning("terminal %s was refused: %s", link.id, reason)
            return
        link.connected, link.delay_s = True, RETRY_S[0]
        speech = self._grid.speech_of(link.row)
        for channel in speech.heard:
            client.subscribe(speech.topic(link.id, channel), qos=0)
        self._pump(link)

    def _on_disconnect(
        self, client: Client, link: _Link, _flags: object, reason: ReasonCode, _p: object
    ) -> None:
        if client is not link.client:
            return
        log.debug("terminal %s lost its connection: %s", link.id, reason)
        link.connected, link.knocking_since_s = False, None
        link.retry_at_s = time.monotonic() + link.delay_s * self._jitter.uniform(0.5, 1)
        link.delay_s = min(link.delay_s * 2, RETRY_S[1])

    def _on_publish(self, client: Client, link: _Link, _mid: int, _reason: object, _p: object) -> None:
        if client is link.client:
            self.tally.acknowledged += 1
            link.unacknowledged -= 1
            self._pump(link)

    def _on_message(self, _client: Client, link: _Link, message: MQTTMessage) -> None:
        self.tally.heard += 1
        self._grid.command(link.row, bytes(message.payload), time.time_ns() // 1_000_000)

    def _on_socket_open(self, client: Client, _link: _Link, sock: "SocketLike") -> None:
        self._selector.register(sock, selectors.EVENT_READ, client)

    def _on_socket_close(self, _client: Client, _link: _Link, sock: "SocketLike") -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)

    def _on_socket_wants_write(self, client: Client, _link: _Link, sock: "SocketLike") -> None:
        self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, client)

    def _on_socket_wrote(self, client: Client, _link: _Link, sock: "SocketLike") -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.modify(sock, selectors.EVENT_READ, client)


def _has_more(client: Client) -> bool:
    """What TLS has read already wakes no selector."""
    sock = client.socket()
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _break(client: Client) -> None:
    """Cut the connection without a goodbye, and let paho notice."""
    sock = client.socket()
    if not isinstance(sock, socket.socket):
        return
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    for _ in range(WINDOW):
        if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return

"""Taking frames from an MQTT broker: durable session, spool, then acknowledge in the order of receipt.

One door is one session with its own thread and socket; all of its MQTT work happens in that thread. So a
message can only be acknowledged on the connection that brought it, and never before its group lies in the
spool. Back-pressure is the broker's window: what is not acknowledged is not followed by more.
"""

import contextlib
import logging
import random
import select
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.adapters.fault_points import fault_point
from gateway.contract.topics import EVENTS, READINGS, ROOT, STATUS
from gateway.frames import Frame, Lane
from gateway.ports import Intake, SpoolUnavailable

log = logging.getLogger(__name__)

GROUP_FRAMES: Final = 500
GROUP_S: Final = 0.02
"""A group ends when the socket is empty; under a flood, after so many frames or this long."""
KEEPALIVE_S: Final = 20
OLDEST_UNACKNOWLEDGED_S: Final = 30.0
HANDSHAKE_S: Final = 10.0
_RETRY_S: Final = (0.2, 5.0)
_QOS: Final = 1  # Never 2: paho would confirm receipt before the frame is spooled.
_REFUSED: Final = 0x80

EVENT_FILTERS: Final = (f"{ROOT}/+/{EVENTS}", f"{ROOT}/+/{STATUS}")
BULK_FILTERS: Final = (f"{ROOT}/+/{READINGS}",)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker listens and as whom to speak."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False

    @classmethod
    def from_url(cls, url: str) -> "BrokerAddress":
        """``mqtt://user:password@host:port`` or ``mqtts://…``; raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError(f"not a broker address: expected mqtt://user:password@host:port, found {url!r}")
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=parts.port or (8883 if tls else 1883),
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A durable session: who holds its id holds the frames, so the id is a secret."""

    name: str
    client_id: str = field(repr=False)
    filters: tuple[str, ...]
    lane: Lane


def sessions(secret: str) -> tuple[Session, Session]:
    """The two sessions of an installation: a flood of readings must not delay an event."""
    return (
        Session("events", f"gwe{secret}", EVENT_FILTERS, Lane.EVENTS),
        Session("bulk", f"gwb{secret}", BULK_FILTERS, Lane.BULK),
    )


class ConnectionLost(RuntimeError):
    """The broker cannot be reached, refused us, or went away."""


class Connection:
    """One connection of one session, driven by the thread that calls it."""

    def __init__(self, address: BrokerAddress, session: Session) -> None:
        self.inbox: list[tuple[int, int, Frame]] = []
        """(message id, quality of service, frame) not yet acknowledged, in order of receipt."""
        self.session_present = False
        self._connected = False
        self._granted: list[int] | None = None
        self._asked_s = 0.0
        self._refusal = ""
        self._address = address
        self._session = session
        self._client = self._new_client()

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._session.client_id,
            clean_session=False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if self._address.username:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls:
            client.tls_set()
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        # With a writer registered, paho leaves writing to us instead of writing at each acknowledgement.
        client.on_socket_register_write = lambda *_: None
        return client

    def open(self) -> None:
        """Connect and ask for the subscription; raises ConnectionLost.

        The broker may send what it kept before it answers the subscription, more than one group of it: so
        ``granted`` turns true only in the course of receiving and acknowledging.
        """
        try:
            self._client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as problem:
            raise ConnectionLost(f"{self._address.host}:{self._address.port}: {problem}") from problem
        deadline_s = time.monotonic() + HANDSHAKE_S
        while not self._connected:
            if time.monotonic() > deadline_s:
                raise ConnectionLost(f"the broker did not answer CONNECT within {HANDSHAKE_S:.0f} s")
            self.receive(0.1)
        self._client.subscribe([(name, _QOS) for name in self._session.filters])
        self._asked_s = time.monotonic()

    @property
    def granted(self) -> bool:
        """True once the broker has granted all subscriptions; raises ConnectionLost if it does not."""
        if self._granted is None:
            if time.monotonic() - self._asked_s > HANDSHAKE_S:
                raise ConnectionLost(f"the broker did not answer SUBSCRIBE within {HANDSHAKE_S:.0f} s")
            return False
        if any(code >= _REFUSED for code in self._granted):
            raise ConnectionLost(f"the broker refused the subscription to {', '.join(self._session.filters)}")
        return True

    def receive(self, wait_s: float) -> None:
        """Read what the socket holds into the inbox, up to one group; wait ``wait_s`` for the first."""
        try:
            self._receive(wait_s)
        except (OSError, ValueError) as problem:
            raise ConnectionLost(f"connection lost: {problem}") from problem

    def _receive(self, wait_s: float) -> None:
        socket = self._client.socket()
        if socket is None:
            raise ConnectionLost(self._refusal or "connection closed")
        self._write()
        if not getattr(socket, "pending", int)():
            select.select([socket], [], [], wait_s)
        deadline = time.monotonic() + GROUP_S
        before = -1
        while before < len(self.inbox) < GROUP_FRAMES and time.monotonic() < deadline:
            before = len(self.inbox)
            self._check(self._client.loop_read())
        self._check(self._client.loop_misc())
        self._write()

    def acknowledge(self) -> None:
        """Acknowledge the whole inbox in the order of receipt and empty it."""
        for message_id, quality, _ in self.inbox:
            self._client.ack(message_id, quality)
        self.inbox.clear()
        self._write()

    def close(self) -> None:
        """Say goodbye if possible; the session stays with the broker."""
        with contextlib.suppress(OSError, ValueError, ConnectionLost):
            self._client.disconnect()
            self._write()
        socket = self._client.socket()
        if socket is not None:
            with contextlib.suppress(OSError):
                socket.close()

    def _write(self) -> None:
        while self._client.want_write():
            socket = self._client.socket()
            if socket is None:
                raise ConnectionLost(self._refusal or "connection closed")
            if not select.select([], [socket], [], HANDSHAKE_S)[1]:
                raise ConnectionLost("the broker does not read")
            self._check(self._client.loop_write())

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionLost(self._refusal or f"connection lost: {code.name}")

    def _on_connect(self, _c: Client, _u: object, flags: Any, reason: Any, _p: object) -> None:  # noqa: ANN401
        if reason.is_failure:
            self._refusal = f"the broker refused the connection: {reason}"
            return
        self.session_present = bool(flags.session_present)
        self._connected = True

    def _on_subscribe(self, _c: Client, _u: object, _mid: int, reasons: Any, _p: object) -> None:  # noqa: ANN401
        self._granted = [reason.value for reason in reasons]

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        frame = Frame(topic=topic, body=bytes(message.payload), received_ms=time.time_ns() // 1_000_000)
        self.inbox.append((message.mid, message.qos, frame))


class MqttDoor:
    """``Door`` of one session kept open for ever: receive a group, spool it, acknowledge it."""

    required = True

    def __init__(self, address: Callable[[], BrokerAddress], session: Session, intake: Intake) -> None:
        """``address`` is asked at each attempt."""
        self.name = f"mqtt:{session.name}"
        self.trouble = "not connected yet"
        self.session_was_missing = False
        """The broker had lost (or never had) the session when we connected: frames may be missing."""
        self._ready = threading.Event()
        self._connections = 0
        self._address = address
        self._session = session
        self._intake = intake
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def ready(self) -> bool:
        """True while connected with all subscriptions granted."""
        return self._ready.is_set()

    @property
    def alive(self) -> bool:
        """False once its thread has ended, which only ``stop`` or a fault of the program brings about."""
        return self._thread.is_alive()

    def counters(self) -> Mapping[str, int]:
        """How often it has connected."""
        return {"connections": self._connections}

    def stop(self, timeout_s: float) -> None:
        """Take no more, finish the group in hand, disconnect."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        wait_s = _RETRY_S[0]
        while not self._stop.is_set():
            try:
                self._serve()
            except (ConnectionLost, SpoolUnavailable) as problem:
                wait_s = _RETRY_S[0] if self._ready.is_set() else min(2 * wait_s, _RETRY_S[1])
                self._ready.clear()
                if self.trouble != str(problem):
                    log.warning("%s: %s", self.name, problem)
                self.trouble = str(problem)
                self._stop.wait(wait_s * random.uniform(0.5, 1.5))

    def _serve(self) -> None:
        connection = Connection(self._address(), self._session)
        try:
            connection.open()
            while not self._stop.is_set():
                connection.receive(0.2)
                if connection.inbox:
                    self._keep(connection)
                if not self._ready.is_set() and connection.granted:
                    self._begin(connection)
        finally:
            connection.close()

    def _begin(self, connection: Connection) -> None:
        self.session_was_missing = not connection.session_present
        self.trouble = ""
        self._connections += 1
        self._ready.set()
        log.info("%s: connected, session present: %s", self.name, connection.session_present)

    def _keep(self, connection: Connection) -> None:
        began_s = time.monotonic()
        fault_point("before_commit")
        self._intake.take(self._session.lane, [frame for _, _, frame in connection.inbox])
        fault_point("before_puback")
        if time.monotonic() - began_s > OLDEST_UNACKNOWLEDGED_S:
            # The broker may have given up on this connection: let it deliver again, the ledger drops doubles.
            raise ConnectionLost("the spool took too long; starting a new connection")
        connection.acknowledge()


def create_sessions(address: BrokerAddress, wanted: tuple[Session, ...]) -> None:
    """Let the broker make the durable sessions, so that it keeps frames before anybody reads them."""
    for session in wanted:
        connection = Connection(address, session)
        try:
            connection.open()
            while not connection.granted:
                connection.receive(0.1)
        finally:
            connection.close()

"""One connection of one durable MQTT session, driven by the thread that calls it.

All of a connection's work happens in one thread: what came in is acknowledged by whoever holds it, on the
connection that brought it, in the order of receipt, or not at all.
"""

import contextlib
import select
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.frames import MAX_BODY_BYTES, MQTT, OVERSIZED, Frame, Lane

GROUP_FRAMES: Final = 500
GROUP_S: Final = 0.02
"""A group ends when the socket is empty; under a flood, after so many frames or this long."""
KEEPALIVE_S: Final = 20
DEAD_AFTER: Final = 1.4
"""Keep-alive spans of silence after which a connection is dead, though nobody said so (half-open). An idle
broker answers our ping each keep-alive span; paho alone would wait for two."""
HANDSHAKE_S: Final = 10.0
OVERSIZED_HEAD_BYTES: Final = 1_024
MAX_SAYING: Final = 1_000
"""Messages of ours that the broker has not confirmed."""
_QOS: Final = 1  # Never 2: paho would confirm receipt before the frame is spooled.
_REFUSED: Final = 0x80
_PUBACK: Final = b"\x40\x02"
"""Its first two bytes (MQTT 3.1.1, section 3.4); the message's id follows."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker listens and as whom to speak."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str = ""
    """Authorities to trust (PEM); empty: the machine's."""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: int = KEEPALIVE_S

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
    door: str = MQTT
    """What its frames name as their door."""
    mute: bool = False
    """True where we may only listen: nothing is ever published."""


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
        self._heard_s = 0.0
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
        address = self._address
        if address.username:
            client.username_pw_set(address.username, address.password)
        client.max_queued_messages_set(MAX_SAYING)
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
        address = self._address
        try:
            if address.tls:
                self._client.tls_set(
                    address.ca_file or None, address.cert_file or None, address.key_file or None
                )
            self._client.connect(address.host, address.port, keepalive=address.keepalive_s)
        except (OSError, ValueError) as problem:
            raise ConnectionLost(f"{address.host}:{address.port}: {problem}") from problem
        self._heard_s = time.monotonic()
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
        refused = [
            name for name, code in zip(self._session.filters, self._granted, strict=False) if code >= _REFUSED
        ]
        if refused:
            raise ConnectionLost(f"the broker refused the subscription to {', '.join(refused)}")
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
        self._listen(socket, wait_s)
        deadline = time.monotonic() + GROUP_S
        before = -1
        while before < len(self.inbox) < GROUP_FRAMES and time.monotonic() < deadline:
            before = len(self.inbox)
            self._check(self._client.loop_read())
        self._check(self._client.loop_misc())
        self._write()

    def _listen(self, socket: Any, wait_s: float) -> None:  # noqa: ANN401 (a socket, or one of TLS)
        if getattr(socket, "pending", int)() or select.select([socket], [], [], wait_s)[0]:
            self._heard_s = time.monotonic()
            return
        silent_s = time.monotonic() - self._heard_s
        if silent_s > DEAD_AFTER * self._address.keepalive_s:
            raise ConnectionLost(f"the broker has said nothing for {silent_s:.0f} s")

    def say(self, topic: str, body: bytes) -> bool:
        """Publish with QoS 1; False where too many of ours are not yet confirmed. Mute sessions never do."""
        if self._session.mute:
            raise PermissionError(f"the session {self._session.name} only listens")
        told = self._client.publish(topic, body, qos=_QOS)
        return told.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def acknowledge(self) -> None:
        """Acknowledge the whole inbox in the order of receipt and empty it.

        One write for all of it: paho makes one of each, which wakes the broker as often.
        """
        self._write()
        packets = [_PUBACK + number.to_bytes(2, "big") for number, quality, _ in self.inbox if quality]
        self._send(b"".join(packets))
        self.inbox.clear()

    def _send(self, packets: bytes) -> None:
        """Bytes past paho, which must have nothing left to write."""
        rest = memoryview(packets)
        while rest:
            try:
                rest = rest[self._writable().send(rest) :]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                continue
            except OSError as problem:
                raise ConnectionLost(f"connection lost: {problem}") from problem

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
            self._writable()
            self._check(self._client.loop_write())

    def _writable(self) -> Any:  # noqa: ANN401 (a socket, or one of TLS)
        socket = self._client.socket()
        if socket is None:
            raise ConnectionLost(self._refusal or "connection closed")
        if not select.select([], [socket], [], HANDSHAKE_S)[1]:
            raise ConnectionLost("the broker does not read")
        return socket

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
        body = _fitting(bytes(message.payload))
        frame = Frame(topic, body, time.time_ns() // 1_000_000, self._session.door)
        self.inbox.append((message.mid, message.qos, frame))


def _fitting(body: bytes) -> bytes:
    """The body, or what tells that it was too large and how it began."""
    if len(body) <= MAX_BODY_BYTES:
        return body
    return OVERSIZED + b"%d bytes; it began: " % len(body) + body[:OVERSIZED_HEAD_BYTES]

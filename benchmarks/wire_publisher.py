"""Publishes frames that are ready as bytes: a fleet of terminals must not be slower than what it measures.

A client library keeps track of every message that is not acknowledged; with a hundred thousand of them that
takes minutes, and once passed for a slow gateway. Here acknowledgements are read and counted.
"""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Self

from gateway.adapters.mqtt.connection import BrokerAddress

_CLIENT: Final = b"burst"
_PUBLISH_QOS1: Final = b"\x32"
_LAST_ID: Final = 65_535


def packets(topic: str, bodies: Sequence[bytes]) -> bytes:
    """PUBLISH packets of QoS 1 (MQTT 3.1.1, section 3.3), one behind the other."""
    name = len(topic.encode()).to_bytes(2, "big") + topic.encode()
    return b"".join(
        _PUBLISH_QOS1 + _length(len(name) + 2 + len(body)) + name + _id(number) + body
        for number, body in enumerate(bodies)
    )


def _id(number: int) -> bytes:
    return (1 + number % _LAST_ID).to_bytes(2, "big")


def _length(count: int) -> bytes:
    digits = bytearray()
    while True:
        count, digit = divmod(count, 128)
        digits.append(digit | 0x80 if count else digit)
        if not count:
            return bytes(digits)


class WirePublisher:
    """One connection; ``publish`` returns when the socket has taken all."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        threading.Thread(target=self._read_on, daemon=True).start()

    @classmethod
    @contextmanager
    def at(cls, address: BrokerAddress) -> Iterator[Self]:
        """Connected with a clean session and without keep-alive."""
        with socket.create_connection((address.host, address.port)) as connected:
            said = b"\x00\x04MQTT\x04\x02\x00\x00" + len(_CLIENT).to_bytes(2, "big") + _CLIENT
            connected.sendall(b"\x10" + _length(len(said)) + said)
            answer = connected.recv(4)
            if answer != b"\x20\x02\x00\x00":
                raise ConnectionError(f"the broker answered CONNECT with {answer.hex()}")
            yield cls(connected)

    def publish(self, ready: bytes) -> None:
        self._socket.sendall(ready)

    def _read_on(self) -> None:
        """The broker stops reading from whoever does not take its acknowledgements."""
        try:
            while self._socket.recv(65_536):
                pass
        except OSError:
            return

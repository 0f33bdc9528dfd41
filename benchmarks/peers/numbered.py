"""A terminal that speaks ten times a second and numbers what it says, so that each gap has a name."""

import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

BASE_MS: Final = 1_795_300_000_000
EACH_S: Final = 0.1
METER: Final = "peer-meter"


def ours(number: int) -> tuple[str, bytes]:
    """The numbered reading in our own contract, also for Node-RED."""
    body = {
        "v": 1, "boot": "peer", "seq": number, "at": BASE_MS + 1000 * number, "meters": [METER],
        "quantities": ["energy_import_kwh"], "values": [[float(number)]],
    }  # fmt: skip
    return "gridcrew/v1/PEER/readings", json.dumps(body).encode()


def listed(number: int) -> tuple[str, bytes]:
    """The numbered reading as thingsboard-gateway's mapping of the throughput measurement expects it."""
    return "meters/1", json.dumps([{"m": METER, "energy_import_kwh": float(number)}]).encode()


class NumberedTerminal:
    """``with NumberedTerminal(port, ours) as terminal:``; ``terminal.said`` are the acknowledged numbers."""

    def __init__(self, port: int, frame: Callable[[int], tuple[str, bytes]]) -> None:
        self._frame = frame
        self._sent: list[MQTTMessageInfo] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="peer-terminal")
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Say no more; everything said is acknowledged by the broker."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            for info in self._sent:
                info.wait_for_publish(10)
            self._client.disconnect()
            self._client.loop_stop()

    @property
    def said(self) -> set[int]:
        """Numbers that the broker acknowledged."""
        return {number for number, info in enumerate(self._sent) if info.is_published()}

    def _speak(self) -> None:
        while not self._stop.wait(EACH_S):
            topic, body = self._frame(len(self._sent))
            self._sent.append(self._client.publish(topic, body, qos=1))


def await_true(done: Callable[[], bool], wait_s: float) -> bool:
    """Whether it came true in time."""
    deadline_s = time.monotonic() + wait_s
    while not done():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.2)
    return True

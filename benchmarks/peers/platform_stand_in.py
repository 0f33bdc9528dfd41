"""What thingsboard-gateway needs of a ThingsBoard: an MQTT broker and somebody who answers its handshake.

Counts what arrives: (device, time, value of one key), so that a scenario can say which readings are missing.
"""

import json
import threading
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

LIMITS = {
    "maxPayloadSize": 1_000_000,
    "maxInflightMessages": 10_000,
    "rateLimits": {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""},
    "gatewayRateLimits": {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""},
}


class Platform:
    """``with Platform(port) as platform:``; ``platform.points`` fills while it runs."""

    def __init__(self, port: int) -> None:
        self.points: set[tuple[str, int, str, float]] = set()
        """(device, time in ms, key, value) of everything that arrived."""
        self._lock = threading.Lock()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="platform", clean_session=False)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(
            [
                ("v1/devices/me/rpc/request/+", 1),
                ("v1/gateway/telemetry", 1),
                ("v1/devices/me/attributes/request/+", 1),
            ]
        )

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: Client, _user: object, message: MQTTMessage) -> None:
        number = message.topic.rsplit("/", 1)[-1]
        if message.topic.startswith("v1/devices/me/rpc/request/"):
            client.publish(f"v1/devices/me/rpc/response/{number}", json.dumps(LIMITS), qos=1)
        elif message.topic.startswith("v1/devices/me/attributes/request/"):
            client.publish(f"v1/devices/me/attributes/response/{number}", "{}", qos=1)
        else:
            self._take(json.loads(message.payload))

    def _take(self, telemetry: dict[str, list[dict[str, Any]]]) -> None:
        found = {
            (device, int(entry["ts"]), key, float(value))
            for device, entries in telemetry.items()
            for entry in entries
            for key, value in entry["values"].items()
        }
        with self._lock:
            self.points |= found

    def arrived(self) -> set[tuple[str, int, str, float]]:
        """A copy of ``points``."""
        with self._lock:
            return set(self.points)

    def count(self) -> int:
        """How many different values have arrived."""
        with self._lock:
            return len(self.points)

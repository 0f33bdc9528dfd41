"""A terminal that speaks the State Grid envelope to a running gateway."""

import json
import queue
import time
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from gateway.adapters.mqtt.door import BrokerAddress
from telemetry.evidence import EvidenceKind
from tests.gateway.running import WAIT_S, Installation, await_true


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class EnvelopeTerminal:
    """Publishes envelopes and collects what it is told."""

    def __init__(self, address: BrokerAddress, name: str, client_id: str = "") -> None:
        self.name = name
        self.told: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id or name)
        if address.username:
            self._client.username_pw_set(address.username, address.password)
        subscribed: queue.Queue[int] = queue.Queue()
        self._client.on_subscribe = lambda *_: subscribed.put(1)
        self._client.on_message = self._hear
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        topics = [f"/v1/{name}/device/response", f"/v1/{name}/topo/response", f"gridcrew/v1/{name}/command"]
        self._client.subscribe([(topic, 1) for topic in topics])
        subscribed.get(timeout=WAIT_S)

    def send(self, channel: str, kind: str, param: object, mid: int = 1) -> None:
        head = {"mid": mid, "deviceId": self.name, "timestamp": now_ms(), "expire": -1}
        body = {**head, "type": kind, "param": param}
        self.publish(f"/v1/{self.name}/{channel}", json.dumps(body).encode())

    def publish(self, topic: str, body: bytes) -> None:
        self._client.publish(topic, body, qos=1).wait_for_publish(WAIT_S)

    def hear(self, wait_s: float = WAIT_S) -> tuple[str, Any]:
        """The next thing it is told: (topic, body)."""
        return self.told.get(timeout=wait_s)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.told.put((message.topic, json.loads(message.payload)))


def envelope_is_answered(site: Installation, address: BrokerAddress) -> None:
    """LINKUP, topology, data and an alarm of a terminal become what they are, and requests are answered."""
    site.start()
    terminal = EnvelopeTerminal(address, "TTU1")
    terminal.send("device/request", "EVENT_LINKUP", {"dev": {"devType": "TTU", "mfgInfo": "NARI"}}, mid=11)
    topic, body = terminal.hear()
    assert (topic, body["mid"], body["code"]) == ("/v1/TTU1/device/response", 11, 200)
    terminal.send("topo/request", "CMD_TOPO_ADD", {"nodeInfos": [{"nodeId": "m1"}, {"nodeId": "m2"}]}, mid=12)
    topic, body = terminal.hear()
    assert (topic, body["mid"], len(body["param"]["result"])) == ("/v1/TTU1/topo/response", 12, 2)
    terminal.send("service/data", "CMD_REPORTDATA", {"deviceId": "m1", "data": {"PhV_phsA": "220.3"}})
    terminal.send("service/event", "EVENT_DATA_ALARM", {"deviceId": "m2", "data": {"PwrOffAlm": 1}})
    await_true(lambda: site.settled(4), "four frames")
    facts = [row.evidence for row in site.evidence.read(0)]
    assert [fact.devices for fact in facts if fact.kind is EvidenceKind.POWER_OFF] == [("m2",)]
    (reading,) = site.readings.series("m1", 0, 2**52)
    assert str(reading.values["voltage_a_v"]) == "220.3"
    assert reading.terminal == "TTU1"
    terminal.close()

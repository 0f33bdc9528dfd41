"""Node-RED with node-red-contrib-influxdb: one flow from the broker to the database, as its users draw it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers.servers import await_port, free_port, program
from benchmarks.peers.thingsboard import PEERS

POINTS: Final = """
const frame = msg.payload;
msg.payload = frame.meters.map((meter, m) => {
  const fields = {};
  frame.quantities.forEach((quantity, q) => {
    if (frame.values[m][q] !== null) fields[quantity] = frame.values[m][q];
  });
  return {measurement: 'reading', tags: {meter: meter}, fields: fields, timestamp: new Date(frame.at)};
});
return msg;
"""
"""The body of the function node: our columnar frame to the batch node's list of points."""


@contextmanager
def node_red(
    folder: Path, mqtt_port: int, influx_port: int, version: str = "1.x"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the flow from ``gridcrew/v1/+/readings`` into the database ``gridcrew``."""
    folder.mkdir(parents=True)
    port = free_port()
    (folder / "flows.json").write_text(json.dumps(_flow(mqtt_port, influx_port, version)), encoding="utf-8")
    (folder / "settings.js").write_text(
        f"module.exports = {{uiHost: '127.0.0.1', uiPort: {port}, flowFile: 'flows.json', httpAdminRoot: '/',"
        " logging: {console: {level: 'warn'}}, telemetry: {enabled: false}};\n",
        encoding="utf-8",
    )
    command = [
        shutil.which("node") or "node",
        str(PEERS / "node_modules" / "node-red" / "red.js"),
        *("--userDir", str(folder), "--settings", str(folder / "settings.js")),
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with program(command, folder, "node-red.log", **environment) as process:
        await_port(port, process)
        yield process


def _flow(mqtt_port: int, influx_port: int, version: str) -> list[dict[str, object]]:
    return [
        {"id": "t", "type": "tab", "label": "readings"},
        {
            "id": "b",
            "type": "mqtt-broker",
            "broker": "127.0.0.1",
            "port": str(mqtt_port),
            "clientid": "node-red",
            "autoConnect": True,
            "usetls": False,
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": False,
            "autoUnsubscribe": False,
        },
        {
            "id": "d",
            "type": "influxdb",
            "hostname": "127.0.0.1",
            "port": str(influx_port),
            "protocol": "http",
            "database": "gridcrew",
            "name": "",
            "usetls": False,
            "influxdbVersion": version,
            "url": f"http://127.0.0.1:{influx_port}",
            "rejectUnauthorized": False,
        },
        {
            "id": "i",
            "type": "mqtt in",
            "z": "t",
            "topic": "gridcrew/v1/+/readings",
            "qos": "1",
            "datatype": "json",
            "broker": "b",
            "nl": False,
            "rap": True,
            "rh": 0,
            "inputs": 0,
            "wires": [["f"]],
        },
        {"id": "f", "type": "function", "z": "t", "func": POINTS, "outputs": 1, "libs": [], "wires": [["o"]]},
        {
            "id": "o",
            "type": "influxdb batch",
            "z": "t",
            "influxdb": "d",
            "precision": "ms",
            "retentionPolicy": "",
            "name": "",
            "database": "database",
            "precisionV18FluxV20": "ms",
            "retentionPolicyV18Flux": "",
            "org": "peer",
            "bucket": "gridcrew",
            "wires": [],
        },
    ]

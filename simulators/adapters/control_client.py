"""The other side of the control port: for ``gridcrew sim trip`` and its like."""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from simulators.errors import SimulatorError

HOST: Final = "127.0.0.1"
TIMEOUT_S: Final = 10.0


def port_file(data_dir: Path) -> Path:
    """Where a running simulator notes its control port, which the settings may leave open."""
    return data_dir / "sim" / "control.json"


def ask(port: int, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """GET without a body, POST with one; raises ``SimulatorError`` with the port's own line."""
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_S)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as problem:
        message = f"no simulator answers on {HOST}:{port} ({problem}); start one with 'gridcrew up --demo'"
        raise SimulatorError(message) from problem
    finally:
        connection.close()
    if response.status != 200:
        raise SimulatorError(str(answer.get("error", f"the simulator answered {response.status}")))
    return answer

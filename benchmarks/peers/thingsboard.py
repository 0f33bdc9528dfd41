"""thingsboard-gateway from PyPI, configured as its own documentation does, in a folder of its own."""

import json
import logging
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.servers import program

PEERS: Final = Path(__file__).parents[2] / ".peers"
PYTHON: Final = PEERS / "thingsboard" / "bin" / "python"
STORAGES: Final[Mapping[str, Mapping[str, object]]] = {
    "memory": {"type": "memory", "read_records_count": 1000, "max_records_count": 1_000_000},
    "file": {
        "type": "file",
        "data_folder_path": "./data/",
        "max_file_count": 1000,
        "max_read_records_count": 1000,
        "max_records_per_file": 10_000,
    },
    "sqlite": {
        "type": "sqlite",
        "data_file_path": "./data/",
        "messages_ttl_check_in_hours": 1,
        "messages_ttl_in_days": 7,
        "max_read_records_count": 1000,
    },
}

log = logging.getLogger(__name__)


@contextmanager
def thingsboard_gateway(
    folder: Path, platform_port: int, storage: str, connectors: Sequence[tuple[str, str, Mapping[str, Any]]]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run it; ``connectors`` are (type, name, configuration)."""
    config = folder / "config"
    config.mkdir(parents=True)
    (folder / "data").mkdir()
    service = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": platform_port,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "deviceFiltering": {"enable": False},
            "maxPayloadSizeBytes": 65_000,
            "minPackSendDelayMS": 10,
            "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 3600,
            "security": {"type": "accessToken", "accessToken": "peer"},
            "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
        }
        | dict.fromkeys(
            (
                "rateLimits",
                "dpRateLimits",
                "messagesRateLimits",
                "deviceMessagesRateLimits",
                "deviceRateLimits",
                "deviceDpRateLimits",
            ),
            "0:0,",
        ),
        "storage": STORAGES[storage],
        "grpc": {"enabled": False},
        "connectors": [
            {"type": kind, "name": name, "configuration": f"{kind}.json"} for kind, name, _ in connectors
        ],
    }
    _write(config / "tb_gateway.json", service)
    for kind, name, body in connectors:
        _write(config / f"{kind}.json", {"name": name, "logLevel": "ERROR", **body})
    _write(config / "logs.json", _logs())
    environment = {"PATH": os.environ["PATH"], "TB_GW_CONFIG_DIR": str(config), "HOME": str(folder)}
    command = [str(PYTHON), "-c", "from thingsboard_gateway.tb_gateway import main; main()"]
    with program(command, folder, "thingsboard.log", **environment) as process:
        yield process


def json_mapping(broker: int, quantities: Sequence[str]) -> dict[str, Any]:
    """The MQTT connector: lists of objects on ``meters/+``, device ``m``, one series per quantity."""
    series = [{"type": "double", "key": name, "value": f"${{{name}}}"} for name in quantities]
    converter = {
        "type": "json",
        "timeout": 60_000,
        "sendDataOnlyOnChange": False,
        "attributes": [],
        "timeseries": series,
        "deviceInfo": {
            "deviceNameExpressionSource": "message",
            "deviceNameExpression": "${m}",
            "deviceProfileExpressionSource": "constant",
            "deviceProfileExpression": "meter",
        },
    }
    return {
        "broker": {
            "host": "127.0.0.1",
            "port": broker,
            "clientId": "tb-in",
            "version": 4,
            "cleanSession": False,
            "maxMessageNumberPerWorker": 10,
            "maxNumberOfWorkers": 100,
            "security": {"type": "anonymous"},
        },
        "mapping": [{"topicFilter": "meters/+", "subscriptionQos": 1, "converter": converter}],
        "requestsMapping": {},
    }


def _logs() -> dict[str, object]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "console": {"class": "logging.StreamHandler", "level": "ERROR", "stream": "ext://sys.stdout"}
        },
        "root": {"level": "ERROR", "handlers": ["console"]},
    }


def _write(file: Path, content: Mapping[str, object]) -> None:
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")

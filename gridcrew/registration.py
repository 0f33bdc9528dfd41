"""How this installation meets devices: who is believed, what they owe, what is doubted."""

import time
import tomllib
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.adapters.ledger.devices import DeviceLedger
from gateway.quality import Doubts
from geo.errors import GeoError
from geo.network import Network
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from telemetry.completeness import Expectations, ExpectRule

EXPECTATIONS_FILE: Final = "expectations.toml"
LOOK_AGAIN_S: Final = 30.0


class BadExpectations(GeoError):
    """The site's file of expectations is wrong; the text says where."""


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    per_day: int = Field(ge=1, le=86_400)
    model: str = "*"
    terminal: str = "*"
    door: str = "*"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    expect: list[_Rule] = Field(default=[], max_length=1000)


def expectations(settings: Settings) -> Expectations:
    """``expectations.toml`` of the site folder, else the default for all; raises BadExpectations."""
    file = settings.site_folder / EXPECTATIONS_FILE
    default = settings.gateway.expected_per_day
    if not file.exists():
        return Expectations(default)
    try:
        read = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadExpectations(f"{file}: expected TOML: {problem}") from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadExpectations(f"{file}: {place}: {first['msg']} (found {first['input']!r})") from problem
    return Expectations(default, tuple(ExpectRule(**rule.model_dump()) for rule in read.expect))


class ListedDevices:
    """Has the network in force a terminal or meter of this id? Looks for a new network now and then."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hash = ""
        self._ids: frozenset[str] = frozenset()
        self._looked_s = float("-inf")

    def __call__(self, device: str) -> bool:
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_AGAIN_S:
            self._looked_s = now_s
            self._look()
        return device in self._ids

    def _look(self) -> None:
        store = open_networks(self._settings)
        version = store.effective(time.time_ns() // 1_000_000)
        if version is not None and version.content_hash != self._hash:
            network = store.get(version.content_hash)
            self._hash = version.content_hash
            self._ids = frozenset((*network.terminals.ids, *network.sensors.ids, *network.meters.ids))


def device_ledger(settings: Settings) -> DeviceLedger:
    """The gateway's ledger of devices, by the settings."""
    return DeviceLedger(
        rule=settings.gateway.approve,
        is_listed=ListedDevices(settings),
        doubts=Doubts(late_after_ms=round(settings.gateway.late_after_s * 1000)),
    )


def network_in_force(settings: Settings, now_ms: int) -> Network | None:
    """The company's network, or None before one was imported."""
    store = open_networks(settings)
    version = store.effective(now_ms)
    return None if version is None else store.get(version.content_hash)

"""A site with Modbus files, a door that polls it, and a look at the frames that come in."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway.adapters.modbus.door import ModbusDoor
from gateway.adapters.modbus.model_shelf import ModelShelf
from gateway.backpressure import Pressure
from gateway.codecs.modbus import Poll, make_decode
from gateway.frames import Decoded, Frame, Lane
from gateway.ports import SpoolUnavailable

WAIT_S = 15.0


class Taken:
    """``Intake`` that keeps what it took in memory; ``broken`` makes it refuse, as a full disk does."""

    def __init__(self) -> None:
        self.frames: list[tuple[Lane, Frame]] = []
        self.broken = False
        self.step = Pressure.FREE

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:
        if self.broken:
            raise SpoolUnavailable("the disk is full")
        self.frames += [(lane, frame) for frame in frames]

    def pressure(self) -> Pressure:
        return self.step

    def polls(self, device: str = "") -> list[Poll]:
        found = [msgspec.json.decode(frame.body, type=Poll) for _, frame in list(self.frames)]
        return [poll for poll in found if not device or poll.device == device]

    def answers(self, device: str) -> list[Poll]:
        return [poll for poll in self.polls(device) if poll.blocks]


class Site:
    """The folder of a site, and what becomes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken = Taken()
        for name in ("connections", "devices"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def connection(self, name: str, port: int, devices: Sequence[str], **more: object) -> None:
        """Write a connection file; ``devices`` are the lines of ``[[device]]`` tables, ``;`` between them."""
        told = {"kind": "tcp", "host": "127.0.0.1", "port": port, "timeout_s": 0.3} | more
        head = [f"{key} = {_toml(value)}" for key, value in told.items()]
        tables = [line for device in devices for line in ("[[device]]", *device.split(";"))]
        _replace(self.folder / "connections" / f"{name}.toml", "\n".join((*head, *tables)))

    def serial(self, name: str, path: Path, devices: Sequence[str]) -> None:
        """As ``connection``, for a serial port at 115,200 baud."""
        head = ['kind = "serial"', f'path = "{path}"', "baud = 115200", "timeout_s = 0.3"]
        tables = [line for device in devices for line in ("[[device]]", *device.split(";"))]
        _replace(self.folder / "connections" / f"{name}.toml", "\n".join((*head, *tables)))

    def model(self, name: str, content: str) -> None:
        _replace(self.folder / "devices" / f"{name}.toml", content)

    def decoded(self, device: str) -> list[Decoded]:
        """What the drain makes of this device's frames."""
        decode = make_decode(ModelShelf(self.folder).find)
        return [decode(frame) for _, frame in list(self.taken.frames) if frame.topic == device]

    @contextmanager
    def door(self, stuck_s: float = 45.0) -> Iterator[ModbusDoor]:
        door = ModbusDoor(self.folder, self.taken, stuck_s)
        door.start()
        try:
            yield door
        finally:
            door.stop(5)
            assert not door.alive


def _replace(file: Path, content: str) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(content, encoding="utf-8")
    draft.replace(file)


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def wait_for(condition: Callable[[], object], what: str, wait_s: float = WAIT_S) -> None:
    deadline_s = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {wait_s:.0f} s for: {what}"
        time.sleep(0.02)

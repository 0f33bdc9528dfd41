"""A site with 645 lines, meters of the foreign library behind a DTU, and the frames that come in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.adapters.dlt645.door import Dlt645Door
from gateway.codecs import dlt645
from gateway.frames import Decoded, Frame, Lane
from simulators.dlt645 import USUAL_VALUES, SimulatedMeter
from tests.gateway.modbus_site import Taken


def meters(count: int) -> list[SimulatedMeter]:
    """Meters 000000000001 and on, all with ``USUAL_VALUES``."""
    return [SimulatedMeter(f"{number:012d}", USUAL_VALUES) for number in range(1, count + 1)]


def meter_time(minutes_ago: float) -> str:
    """As a meter in China notes it: YYMMDDhhmmss."""
    at = datetime.now(UTC) + timedelta(hours=8, minutes=-minutes_ago)
    return at.strftime("%y%m%d%H%M%S")


class Lines:
    """``connections/`` of a site, the door on it, and what it took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken = Taken()

    def dial(self, name: str, port: int, addresses: Sequence[str], more: str = "") -> None:
        """A file of a DTU that we connect to."""
        self._write(
            name,
            f'kind = "dlt645_tcp"\nhost = "127.0.0.1"\nport = {port}\ntimeout_s = 0.4\ngap_s = 0.002\n'
            f"interval_s = 1\n{more}\n" + "".join(f'[[meters]]\naddress = "{each}"\n' for each in addresses),
        )

    def listen(self, name: str, lines: dict[str, tuple[str, Sequence[str]]], more: str = "") -> None:
        """A file of a port that DTUs dial: line → (registration, addresses)."""
        told = f'kind = "dlt645_listen"\nport = 0\n{more}\n'
        for line, (registration, addresses) in lines.items():
            told += f'[[lines]]\nline = "{line}"\nregistration = "{registration}"\ntimeout_s = 0.4\n'
            told += "interval_s = 1\n"
            told += "".join(f'[[lines.meters]]\naddress = "{each}"\n' for each in addresses)
        self._write(name, told)

    def _write(self, name: str, text: str) -> None:
        draft = self.folder / f"{name}.draft"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.folder / f"{name}.toml")

    def frames(self, lane: Lane | None = None, address: str = "") -> list[Frame]:
        # A line's own heart-beat has neither address nor body.
        said = [
            (given, frame) for given, frame in list(self.taken.frames) if frame.topic[-1] != "/" or frame.body
        ]
        found = [frame for given, frame in said if lane in {None, given}]
        return [frame for frame in found if frame.topic.endswith(address)]

    def decoded(self, lane: Lane | None = None, address: str = "") -> list[Decoded]:
        return [dlt645.decode(frame) for frame in self.frames(lane, address)]

    @contextmanager
    def door(self) -> Iterator[Dlt645Door]:
        door = Dlt645Door(self.folder, self.taken)
        door.start()
        try:
            yield door
        finally:
            door.stop(5)
            assert not door.alive

"""An installation's inbox without its processes: the real door, spools, drain and stores, in this process."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.adapters.delivery.disk import Ballast, Disk
from gateway.adapters.delivery.drain import Drain
from gateway.adapters.delivery.intake import SpoolIntake
from gateway.adapters.delivery.service import open_spools
from gateway.adapters.files.drop import FileDropDoor, Keeping, TakeCrossing
from gateway.adapters.files.sources import LiveSources
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.backpressure import Pressure
from gateway.codecs import crossing, file_exports
from gateway.exports.parsing import FindId
from gateway.frames import Decoded, Frame, Lane
from gateway.registry import Registry
from geo.adapters.database import open_database
from geo.identifiers import Crosswalk
from gridcrew.migrations.runner import migrate
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_records import SqlDeadLetters, SqlGatewayRecords
from telemetry.evidence import LoggedEvidence
from tests.gateway.running import await_true

QUICK = Keeping(settle_s=0.05, poll_s=0.02)
NO_CROSSWALK = Crosswalk()


class Pressed:
    """The real intake of a disk that is as full as a test wants."""

    def __init__(self, intake: SpoolIntake) -> None:
        self.step = Pressure.FREE
        self._intake = intake

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:
        self._intake.take(lane, frames)

    def pressure(self) -> Pressure:
        return self.step


class FileSite:
    """Drop files into ``inbox``, then ``read`` them and ``drain``."""

    def __init__(self, folder: Path, crosswalk: Crosswalk = NO_CROSSWALK) -> None:
        self.folder = folder
        self.inbox, self.sources_folder = folder / "inbox", folder / "site" / "sources"
        self.sources_folder.mkdir(parents=True, exist_ok=True)
        self.inbox.mkdir(exist_ok=True)
        self.take_crossing: TakeCrossing = lambda *_: ["no crossing here"]
        self.crosswalk = crosswalk
        self.sources = LiveSources(self.sources_folder, look_s=0)
        self.spools = open_spools(folder)
        disk = Disk((folder,), Ballast(folder / "ballast", 0))
        self.intake = Pressed(SpoolIntake(self.spools, lambda _: None, disk))
        self.engine = open_database(str(folder), "gateway")
        migrate(self.engine, "gateway")
        self.evidence = SqlEvidenceLog(self.engine)
        self.records = SqlGatewayRecords(self.engine)
        self.dead_letters = SqlDeadLetters(self.engine)
        self.readings = EmbeddedReadingStore(folder / "readings")
        self._decoders = {
            crossing.CROSSING: crossing.decode,
            file_exports.FILE: file_exports.make_decoder(self.sources.current, self.find_id, 900_000),
        }
        self._drain = Drain(
            self.spools, self.readings, SqlLedger(self.engine, "test"), Registry(1e9), self.decode
        )

    def find_id(self) -> FindId:
        return self.crosswalk.find

    def decode(self, frame: Frame) -> Decoded:
        return self._decoders[frame.door.partition(":")[0]](frame)

    def add_source(self, name: str, text: str) -> None:
        (self.sources_folder / f"{name}.toml").write_text(text, encoding="utf-8")

    def drop(self, name: str, content: bytes | str, folder: str = "") -> Path:
        """As a careful sender does: under another name first, then renamed."""
        place = self.inbox / folder
        place.mkdir(exist_ok=True)
        draft = place / f"{name}.part"
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        return draft.rename(place / name)

    @contextmanager
    def door(self, keeping: Keeping = QUICK) -> Iterator[FileDropDoor]:
        made = FileDropDoor(
            self.inbox,
            self.sources,
            self.find_id,
            self.intake,
            self.take_crossing,
            keeping,
        )
        made.start()
        try:
            yield made
        finally:
            made.stop(10)

    def read(self) -> FileDropDoor:
        """Run the door until the inbox is empty, then drain everything."""
        with self.door() as door:
            await_true(lambda: not self.waiting(), "an empty inbox")
        self.drain()
        return door

    def waiting(self) -> list[Path]:
        """Files that are neither done nor refused."""
        moved = {self.inbox / "done", self.inbox / "refused"}
        return [path for path in self.inbox.rglob("*") if path.is_file() and not moved & set(path.parents)]

    def done(self) -> list[str]:
        # The door lets go of old folders meanwhile: os.walk passes over what is gone.
        return sorted(name for _, _, names in os.walk(self.inbox / "done") for name in names)

    def refused(self) -> dict[str, str]:
        """Name → content of what lies in refused."""
        return {
            path.name: path.read_text(encoding="utf-8", errors="replace")
            for path in sorted((self.inbox / "refused").glob("[!.]*"))
        }

    def drain(self) -> None:
        while self._drain.step():
            pass

    def facts(self) -> list[LoggedEvidence]:
        return list(self.evidence.read(0, 10_000))

    def close(self) -> None:
        for spool in self.spools.values():
            spool.close()
        self.readings.close()
        self.engine.dispose()


@contextmanager
def file_site(folder: Path, crosswalk: Crosswalk = NO_CROSSWALK) -> Iterator[FileSite]:
    folder.mkdir(parents=True, exist_ok=True)
    made = FileSite(folder, crosswalk)
    try:
        yield made
    finally:
        made.close()

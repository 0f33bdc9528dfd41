"""The file drop of this installation: its inbox, sources and crosswalk, and who decodes what it brings."""

from collections.abc import Callable
from typing import Final

from gateway.adapters.files.crossing_import import CrossingImport
from gateway.adapters.files.drop import FileDropDoor, Keeping
from gateway.adapters.files.sources import LiveSources
from gateway.codecs import crossing, file_exports
from gateway.exports.parsing import FindId
from gateway.frames import Decoded, Frame
from gateway.ports import Door, Intake
from geo.adapters.crosswalk import LiveCrosswalk
from gridcrew.sealed_networks import vault
from gridcrew.settings import Settings

_DAY_S: Final = 86_400.0


def live_sources(settings: Settings) -> LiveSources:
    """The sources in force: shipped ones and the site's own."""
    return LiveSources(settings.site_folder / "sources")


def find_ids(settings: Settings) -> Callable[[], FindId]:
    """The crosswalk of the network in force."""
    crosswalk = LiveCrosswalk(settings.database_location, vault(settings))
    return lambda: crosswalk.current().find


def file_door(settings: Settings, intake: Intake) -> Door:
    """The door of the inbox."""
    configured = settings.gateway
    keeping = Keeping(
        settle_s=configured.inbox_settle_s,
        done_s=configured.done_keep_days * _DAY_S,
        refused_s=configured.refused_keep_days * _DAY_S,
    )
    return FileDropDoor(
        settings.inbox_folder,
        live_sources(settings),
        find_ids(settings),
        intake,
        CrossingImport(settings.data_dir.absolute()).take,
        keeping,
    )


def file_decoders(settings: Settings) -> dict[str, Callable[[Frame], Decoded]]:
    """By kind of door."""
    late_after_ms = int(settings.gateway.late_after_s * 1000)
    exports = file_exports.make_decoder(live_sources(settings).current, find_ids(settings), late_after_ms)
    return {file_exports.FILE: exports, crossing.CROSSING: crossing.decode}

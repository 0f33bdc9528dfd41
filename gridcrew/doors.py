"""Which doors this installation has and who decodes what comes in by them: the one place that knows all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from gateway.adapters.dlt645.door import Dlt645Door
from gateway.adapters.missing_door import MissingDoor
from gateway.adapters.modbus.door import ModbusDoor
from gateway.adapters.modbus.model_shelf import ModelShelf
from gateway.adapters.mqtt.door import BrokerAddress, MqttDoor
from gateway.adapters.mqtt.known_terminals import KnownTerminals
from gateway.adapters.mqtt.observer_doors import ObserverDoors
from gateway.adapters.mqtt.observer_files import ObserverBook
from gateway.adapters.mqtt.ping_door import PingDoor
from gateway.adapters.mqtt.ping_senders import FilePings, MqttPings, NoPings
from gateway.adapters.mqtt.security_log_door import SecurityLogDoor, Source, read_own_line
from gateway.adapters.mqtt.session_memory import SessionMemory
from gateway.codecs import dlt645, dlt645_wrapped, modbus, own, pings, state_grid, state_grid_replies
from gateway.codecs import security as security_frames
from gateway.codecs.mqtt_frames import MqttDecoder
from gateway.frames import MQTT, Decoded, Frame, Lane
from gateway.pings import Limits
from gateway.ports import Door, Intake, PingSender
from gateway.security import read_mosquitto_line, read_nats_line
from gateway.voltages import voltages_told
from geo.adapters.crosswalk import LiveCrosswalk
from geo.adapters.database import open_database
from gridcrew.broker import broker_address, findings_file, gateway_sessions, server_log
from gridcrew.file_doors import file_decoders, file_door
from gridcrew.sealed_networks import vault
from gridcrew.settings import Settings
from telemetry.adapters.ping_wishes import SqlPingWishes

METER_ADDRESSES: Final = "meter_address"
"""System of the crosswalk that knows meters by the twelve digits of their communication address."""
DLT698: Final = find_spec("dlt698") is not None


def make_doors(settings: Settings, intake: Intake) -> Sequence[Door]:
    """Every door that the settings and the site's files ask for, not yet started."""
    mqtt_doors = _mqtt_doors(settings, intake)
    return [
        *mqtt_doors,
        _ping_door(settings, intake, mqtt_doors),
        _security_door(settings, intake),
        ModbusDoor(settings.site_folder, intake),
        Dlt645Door(settings.site_folder / "connections", intake),
        *_dlt698_doors(settings, intake),
        file_door(settings, intake),
    ]


def make_decoder(settings: Settings) -> Callable[[Frame], Decoded]:
    """One function for the frames of all doors."""
    addresses = LiveCrosswalk(settings.database_location, vault(settings)).resolver(METER_ADDRESSES)
    decoders: dict[str, Callable[[Frame], Decoded]] = {
        MQTT: _mqtt_decoder(settings),
        security_frames.SECURITY: security_frames.decode,
        modbus.MODBUS: modbus.make_decode(ModelShelf(settings.site_folder).find),
        pings.PING: pings.decode,
        dlt645.DOOR: partial(dlt645.decode, resolve=addresses),
        **file_decoders(settings),
    }
    if DLT698:
        decoders["dlt698"] = partial(import_module("gateway.codecs.dlt698").decode, resolve=addresses)

    def decode(frame: Frame) -> Decoded:
        kind = frame.door.partition(":")[0]
        if kind not in decoders:
            problem = f"door: expected one of {', '.join(decoders)}, found {frame.door[:80]!r}"
            return Decoded(own.content_key(frame), refusal=problem, named_by_content=True)
        return voltages_told(decoders[kind](frame))

    return decode


def session_memory(settings: Settings) -> SessionMemory:
    """Which of our durable sessions brokers have lost."""
    return SessionMemory(
        settings.data_dir.absolute() / "mqtt-sessions.json", settings.mqtt.session_alarm_hours
    )


def gateway_address(settings: Settings) -> BrokerAddress:
    """As ``broker_address``, with the keep-alive of the gateway's sessions."""
    return replace(broker_address(settings), keepalive_s=settings.mqtt.keepalive_s)


def _mqtt_doors(settings: Settings, intake: Intake) -> list[Door]:
    memory = session_memory(settings)
    own_sessions = [
        MqttDoor(
            lambda: gateway_address(settings),
            session,
            intake,
            memory,
            # Alarms of the State Grid envelope share a channel with readings.
            lane_of=_urgent_first if session.lane is Lane.BULK else None,
            reply=state_grid_replies.reply,
        )
        for session in gateway_sessions(settings)
    ]
    return [
        *own_sessions,
        ObserverDoors(settings.site_folder, intake, memory, settings.mqtt.keepalive_s),
    ]


def _security_door(settings: Settings, intake: Intake) -> Door:
    """Refusals of the embedded broker, or of the site's where its log can be read."""
    if not settings.mqtt.url:
        sources: tuple[Source, ...] = (
            Source(server_log(settings), read_nats_line),
            Source(findings_file(settings), read_own_line),
        )
    elif settings.mqtt.broker_log:
        sources = (Source(Path(settings.mqtt.broker_log), read_mosquitto_line),)
    else:
        sources = ()
    return SecurityLogDoor(sources, settings.data_dir.absolute() / "security-log.json", intake)


def _urgent_first(frame: Frame) -> Lane:
    return Lane.EVENTS if state_grid.is_urgent(frame) or dlt645_wrapped.is_urgent(frame) else Lane.BULK


def _dlt698_doors(settings: Settings, intake: Intake) -> list[Door]:
    """The extra ``dlt698`` is optional and native: it is loaded only where it is installed."""
    folder = settings.site_folder / "connections"
    if DLT698:
        return [import_module("gateway.adapters.dlt645.dlt698_door").Dlt698Door(folder, intake)]
    return [MissingDoor("dlt698", folder, "dlt698_listen", "pip install 'gridcrew[dlt698]'")]


def _mqtt_decoder(settings: Settings) -> MqttDecoder:
    crosswalk = LiveCrosswalk(settings.database_location, vault(settings))
    is_terminal = KnownTerminals(open_database(settings.database_location, "gateway"))
    book = ObserverBook(settings.site_folder, crosswalk.resolver, is_terminal)
    return MqttDecoder(book.own, book.find)


def _ping_door(settings: Settings, intake: Intake, doors: Sequence[Door]) -> PingDoor:
    events = next(door for door in doors if isinstance(door, MqttDoor))
    senders: dict[str, PingSender] = {
        "mqtt": MqttPings(events.say),
        "file": FilePings(settings.outbox_folder),
        "none": NoPings(),
    }
    rules = settings.gateway
    return PingDoor(
        {
            owner: SqlPingWishes(open_database(settings.database_location, owner))
            for owner in ("desk", "outages")
        },
        senders[rules.ping],
        intake,
        open_database(settings.database_location, "gateway"),
        Limits(rules.ping_at_once, rules.ping_per_minute, int(rules.ping_timeout_s * 1000)),
    )

"""Which doors this installation has and who decodes what comes in by them: the one place that knows all."""

from collections.abc import Callable, Sequence

from gateway.adapters.modbus import ModbusDoor
from gateway.adapters.modbus_models import ModelShelf
from gateway.adapters.mqtt import MqttDoor
from gateway.codecs import modbus, own
from gateway.frames import MQTT, Decoded, Frame
from gateway.ports import Door, Intake
from gridcrew.broker import broker_address, gateway_sessions
from gridcrew.settings import Settings


def make_doors(settings: Settings, intake: Intake) -> Sequence[Door]:
    """Every door that the settings and the site's files ask for, not yet started."""
    return [
        *(
            MqttDoor(lambda: broker_address(settings), session, intake)
            for session in gateway_sessions(settings)
        ),
        ModbusDoor(settings.site_folder, intake),
    ]


def make_decoder(settings: Settings) -> Callable[[Frame], Decoded]:
    """One function for the frames of all doors."""
    decoders = {MQTT: own.decode, modbus.MODBUS: modbus.make_decode(ModelShelf(settings.site_folder).find)}

    def decode(frame: Frame) -> Decoded:
        kind = frame.door.partition(":")[0]
        if kind not in decoders:
            problem = f"door: expected one of {', '.join(decoders)}, found {frame.door[:80]!r}"
            return Decoded(own.content_key(frame), refusal=problem, named_by_content=True)
        return decoders[kind](frame)

    return decode

"""One device polled once, for a person to look at: raw registers, values, what cannot be true."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway.adapters.modbus.link import BrokenAnswer, LinkLost, ModbusLink, Unanswered
from gateway.adapters.modbus.poll import Answer, Polled, read_blocks
from gateway.modbus.connections import ConnectionFile, DeviceEntry
from gateway.modbus.device_models import DeviceModel
from gateway.modbus.reading import Image, Ratios, implausible, infos, read_values, refused_table, states
from telemetry.quantities import CATALOGUE


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One quantity: ``raw`` in hex, empty where it was not read; ``value`` None where there is none."""

    name: str
    where: str
    raw: str
    value: Decimal | None
    unit: str


@dataclass(frozen=True, slots=True)
class Preview:
    device: str
    rows: tuple[PreviewRow, ...]
    states: Mapping[str, bool]
    infos: Mapping[str, str]
    refused: tuple[str, ...]
    doubt: str
    """Why it cannot be true and what would make it so; empty where it is plausible."""


class NoAnswer(RuntimeError):
    """The device could not be read; the text says why."""


def preview(settings: ConnectionFile, entry: DeviceEntry, model: DeviceModel) -> Preview:
    """Poll the device once over a line of its own; raises NoAnswer."""
    try:
        answer = asyncio.run(_poll(settings, entry, model))
    except (LinkLost, Unanswered, BrokenAnswer) as problem:
        raise NoAnswer(f"{entry.id}: {problem}") from problem
    image = Image(answer.blocks)
    values = read_values(model, image, Ratios(entry.ct, entry.pt))
    rows = tuple(
        PreviewRow(
            name=place.name,
            where=f"{place.where} {place.address} {place.type} {place.how}",
            raw=(image.raw(place) or b"").hex(),
            value=values.get(place.name),
            unit=CATALOGUE[place.name].unit,
        )
        for place in model.quantity
    )
    return Preview(
        device=entry.id,
        rows=rows,
        states=states(model, image),
        infos=infos(model, image),
        refused=tuple(refused_table(b.table, b.address, b.count, code) for b, code in answer.refused),
        doubt=implausible(model, image, entry.ct) if values else "not one of its quantities could be read",
    )


async def _poll(settings: ConnectionFile, entry: DeviceEntry, model: DeviceModel) -> Answer:
    # Bytes that are no Modbus make the library raise in its callback; here the missing answer tells enough.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    link = ModbusLink(settings)
    try:
        await link.open()
        return await read_blocks(link, Polled(entry, model), lambda: None)
    finally:
        link.close()

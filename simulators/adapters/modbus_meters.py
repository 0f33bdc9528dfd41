"""Simulated Modbus meters on one port: a real server, its registers from a load, faults at command.

Meters answer their own reading function only; there is nothing to write. Registers outside a meter's map are
refused with exception 2, as real meters do.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from simulators.modbus_loads import Load, Moment
from simulators.modbus_maps import MAPS, MeterMap, Registers

HOST: Final = "127.0.0.1"
START_S: Final = 10.0
MAX_METERS: Final = 247
FaultKind = Literal["dead", "wrong_unit", "refuse", "late", "stuck"]
FAULTS: Final[tuple[FaultKind, ...]] = ("dead", "wrong_unit", "refuse", "late", "stuck")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a meter.

    ``dead``: never answers. ``wrong_unit``: answers in the name of unit ``value``. ``refuse``: exception 2
    wherever register ``value`` is touched. ``late``: each answer ``value`` milliseconds later. ``stuck``: the
    same registers for ever.
    """

    kind: FaultKind
    value: int = 0


@dataclass(slots=True)
class SimulatedMeter:
    """One meter on the bus."""

    unit: int
    map: MeterMap
    load: Load
    fault: Fault | None = None
    requests: int = 0
    functions: set[int] = field(default_factory=set)
    """Function codes that were ever asked of it."""
    last: Registers = field(default_factory=dict)


class SimulatedBus:
    """A port with meters behind it, served by a thread of its own; a context manager."""

    def __init__(
        self, meters: Sequence[SimulatedMeter], host: str = HOST, port: int = 0, *, rtu: bool = False
    ) -> None:
        """``port`` 0 picks a free one; ``rtu``: RTU frames over TCP, as serial device servers speak."""
        # The library prints every request that it refuses, with the frames before it.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        self.port = port
        self.connections = 0
        """How often somebody connected."""
        self.meters = {meter.unit: meter for meter in meters}
        self._host, self._rtu = host, rtu
        self._began_s, self._began_ms = time.monotonic(), time.time_ns() // 1_000_000
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._started = threading.Event()
        self._problem = ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> "SimulatedBus":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; raises OSError where the port is taken."""
        self._thread.start()
        if not self._started.wait(START_S) or self._problem:
            raise OSError(f"the simulated bus cannot listen on {self._host}:{self.port}: {self._problem}")

    def stop(self) -> None:
        if self._loop is not None and self._end is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(5)

    def fault(self, unit: int, fault: Fault | None) -> None:
        """From the next request on; None heals."""
        self.meters[unit].fault = fault

    def moment(self, unit: int, at_ms: int) -> Moment:
        """What the meter truly measured at that instant."""
        return self.meters[unit].load.at((at_ms - self._began_ms) / 1000)

    @property
    def known(self) -> set[int]:
        """Numbers that may stand in an answer: those of the meters, and those that a fault pretends."""
        faults = (meter.fault for meter in self.meters.values())
        return {*self.meters, *(fault.value for fault in faults if fault and fault.kind == "wrong_unit")}

    def registers(self, unit: int) -> Registers:
        """What the meter's registers hold now."""
        meter = self.meters[unit]
        if meter.fault is None or meter.fault.kind != "stuck" or not meter.last:
            meter.last = meter.map.registers(meter.load.at(time.monotonic() - self._began_s))
        return meter.last

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        framer = FramerType.RTU if self._rtu else FramerType.SOCKET
        try:
            server = _Server(self, self._devices(), framer, (self._host, self.port))
            await server.serve_forever(background=True)
        except (OSError, RuntimeError) as problem:
            self._problem = str(problem)
            self._started.set()
            return
        self.port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self._started.set()
        await self._end.wait()
        await server.shutdown()  # type: ignore[no-untyped-call]

    def _devices(self) -> list[SimDevice]:
        return [
            SimDevice(
                id=meter.unit,
                simdata=[
                    SimData(first, values=words, datatype=DataType.REGISTERS)
                    for first, words in sorted(self.registers(meter.unit).items())
                ],
                action=self._action(meter),
            )
            for meter in self.meters.values()
        ]

    def _action(self, meter: SimulatedMeter):  # type: ignore[no-untyped-def]  # noqa: ANN202 (the library's type is private)
        async def action(
            function: int, start: int, address: int, count: int, current: list[int], new: object
        ) -> ExcCodes | None:
            meter.requests += 1
            meter.functions.add(function)
            if function not in meter.map.functions or new is not None:
                return ExcCodes.ILLEGAL_FUNCTION
            fault = meter.fault
            if fault is not None and fault.kind == "refuse" and address <= fault.value < address + count:
                return ExcCodes.ILLEGAL_ADDRESS
            for first, words in self.registers(meter.unit).items():
                current[first - start : first - start + len(words)] = words
            return None

        return action


class _Server(ModbusTcpServer):
    """The library's server; each connection knows the faults of the meters behind it."""

    def __init__(
        self, bus: SimulatedBus, devices: list[SimDevice], framer: FramerType, address: tuple[str, int]
    ) -> None:
        super().__init__(devices, framer=framer, address=address, ignore_missing_devices=True)
        self._bus = bus
        self._place = 6 if framer is FramerType.SOCKET else 0

    def callback_new_connection(self) -> ServerRequestHandler:
        self._bus.connections += 1
        handler: ServerRequestHandler

        def packet(sending: bool, data: bytes) -> bytes:
            if not sending or len(data) <= self._place:
                return data
            if data[self._place] not in self._bus.known:
                return b""  # Nobody of that number is on the line.
            fault = self._fault(data[self._place])
            if fault is None or fault.kind not in {"dead", "late"}:
                return data
            if fault.kind == "late":
                self.loop.call_later(fault.value / 1000, _write, handler, data)
            return b""

        def pdu(sending: bool, message: ModbusPDU) -> ModbusPDU:
            fault = self._fault(message.dev_id) if sending else None
            if fault is not None and fault.kind == "wrong_unit":
                message.dev_id = fault.value
            return message

        handler = ServerRequestHandler(self, packet, pdu, None)  # type: ignore[no-untyped-call]
        return handler

    def _fault(self, unit: int) -> Fault | None:
        meter = self._bus.meters.get(unit)
        return meter.fault if meter is not None else None


def _write(handler: ServerRequestHandler, data: bytes) -> None:
    if handler.transport is not None:
        handler.transport.write(data)  # type: ignore[attr-defined]


def meters_of(maps: Mapping[int, str], seed: int = 1) -> list[SimulatedMeter]:
    """Meters by unit and name of their map, each with a load of its own."""
    return [SimulatedMeter(unit, MAPS[name], Load.random(seed * 1000 + unit)) for unit, name in maps.items()]

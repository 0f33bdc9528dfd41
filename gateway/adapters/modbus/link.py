"""One line to Modbus devices (TCP, RTU over TCP, serial): a request at a time, and only its own answer.

pymodbus speaks; what it lets pass is checked here: unit, transaction, function and length of each answer.
RTU answers carry no number, so after a request without an answer the line is listened to until it is quiet,
and the unit that was late is asked again before anything it says is believed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Final

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from gateway.modbus.connections import ConnectionFile
from gateway.modbus.device_models import Table
from gateway.modbus.polling import Block
from gateway.modbus.reading import UNANSWERED

CONNECT_S: Final = 5.0
_QUIET_S: Final = 0.05
_NEVER_CLOSE: Final = 1_000_000_000
_READS: Final[Mapping[Table, type[ModbusPDU]]] = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}
"""All requests that this gateway can make."""


class LinkLost(ConnectionError):
    """The line itself is not there: refused, cut, no such port."""


class Unanswered(TimeoutError):
    """The device did not answer in time, or a gateway says so."""


class BrokenAnswer(ValueError):
    """Something came that is not the answer to our request."""


class Refused(ValueError):
    """The device answered with an exception."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


class ModbusLink:
    """Not for several tasks at once: a line bears one request at a time."""

    def __init__(self, settings: ConnectionFile) -> None:
        # The library's words come with every missing answer; the door tells what matters, once.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        self.opened = 0
        """How often the line was opened."""
        self._settings = settings
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient | None = None
        self._heard_s = 0.0
        self._asked_s = 0.0
        self._asking = False
        self._late: set[int] = set()

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    def tune(self, settings: ConnectionFile) -> None:
        """Timeouts and pauses may change while the line stays open."""
        self._settings = settings

    async def open(self) -> None:
        """Connect anew; raises LinkLost."""
        self.close()
        self._client = client = self._new_client()
        client.set_max_no_responses(_NEVER_CLOSE)
        client.ctx.count_until_disconnect = _NEVER_CLOSE
        try:
            async with asyncio.timeout(CONNECT_S):
                connected = await client.connect()
        except (TimeoutError, OSError, ModbusException) as problem:
            self.close()
            raise LinkLost(f"{self._where()}: {problem or 'no connection'}") from problem
        if not connected:
            self.close()
            raise LinkLost(f"{self._where()}: no connection")
        self.opened += 1
        self._late.clear()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError, ModbusException):
                client.close()

    async def read(self, unit: int, block: Block) -> bytes:
        """The registers (bits packed) of a block.

        Raises Unanswered, BrokenAnswer, Refused, and LinkLost, after which it must be opened again.
        """
        if unit in self._late:
            # The answer to the last request may still be on its way and would look like this one's.
            await self._ask(unit, block)
            self._late.discard(unit)
            await self._quiet(self._settings.timeout_s)
        return _data(await self._ask(unit, block), block)

    async def _ask(self, unit: int, block: Block) -> ModbusPDU:
        client = self._client
        if client is None or not client.connected:
            raise LinkLost(f"{self._where()}: the line was closed")
        await self._pause()
        request = _READS[block.table](dev_id=unit, address=block.address, count=block.count)
        client.ctx.comm_params.timeout_connect = self._settings.answer_s(block.count)
        try:
            self._asking = True
            answer: ModbusPDU = await client.execute(False, request)
        except (ModbusException, OSError, ValueError) as problem:
            await self._after_failure(client, unit)
            raise Unanswered(f"unit {unit}: no answer within {self._settings.timeout_s:g} s") from problem
        finally:
            self._asking, self._asked_s = False, time.monotonic()
        _check(request, answer)
        return answer

    async def _after_failure(self, client: AsyncModbusTcpClient | AsyncModbusSerialClient, unit: int) -> None:
        if not client.connected:
            self.close()
            raise LinkLost(f"{self._where()}: the line was cut") from None
        if self._settings.framed_by_silence:
            self._late.add(unit)
            await self._quiet(_QUIET_S)
        elif client.ctx.recv_buffer:
            # Half a frame: what follows cannot be told apart from the next answer.
            self.close()
            raise BrokenAnswer(f"unit {unit}: half an answer, or no Modbus at all")

    async def _quiet(self, least_s: float) -> None:
        """Until nothing has come for so long, or for a timeout at most beyond it."""
        began_s = time.monotonic()
        deadline_s = began_s + least_s + self._settings.timeout_s
        while (now_s := time.monotonic()) < deadline_s:
            quiet_s = now_s - max(self._heard_s, began_s)
            if quiet_s >= least_s:
                break
            await asyncio.sleep(least_s - quiet_s)
        if self._client is not None:
            self._client.ctx.recv_buffer = b""

    async def _pause(self) -> None:
        wait_s = max(self._asked_s, self._heard_s) + self._settings.pause_s() - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _new_client(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        told = self._settings
        if told.kind == "serial":
            return AsyncModbusSerialClient(
                told.path,
                baudrate=told.baud,
                parity=told.parity,
                stopbits=told.stop_bits,
                reconnect_delay=0,
                timeout=CONNECT_S,
                retries=0,
                trace_packet=self._note,
                trace_connect=self._note_connection,
            )
        return AsyncModbusTcpClient(
            told.host,
            port=told.port,
            framer=FramerType.SOCKET if told.kind == "tcp" else FramerType.RTU,
            reconnect_delay=0,
            timeout=CONNECT_S,
            retries=0,
            trace_packet=self._note,
            trace_connect=self._note_connection,
        )

    def _note(self, sending: bool, data: bytes) -> bytes:
        if not sending:
            self._heard_s = time.monotonic()
        return data

    def _note_connection(self, connected: bool) -> None:
        """A cut line answers nobody: do not wait for the timeout."""
        client = self._client
        if connected or client is None or not self._asking:
            return
        if not client.ctx.response_future.done():
            client.ctx.response_future.set_exception(ConnectionResetError("the line was cut"))

    def _where(self) -> str:
        return self._settings.path or f"{self._settings.host}:{self._settings.port}"


def _check(request: ModbusPDU, answer: ModbusPDU) -> None:
    """Raises where this is not the answer to that request."""
    if request.dev_id and answer.dev_id != request.dev_id:
        raise BrokenAnswer(f"asked unit {request.dev_id}, unit {answer.dev_id} answered")
    if answer.transaction_id != request.transaction_id:
        raise BrokenAnswer(f"unit {request.dev_id}: the answer belongs to another request")
    if answer.function_code & 0x7F != request.function_code:
        raise BrokenAnswer(
            f"unit {request.dev_id}: asked function {request.function_code}, "
            f"function {answer.function_code & 0x7F} answered"
        )
    if isinstance(answer, ExceptionResponse):
        if answer.exception_code in UNANSWERED:
            raise Unanswered(f"unit {request.dev_id}: the gateway says that it does not answer")
        raise Refused(answer.exception_code)


def _data(answer: ModbusPDU, block: Block) -> bytes:
    if block.table.of_bits:
        found = len(answer.bits)
        if not block.count <= found < block.count + 8:
            raise BrokenAnswer(f"asked {block.count} bits, {found} came")
        bits = answer.bits[: block.count]
        packed = sum(1 << place for place, bit in enumerate(bits) if bit)
        return packed.to_bytes((block.count + 7) // 8, "little")
    if len(answer.registers) != block.count:
        raise BrokenAnswer(f"asked {block.count} registers, {len(answer.registers)} came")
    return b"".join(register.to_bytes(2, "big") for register in answer.registers)

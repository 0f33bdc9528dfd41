"""A line of simulated DL/T 645 meters: what each request is answered. The meters are those of ``dlt645``.

The library's server answers single identifiers and loss records; blocks, follow-up frames and pushed reports,
which it does not know, are put together here from its own frames. Our decoders have no part in it.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from dlt645.model.data.define import DIMap
from dlt645.model.types.dlt645_type import PasswordManager
from dlt645.protocol.protocol import DLT645Protocol
from dlt645.service.serversvc.server_service import MeterServerService

READ: Final = 0x11
READ_NEXT: Final = 0x12
READ_ADDRESS: Final = 0x13
REPORT: Final = 0x86
_ANSWER: Final = 0x80
_MORE: Final = 0x20
_REFUSED: Final = 0x40
_WILDCARD: Final = b"\xaa" * 6
_STATUS_WORD: Final = 0x04001501
_POWER_DOWN_BIT: Final = 69
_LOSSES: Final = 0x03110000
_BLOCKS: Final[Mapping[int, tuple[int, ...]]] = {
    0x0201FF00: (0x02010100, 0x02010200, 0x02010300),
    0x0202FF00: (0x02020100, 0x02020200, 0x02020300),
    0x0203FF00: (0x02030000, 0x02030100, 0x02030200, 0x02030300),
}

USUAL_VALUES: Final[Mapping[int, float]] = {
    0x02010100: 220.5, 0x02010200: 221.5, 0x02010300: 222.5, 0x02020100: 1.234, 0x02020200: -2.5,
    0x02020300: 3.0, 0x02030000: 1.5, 0x02030100: 0.5, 0x02030200: 0.5, 0x02030300: 0.5, 0x02040000: -0.25,
    0x02060000: 0.987, 0x00010000: 123456.78, 0x00020000: 1.0,
}  # fmt: skip
"""What a three-phase meter shows; phase B exports."""


class _Service(MeterServerService):  # type: ignore[misc]
    """The library's meter with the items that are wanted: copying all of its 20,000 takes seconds."""

    def __init__(self, address: bytes, identifiers: Iterable[int]) -> None:
        self.server = None
        self.address = bytearray(address)
        self.password_manager = PasswordManager()
        self.data_map = {each: deepcopy(DIMap[each]) for each in identifiers if each in DIMap}


@dataclass(slots=True)
class SimulatedMeter:
    """One meter by its 12 digits; ``values``: identifier → number."""

    address: str
    values: Mapping[int, float]
    powered: bool = True
    blocks: bool = True
    """False: refuses blocks, as the library's own server does."""
    split: bool = False
    """Answers blocks in two frames, the second to be asked for."""
    losses: list[tuple[str, str]] = field(default_factory=list)
    """(start, end) as YYMMDDhhmmss, newest first."""
    asked: set[int] = field(default_factory=set)
    """Control codes that anybody ever sent to it, powered or not."""
    _service: _Service | None = None

    @property
    def wire_address(self) -> bytes:
        return bytes.fromhex(self.address)[::-1]

    def answer(self, control: int, data: bytes) -> bytes | None:
        """The frame that a request is answered with; None = silence."""
        self.asked.add(control)
        if not self.powered:
            return None
        identifier = int.from_bytes(data[:4], "little")
        if identifier in _BLOCKS and self.blocks and control in {READ, READ_NEXT}:
            return self._block(control, identifier, data)
        return self._ask_service(control, data)

    def report(self) -> bytes:
        """What a meter of newer make pushes when its supply was lost: the status word, one count."""
        word = (1 << _POWER_DOWN_BIT).to_bytes(12, "little")
        return self._frame(REPORT, _STATUS_WORD.to_bytes(4, "little") + word + b"\x01")

    def _block(self, control: int, identifier: int, data: bytes) -> bytes:
        parts = [self._value(member) for member in _BLOCKS[identifier]]
        head = data[:4]
        if not self.split:
            return self._frame(READ | _ANSWER, head + b"".join(parts))
        if control == READ:
            return self._frame(READ | _ANSWER | _MORE, head + parts[0])
        return self._frame(READ_NEXT | _ANSWER, head + b"".join(parts[1:]) + data[4:5])

    def _value(self, identifier: int) -> bytes:
        raw = self._ask_service(READ, identifier.to_bytes(4, "little"))
        frame = DLT645Protocol.deserialize(raw or b"")
        return bytes(frame.data[4:]) if frame is not None else b""

    def _ask_service(self, control: int, data: bytes) -> bytes | None:
        raw = DLT645Protocol.build_frame(self.wire_address, control, data)
        answer = self._made_service().handle_request(DLT645Protocol.deserialize(bytes(raw)))
        return None if answer is None else bytes(answer)

    def _made_service(self) -> _Service:
        if self._service is None:
            wanted = (*self.values, *range(_LOSSES, _LOSSES + 11))
            self._service = _Service(self.wire_address, wanted)
        for identifier, value in self.values.items():
            put = self._service.set_00 if identifier >> 24 == 0 else self._service.set_02
            put(identifier, value)
        self._service.set_03(_LOSSES, [f"{len(self.losses):06d}"])
        for place, loss in enumerate(self.losses[:10], start=1):
            self._service.set_03(_LOSSES + place, list(loss))
        return self._service

    def _frame(self, control: int, data: bytes) -> bytes:
        return bytes(DLT645Protocol.build_frame(self.wire_address, control, data))


class SimulatedBus:
    """Meters on one line; only the one that is addressed answers. A service of the library's server."""

    def __init__(self, meters: list[SimulatedMeter]) -> None:
        self.meters = {meter.wire_address: meter for meter in meters}

    def handle_request(self, frame: Any) -> bytes | None:  # noqa: ANN401 (the library has no types)
        """A request as ``dlt645`` parsed it."""
        address = bytes(frame.addr)
        if address == _WILDCARD and len(self.meters) == 1:
            address = next(iter(self.meters))
        meter = self.meters.get(address)
        return None if meter is None else meter.answer(int(frame.ctrl_code), bytes(frame.data))

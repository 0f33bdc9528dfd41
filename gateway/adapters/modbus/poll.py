"""One poll of one device over an open line: all blocks, refused ones in parts, and what is remembered."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.adapters.modbus.link import ModbusLink, Refused, Unanswered
from gateway.modbus.connections import DeviceEntry
from gateway.modbus.device_models import DeviceModel
from gateway.modbus.polling import Attempts, Block, Refusals, inside, plan
from gateway.modbus.reading import CUT

UNANSWERED_BLOCKS: Final = 3
"""So often in a row a block may stay unanswered, though others are answered, before it counts as refused."""
_NO_ANSWER: Final = 0


@dataclass(slots=True)
class Polled:
    """A device and what is known of it since it was configured."""

    entry: DeviceEntry
    model: DeviceModel
    due_s: float = 0.0
    attempts: Attempts = field(default_factory=Attempts)
    refusals: Refusals = field(default_factory=Refusals.none)
    unanswered: Counter[Block] = field(default_factory=Counter)
    states: dict[str, bool] = field(default_factory=dict)
    checked: bool = False
    """The first reading was looked at."""
    trouble: str = ""

    def same(self, entry: DeviceEntry, model: DeviceModel) -> bool:
        return self.entry == entry and self.model.digest == model.digest


@dataclass(slots=True)
class Answer:
    """What a poll brought: data by block, and (block, exception code) of what is refused from now on."""

    blocks: dict[Block, bytes] = field(default_factory=dict)
    refused: list[tuple[Block, int]] = field(default_factory=list)
    exceptions: int = 0
    unanswered: int = 0


async def read_blocks(link: ModbusLink, device: Polled, step: Callable[[], None]) -> Answer:
    """Read what the model asks for; ``step`` is called before each request.

    Raises LinkLost and BrokenAnswer, and Unanswered where the very first request gets no answer.
    """
    device.refusals.forget_old(time.monotonic())
    answer = Answer()
    waiting = _plan(device)
    while waiting:
        block = waiting.pop(0)
        step()
        try:
            answer.blocks[block] = await link.read(device.entry.unit, block)
            device.unanswered.pop(block, None)
        except Refused as problem:
            answer.exceptions += 1
            if problem.code in CUT:
                waiting = [*_cut(device, block, problem.code, answer), *waiting]
        except Unanswered:
            if not answer.blocks:
                raise
            answer.unanswered += 1
            device.unanswered[block] += 1
            if device.unanswered[block] >= UNANSWERED_BLOCKS:
                _cut(device, block, _NO_ANSWER, answer)
            break
    return answer


def _plan(device: Polled) -> list[Block]:
    """Some devices never answer what they do not have: after a failure another block comes first.

    Where everything is refused, one entry is still asked for: only an answer, if a refusal, proves life.
    """
    refusals = device.refusals
    blocks = plan(device.model.places, device.model.reading, refusals.single, refusals.refused)
    blocks = blocks or tuple(sorted(refusals.refused)[:1])
    turn = device.attempts.failures % len(blocks) if blocks else 0
    return [*blocks[turn:], *blocks[:turn]]


def _cut(device: Polled, block: Block, code: int, answer: Answer) -> tuple[Block, ...]:
    """A block was refused: its entries, to be asked alone, or none where it was one already."""
    parts = inside(block, device.model.places)
    now_s = time.monotonic()
    if len(parts) > 1:
        device.refusals.cut(parts, now_s)
        return parts
    if device.refusals.refuse(block, now_s):
        answer.refused.append((block, code))
    return ()

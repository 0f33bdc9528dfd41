"""One line and its devices: who is asked when, what becomes of answers and of silence.

One task per line. A device that does not answer costs one timeout and is then left alone for longer and
longer; those that answer go first. Devices come, change and go while the line stays open.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypedDict

from gateway.adapters.modbus.link import BrokenAnswer, LinkLost, ModbusLink, Unanswered
from gateway.adapters.modbus.poll import Answer, Polled, read_blocks
from gateway.backpressure import Pressure
from gateway.codecs.modbus import Poll, encode
from gateway.frames import Frame, Lane
from gateway.modbus.connections import ConnectionFile, DeviceEntry
from gateway.modbus.device_models import DeviceModel
from gateway.modbus.polling import backoff_s, first_due_s, interval_s, missed, next_due_s
from gateway.modbus.reading import Image, implausible, refused_table, states

log = logging.getLogger(__name__)

IDLE_S: Final = 1.0
_PATIENCE_S: Final = 30.0
_LINK_RETRY_S: Final = (0.5, 30.0)


class _Named(TypedDict):
    """What every frame of a device begins with."""

    device: str
    unit: int
    terminal: str
    model: str
    digest: str
    at: int


HandOver = Callable[[Lane, Frame], Awaitable[None]]


class ModbusBus:
    """A line; ``run`` for ever in one task, ``configure`` from the same event loop."""

    def __init__(
        self,
        name: str,
        settings: ConnectionFile,
        hand_over: HandOver,
        pressure: Callable[[], Pressure],
        counts: Counter[str],
    ) -> None:
        """``counts`` are the door's counters."""
        self.name = name
        self.settings = settings
        self.beat_s = time.monotonic()
        """When this line last got anywhere; a watchdog looks at it."""
        self.link_trouble = ""
        self.link = ModbusLink(settings)
        self._devices: dict[str, Polled] = {}
        self._hand_over = hand_over
        self._pressure = pressure
        self._counts = counts
        self._changed = asyncio.Event()
        self._open_at_s = 0.0
        self._open_wait_s = _LINK_RETRY_S[0]

    def configure(
        self, settings: ConnectionFile, devices: Mapping[str, tuple[DeviceEntry, DeviceModel]]
    ) -> None:
        """From now on these devices; those that are the same as before keep their turn and their memory."""
        self.settings = settings
        self.link.tune(settings)
        now_s = time.monotonic()
        before, self._devices = self._devices, {}
        for name, (entry, model) in devices.items():
            known = before.get(name)
            if known is None or not known.same(entry, model):
                fresh = Polled(entry, model, first_due_s(name, entry.every_s, now_s))
                if known is not None:
                    fresh.attempts = known.attempts
                known = fresh
            self._devices[name] = known
        self._changed.set()

    def troubles(self) -> list[str]:
        """What to look at, in plain words."""
        found = [self.link_trouble] if self.link_trouble else []
        return found + [device.trouble for device in self._devices.values() if device.trouble]

    async def run(self) -> None:
        """Poll who is due, for ever."""
        link = self.link = ModbusLink(self.settings)
        try:
            while True:
                self.beat_s = now_s = time.monotonic()
                device = self._due(now_s)
                if device is None:
                    await self._wait(now_s)
                else:
                    await self._turn(device, now_s)
        finally:
            # Its own: when a stuck task ends at last, the next one has a line of its own already.
            link.close()

    def _due(self, now_s: float) -> Polled | None:
        """The device whose turn it is; one that was silent waits until nobody else does, but not for ever."""
        if interval_s(1, self._pressure()) is None:
            return None
        due = [device for device in self._devices.values() if device.due_s <= now_s]
        return min(
            due,
            key=lambda device: device.due_s + (_PATIENCE_S if device.attempts.failures else 0),
            default=None,
        )

    async def _wait(self, now_s: float) -> None:
        next_s = min((device.due_s for device in self._devices.values()), default=now_s + IDLE_S)
        wait_s = IDLE_S if next_s <= now_s else min(next_s - now_s, IDLE_S)
        self._changed.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _turn(self, device: Polled, now_s: float) -> None:
        every_s = interval_s(device.entry.every_s, self._pressure()) or device.entry.every_s
        if not device.attempts.failures:
            self._counts["missed"] += missed(device.due_s, every_s, now_s)
        self._counts["polls"] += 1
        at_ms = time.time_ns() // 1_000_000
        wait_s: float | None = None
        try:
            await self._open_when_due(now_s)
            answer = await self._read(device)
        except LinkLost as problem:
            self._lose_link(problem)
            await self._unanswered(device, at_ms, str(problem), link=False)
        except (Unanswered, BrokenAnswer) as problem:
            self._counts["broken" if isinstance(problem, BrokenAnswer) else "timeouts"] += 1
            await self._unanswered(device, at_ms, str(problem), link=True)
            wait_s = backoff_s(device.attempts.failures, every_s, random.random())
        else:
            await self._answered(device, at_ms, answer)
        now_s = time.monotonic()
        if wait_s is None or device.attempts.failures == 1:
            device.due_s = next_due_s(device.entry.id, every_s, now_s)
        else:
            device.due_s = now_s + wait_s

    async def _open_when_due(self, now_s: float) -> None:
        if self.link.connected:
            return
        if now_s < self._open_at_s:
            raise LinkLost(self.link_trouble or "the line is closed")
        await self.link.open()
        self._counts["connections"] += 1
        self.link_trouble = ""

    def _lose_link(self, problem: LinkLost) -> None:
        now_s = time.monotonic()
        if now_s >= self._open_at_s:
            self._open_at_s = now_s + self._open_wait_s * random.uniform(0.75, 1.25)
            self._open_wait_s = min(2 * self._open_wait_s, _LINK_RETRY_S[1])
        if not self.link_trouble:
            log.warning("%s: %s", self.name, problem)
        self.link_trouble = str(problem)

    async def _read(self, device: Polled) -> Answer:
        """All blocks; raises where the very first one gets no answer."""

        def step() -> None:
            self.beat_s = time.monotonic()

        answer = await read_blocks(self.link, device, step)
        self._counts["refused"] += answer.exceptions
        self._counts["timeouts"] += answer.unanswered
        for told in (refused_table(b.table, b.address, b.count, code) for b, code in answer.refused):
            device.trouble = f"{device.entry.id}: {told}"
            log.warning("%s: %s: %s; the rest goes on", self.name, device.entry.id, told)
        return answer

    async def _answered(self, device: Polled, at_ms: int, answer: Answer) -> None:
        self._counts["answers"] += 1
        self._open_wait_s = _LINK_RETRY_S[0]
        was_silent = device.attempts.silent
        alive = device.attempts.answered(time.monotonic())
        image = Image(answer.blocks)
        holds = states(device.model, image)
        changed = tuple(name for name, on in holds.items() if device.states.get(name) is not on)
        device.states.update(holds)
        if was_silent:
            log.info("%s: %s answers again", self.name, device.entry.id)
        poll = Poll(
            **self._named(device, at_ms),
            ct=device.entry.ct,
            pt=device.entry.pt,
            blocks=tuple((b.table, b.address, b.count, data.hex()) for b, data in answer.blocks.items()),
            refused=tuple((b.table, b.address, b.count, code) for b, code in answer.refused),
            alive=alive,
            states=changed,
            doubt=self._doubt(device, image),
        )
        await self._give(Lane.EVENTS if changed or was_silent else Lane.BULK, poll)

    def _doubt(self, device: Polled, image: Image) -> str:
        """Why the first reading since it was configured cannot be true; empty later and where it can."""
        if device.checked or not image.blocks:
            return ""
        device.checked = True
        found = implausible(device.model, image, device.entry.ct)
        if not found:
            return ""
        device.trouble = f"{device.entry.id}: {found}"
        self._counts["implausible"] += 1
        log.warning("%s: %s: %s", self.name, device.entry.id, found)
        return found

    async def _unanswered(self, device: Polled, at_ms: int, problem: str, *, link: bool) -> None:
        tell = device.attempts.unanswered(time.monotonic())
        if not tell:
            return
        self._counts["silent"] += 1
        log.info("%s: %s is silent: %s", self.name, device.entry.id, problem)
        await self._give(Lane.EVENTS, Poll(**self._named(device, at_ms), silent=problem[:200], link=link))

    def _named(self, device: Polled, at_ms: int) -> _Named:
        return {
            "device": device.entry.id,
            "unit": device.entry.unit,
            "terminal": self.settings.terminal,
            "model": device.entry.model,
            "digest": device.model.digest,
            "at": at_ms,
        }

    async def _give(self, lane: Lane, poll: Poll) -> None:
        await self._hand_over(lane, encode(poll, time.time_ns() // 1_000_000))

"""The Modbus door: all lines of ``connections/*.toml``, in one event loop in one thread.

Files are watched: a device that is added, changed or disabled touches nothing but itself. What was polled
waits in a bounded queue for the spool; while the spool takes nothing, polls wait too and none is lost.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.adapters.modbus.bus import HandOver, ModbusBus
from gateway.adapters.modbus.model_shelf import ModelShelf
from gateway.adapters.site_files import POLL_S, SiteFiles
from gateway.backpressure import Pressure
from gateway.codecs.modbus import MODBUS
from gateway.frames import Frame, Lane
from gateway.modbus.connections import ConnectionFile, DeviceEntry, parse_connection
from gateway.modbus.device_models import DeviceModel
from gateway.ports import Intake, SpoolUnavailable

log = logging.getLogger(__name__)

QUEUE_FRAMES: Final = 1_000
GROUP_FRAMES: Final = 500
GROUP_S: Final = 0.05
"""Polls of so long share one write to the disk."""
STUCK_S: Final = 45.0
_RETRY_S: Final = 1.0
_TROUBLES: Final = 5
_LANES: Final = (Lane.EVENTS, Lane.BULK)


class ModbusDoor:
    """``Door`` of all Modbus lines of a site; without connection files it only watches for them."""

    name = MODBUS
    required = False

    def __init__(self, site_folder: Path, intake: Intake, stuck_s: float = STUCK_S) -> None:
        """``stuck_s``: after so long without a step a line's task is started anew."""
        self._site_folder = site_folder
        self._intake = intake
        self._stuck_s = stuck_s
        self._counts: Counter[str] = Counter()
        self._refused: Mapping[str, str] = {}
        self._buses: dict[str, ModbusBus] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pressure = Pressure.FREE
        self._spool_trouble = ""
        self._beat_s = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def ready(self) -> bool:
        """True once the files were read and while the loop turns."""
        return self._ready.is_set() and time.monotonic() - self._beat_s < self._stuck_s

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def trouble(self) -> str:
        """Refused files, lines that are away, devices that answer nonsense: the first few."""
        found = [self._spool_trouble] if self._spool_trouble else []
        found += list(self._refused.values())
        for bus in list(self._buses.values()):
            found += bus.troubles()
        more = f" (and {len(found) - _TROUBLES} more)" if len(found) > _TROUBLES else ""
        return "; ".join(found[:_TROUBLES]) + more

    def counters(self) -> Mapping[str, int]:
        return dict(self._counts)

    def stop(self, timeout_s: float) -> None:
        self._stopping.set()
        loop, end = self._loop, self._end
        if loop is not None and end is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(end.set)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(_note_exception)
        queues: dict[Lane, asyncio.Queue[Frame]] = {lane: asyncio.Queue(QUEUE_FRAMES) for lane in _LANES}
        watch = asyncio.create_task(self._watch(queues))
        keepers = [asyncio.create_task(self._keep(lane, queue)) for lane, queue in queues.items()]
        end = asyncio.create_task(self._end.wait())
        if not self._stopping.is_set():
            await asyncio.wait([watch, end, *keepers], return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in (watch, *keepers) if task.done()]
        await _cancelled([watch, end, *self._tasks.values()])
        self._ready.clear()
        if not failed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    for queue in queues.values():
                        await queue.join()
        await _cancelled(keepers)
        for task in failed:
            task.result()

    async def _watch(self, queues: Mapping[Lane, asyncio.Queue[Frame]]) -> None:
        """Files, pressure and stuck lines, every second or two."""
        shelf = await asyncio.to_thread(ModelShelf, self._site_folder)
        files = SiteFiles(self._site_folder / "connections", parse_connection)
        looked_s = float("-inf")

        async def hand_over(lane: Lane, frame: Frame) -> None:
            await queues[lane].put(frame)

        while True:
            self._beat_s = now_s = time.monotonic()
            self._pressure = self._intake.pressure()
            if now_s - looked_s >= POLL_S:
                looked_s = now_s
                models_changed = await asyncio.to_thread(shelf.poll)
                changes = await asyncio.to_thread(files.poll)
                if models_changed or changes or not self._ready.is_set():
                    self._tell({**changes.refused})
                    self._refused = {**shelf.refused, **files.refused}
                    await self._apply(files.current, shelf.models, hand_over)
                    self._ready.set()
            self._restart_stuck(now_s)
            await asyncio.sleep(min(1.0, POLL_S / 2))

    def _tell(self, refused: Mapping[str, str]) -> None:
        for problem in refused.values():
            log.warning("%s: %s; what was in force stays so", self.name, problem)

    async def _apply(
        self,
        connections: Mapping[str, ConnectionFile],
        models: Mapping[str, DeviceModel],
        hand_over: HandOver,
    ) -> None:
        gone = [
            name
            for name, bus in self._buses.items()
            if name not in connections or connections[name].link != bus.settings.link
        ]
        await _cancelled([self._tasks.pop(name) for name in gone])
        for name in gone:
            del self._buses[name]
        chosen, problems = choose_devices(connections, models)
        self._refused = {**self._refused, **problems}
        self._tell(problems)
        for name, settings in connections.items():
            bus = self._buses.get(name)
            if bus is None:
                bus = ModbusBus(name, settings, hand_over, lambda: self._pressure, self._counts)
                self._buses[name] = bus
                self._tasks[name] = asyncio.create_task(bus.run(), name=f"{self.name}:{name}")
            bus.configure(settings, chosen[name])

    def _restart_stuck(self, now_s: float) -> None:
        for name, bus in self._buses.items():
            task = self._tasks[name]
            full = self._spool_trouble or self._pressure >= Pressure.HOLD_BULK
            if not task.done() and (full or now_s - bus.beat_s < self._stuck_s):
                continue
            if task.done() and not task.cancelled():
                log.error("%s: the line's task failed: %r", name, task.exception())
            task.cancel()
            self._counts["restarted"] += 1
            bus.beat_s = now_s
            self._tasks[name] = asyncio.create_task(bus.run(), name=f"{self.name}:{name}")

    async def _keep(self, lane: Lane, queue: asyncio.Queue[Frame]) -> None:
        """Groups of frames into the spool; a group that it does not take is offered again."""
        while True:
            group = [await queue.get()]
            await asyncio.sleep(GROUP_S)
            while len(group) < GROUP_FRAMES and not queue.empty():
                group.append(queue.get_nowait())
            while not await self._taken(lane, group):
                await asyncio.sleep(_RETRY_S)
            for _ in group:
                queue.task_done()

    async def _taken(self, lane: Lane, group: list[Frame]) -> bool:
        try:
            await asyncio.to_thread(self._intake.take, lane, group)
        except SpoolUnavailable as problem:
            if not self._spool_trouble:
                log.warning("%s: polls wait for the spool: %s", self.name, problem)
            self._spool_trouble = f"polls wait for the spool: {problem}"
            self._counts["not_taken"] += len(group)
            return False
        self._spool_trouble = ""
        self._counts["frames"] += len(group)
        return True


def choose_devices(
    connections: Mapping[str, ConnectionFile], models: Mapping[str, DeviceModel]
) -> tuple[dict[str, dict[str, tuple[DeviceEntry, DeviceModel]]], dict[str, str]]:
    """(connection → id → device and model, problems): a device without model, or named twice, is left out."""
    chosen: dict[str, dict[str, tuple[DeviceEntry, DeviceModel]]] = {}
    problems: dict[str, str] = {}
    owner: dict[str, str] = {}
    for name in sorted(connections):
        chosen[name] = {}
        for at, entry in enumerate(connections[name].device):
            field = f"connections/{name}.toml: device[{at}]"
            if not entry.enabled:
                continue
            if entry.id in owner:
                problems[field] = f"{field}.id: {entry.id!r} is a device of {owner[entry.id]}.toml already"
            elif entry.model not in models:
                problems[field] = f"{field}.model: expected a file devices/{entry.model}.toml, there is none"
            else:
                owner[entry.id] = name
                chosen[name][entry.id] = (entry, models[entry.model])
    return chosen, problems


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _note_exception(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Bytes that are no Modbus make the library raise in its callback; the line then counts as cut."""
    log.debug("in the event loop: %s", context.get("exception") or context.get("message"))

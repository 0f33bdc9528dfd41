"""The door of DL/T 645 meters: lines of the site's connection files, each with a worker, changed live.

A changed file restarts only the lines whose address differs; a meter that is added, changed or switched off
touches no other meter.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.adapters.dlt645.dialled import DialledPort
from gateway.adapters.dlt645.line import LineWorker
from gateway.adapters.site_files import POLL_S, SiteFiles
from gateway.adapters.threaded import Threaded
from gateway.codecs.dlt645 import DOOR
from gateway.dlt645 import MAX_LINES, Connection, Line, Listener, read_connection
from gateway.ports import Intake

log = logging.getLogger(__name__)

_TOLD: Final = 3


class Dlt645Door(Threaded):
    """``Door`` over all files of ``folder`` whose kind is ``dlt645_tcp`` or ``dlt645_listen``."""

    name = DOOR
    required = False

    def __init__(self, folder: Path, intake: Intake) -> None:
        self._files: SiteFiles[Connection] = SiteFiles(folder, read_connection)
        self._intake = intake
        self._workers: dict[str, LineWorker] = {}
        self._ports: dict[str, tuple[Listener, DialledPort]] = {}
        self._gone: Counter[str] = Counter()
        self._problem = ""
        super().__init__(DOOR)

    @property
    def ready(self) -> bool:
        """True while any line is connected."""
        return any(worker.connected for worker in list(self._workers.values()))

    @property
    def trouble(self) -> str:
        """Files that are refused, ports that do not open, lines that are not connected; empty without any."""
        told = [self._problem, *self._files.refused.values()]
        told += [port.trouble for _, port in list(self._ports.values())]
        told += [f"{name}: {worker.trouble}" for name, worker in sorted(self._workers.items())]
        told = [text for text in told if text and not text.endswith(": ")]
        more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        return "; ".join(told[:_TOLD]) + more

    @property
    def alive(self) -> bool:
        """False once its thread has ended, which only ``stop`` or a fault of the program brings about."""
        parts = [worker.alive for worker in list(self._workers.values())]
        parts += [port.alive for _, port in list(self._ports.values())]
        return super().alive and all(parts)

    def counters(self) -> Mapping[str, int]:
        """Lines, those connected, and sums over all lines since the start: polls, unanswered, refused …"""
        total = Counter(self._gone)
        for worker in list(self._workers.values()):
            total.update(worker.counts)
        for _, port in list(self._ports.values()):
            total.update(port.counts)
        total["lines"] = len(self._workers)
        total["lines_connected"] = sum(worker.connected for worker in list(self._workers.values()))
        return total

    def ports(self) -> Mapping[str, int]:
        """Where it listens, by the file's name."""
        return {name: port.port for name, (_, port) in list(self._ports.items())}

    def stop(self, timeout_s: float) -> None:
        """Take no more, let every line finish the question in hand, hang up."""
        super().stop(timeout_s)
        self._end(list(self._workers.values()), [port for _, port in self._ports.values()], timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            changes = self._files.poll()
            for reason in changes.refused.values():
                log.warning("%s: %s", DOOR, reason)
            if changes.added or changes.changed or changes.removed:
                self._put_in_force(dict(self._files.current))
            self._stop.wait(POLL_S)

    def _put_in_force(self, files: dict[str, Connection]) -> None:
        listeners = {name: found for name, found in files.items() if isinstance(found, Listener)}
        lines = self._lines(files, listeners)
        leaving = [
            name
            for name, worker in self._workers.items()
            if name not in lines or _address(worker.line) != _address(lines[name])
        ]
        closing = [name for name, (old, _) in self._ports.items() if listeners.get(name) != old]
        ended = [self._workers.pop(name) for name in leaving]
        for worker in ended:
            self._gone.update(worker.counts)
        self._end(ended, [self._ports.pop(name)[1] for name in closing], timeout_s=5.0)
        for name, line in lines.items():
            if name in self._workers:
                self._workers[name].configure(line)
            else:
                worker = LineWorker(line, self._intake)
                worker.start()
                self._workers[name] = worker
        for name, listener in listeners.items():
            if name not in self._ports:
                port = DialledPort(listener, lambda: self._workers)
                port.start()
                self._ports[name] = (listener, port)

    def _lines(self, files: dict[str, Connection], listeners: dict[str, Listener]) -> dict[str, Line]:
        """All lines by name; a name given twice counts once, a meter on two lines is asked on the first."""
        given = [found for found in files.values() if isinstance(found, Line)]
        given += [line for listener in listeners.values() for line in listener.lines]
        lines: dict[str, Line] = {}
        taken: set[str] = set()
        problems = []
        for line in given:
            if line.name in lines or len(lines) >= MAX_LINES:
                problems.append(f"line {line.name}: expected one of each name and at most {MAX_LINES}")
                continue
            twice = [meter.address for meter in line.meters if meter.address in taken]
            if twice:
                problems.append(f"line {line.name}: meter {twice[0]} hangs on another line too")
            lines[line.name] = replace(
                line, meters=tuple(meter for meter in line.meters if meter.address not in taken)
            )
            taken.update(meter.address for meter in line.meters)
        self._problem = "; ".join(problems[:_TOLD])
        return lines

    @staticmethod
    def _end(workers: list[LineWorker], ports: list[DialledPort], timeout_s: float) -> None:
        stops = [port.stop for port in ports] + [worker.stop for worker in workers]
        enders = [threading.Thread(target=stop, args=(timeout_s,)) for stop in stops]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()


def _address(line: Line) -> tuple[object, ...]:
    """What cannot be changed under an open connection."""
    return line.host, line.port, line.registration, line.gap_s

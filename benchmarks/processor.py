"""What other processes spent, from ``/proc``: the machine is shared, so wall time alone tells little."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """Of a process and its children: seconds on a processor; of its main thread: seconds waiting for one."""

    used_s: float
    waited_s: float

    def __sub__(self, earlier: "Spent") -> "Spent":
        return Spent(self.used_s - earlier.used_s, self.waited_s - earlier.waited_s)


def spent(pid: int) -> Spent:
    """Up to now."""
    waited_ns = int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1])
    return Spent(sum(map(_used_s, family(pid))), waited_ns / 1e9)


def peak_mib(pid: int) -> float:
    """Most memory that the process and its children ever held; what they share counts for each."""
    return sum(map(_peak_kib, family(pid))) / 1024


def family(pid: int) -> list[int]:
    """The process, its children, theirs."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def children(pid: int) -> list[int]:
    """Of the process, the oldest first; none of one that has ended."""
    try:
        threads = [*Path(f"/proc/{pid}/task").iterdir()]
        return [int(word) for thread in threads for word in (thread / "children").read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _peak_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _used_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # a child that ended meanwhile
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S

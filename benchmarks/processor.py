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
    family = [pid, *_children(pid)]
    waited_ns = int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1])
    return Spent(sum(_used_s(each) for each in family), waited_ns / 1e9)


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(word) for thread in threads for word in (thread / "children").read_text("ascii").split()]


def _used_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # a child that ended meanwhile
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S

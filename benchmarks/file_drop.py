"""How fast dropped files are read: lines a second by the door and by the drain, and the memory that takes.

``python -m benchmarks.file_drop [LINES]``: a file of rows, one of 96-column curves with a fifth of the lines.
Each phase runs in a process of its own, so that its peak memory is its own.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import record
from tests.gateway.file_site import file_site

LINES = 1_000_000
HEAD = "terminal,meter,time,quality,ua_v,ub_v,uc_v,ia_a,ib_a,ic_a,p_w,import_kwh\n"


def write_rows(file: Path, lines: int) -> int:
    """One line per meter and quarter of an hour, six values; how many values."""
    with file.open("w", encoding="utf-8") as handle:
        handle.write(HEAD)
        for number in range(lines):
            meter, quarter = divmod(number, 96)
            clock = f"{quarter // 4:02}:{quarter % 4 * 15:02}:00"
            power = number % 5000
            handle.write(
                f"T{meter // 200},{meter:012},2026-11-20 {clock},,230.{meter % 10},231.2,229.{quarter % 10},"
                f"{power / 230:.3f},,,{power},{1000 + quarter / 100:.2f}\n"
            )
    return 6 * lines


def write_curves(file: Path, lines: int) -> int:
    """One line per meter and quantity, 96 points; how many values."""
    names = ("A相电压", "B相电压", "C相电压", "A相电流", "正向有功电能示值")
    clocks = ",".join(f"{quarter // 4:02}:{quarter % 4 * 15:02}" for quarter in range(96))
    with file.open("w", encoding="gb18030") as handle:
        handle.write(f"表号,日期,数据项,{clocks}\n")
        for number in range(lines):
            meter, kind = divmod(number, len(names))
            points = ",".join(f"{230 + (number + quarter) % 97 / 10:.1f}" for quarter in range(96))
            handle.write(f"{meter},2026-11-20,{names[kind]},{points}\n")
    return 96 * lines


def phase(name: str, folder: Path) -> None:
    """``door``: inbox → spool. ``drain``: spool → stores. Prints seconds and peak memory in MB."""
    with file_site(folder) as site:
        began_s = time.monotonic()
        if name == "door":
            with site.door():
                while site.waiting():
                    time.sleep(0.05)
        else:
            site.drain()
        seconds = time.monotonic() - began_s
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _measured(name: str, folder: Path) -> tuple[float, int]:
    command = [sys.executable, "-m", "benchmarks.file_drop", name, str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(answer[0]), int(answer[1])


def _row(
    export: str, name: str, lines: int, values: int, folder: Path
) -> dict[str, str | int | float | None]:
    seconds, peak_mb = _measured(name, folder)
    return {
        "export": export,
        "phase": name,
        "lines": lines,
        "seconds": round(seconds, 1),
        "lines/s": round(lines / seconds),
        "values/s": round(values / seconds),
        "peak MB": peak_mb,
    }


def run(lines: int = LINES) -> None:
    """Measure and record."""
    rows: list[dict[str, str | int | float | None]] = []
    for export, name, count, write in (
        ("rows, a tenth", "readings_rows.csv", lines // 10, write_rows),
        ("rows", "readings_rows.csv", lines, write_rows),
        ("curves of 96", "load_curve.csv", lines // 5, write_curves),
    ):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "var"
            (folder / "inbox").mkdir(parents=True)
            values = write(folder / "inbox" / name, count)
            rows += [_row(export, each, count, values, folder) for each in ("door", "drain")]
    record(
        "file_drop",
        "Files from the inbox to the stores",
        {"One file, each phase in a process of its own": rows},
        [
            "The door parts good lines from bad and syncs every group of slices to the spool.",
            "The drain decodes again and writes readings (embedded store) and evidence.",
            "After each slice of readings the door rests for half the time it took: other doors come first.",
            "In the gateway both run at the same time, in two processes.",
            "Memory is flat if ten times the lines take the same peak.",
        ],
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        phase(sys.argv[1], Path(sys.argv[2]))
    else:
        run(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)

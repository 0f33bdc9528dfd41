"""One way to write a benchmark's result: a JSON file for programs and a Markdown page for people.

Every figure stands with the day, the machine and the versions; compare ratios within one run only.
"""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Cell = str | int | float | None


def record(
    name: str,
    title: str,
    tables: Mapping[str, Sequence[Mapping[str, Cell]]],
    notes: Sequence[str] = (),
    packages: Sequence[str] = ("numpy",),
) -> dict[str, object]:
    """Write ``results/<name>.json`` and ``.md``: each table is a caption and its rows, column → cell."""
    result: dict[str, object] = {
        "name": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in packages},
        "tables": {caption: [dict(row) for row in rows] for caption, rows in tables.items()},
        "notes": list(notes),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    page = "\n".join(_page(title, result, tables, notes))
    (RESULTS / f"{name}.md").write_text(page + "\n", encoding="utf-8")
    sys.stdout.write(page + "\n")
    return result


def machine() -> str:
    """The machine in words: processor, cores, memory, system."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()}"


def _page(
    title: str,
    result: Mapping[str, object],
    tables: Mapping[str, Sequence[Mapping[str, Cell]]],
    notes: Sequence[str],
) -> list[str]:
    versions = result["versions"]
    assert isinstance(versions, dict)
    lines = [f"# {title}", "", f"{result['measured_at']} · {result['machine']}  "]
    lines.append(" · ".join(f"{name} {number}" for name, number in versions.items()))
    for caption, rows in tables.items():
        lines += ["", f"## {caption}", "", *_table(rows)]
    if notes:
        lines += ["", *(f"- {note}" for note in notes)]
    return lines


def _table(rows: Sequence[Mapping[str, Cell]]) -> list[str]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(_cell(row.get(column)) for column in columns) + " |" for row in rows]


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.2e}"
    return str(value)

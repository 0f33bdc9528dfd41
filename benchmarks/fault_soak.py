"""``make soak``: every long fault test once, and the record of how each ended. Half an hour; needs root.

Name test files or tests to run only those; a run of some is not recorded.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.record import Cell, record

MOST_TOLD = 300
_SEED = re.compile(r"seed (\d+)")


def run(chosen: Sequence[str] = ()) -> int:
    """Pytest's own exit code."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        ended = subprocess.run(
            [
                sys.executable, "-m", "pytest", "-v", "-m", "soak", "--override-ini", "addopts=",
                "--override-ini", "junit_logging=system-out", f"--junitxml={report}", *(chosen or ["tests"]),
            ],
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            check=False,
        )  # fmt: skip
        if not chosen:
            _record(list(_rows(report)))
    return ended.returncode


def _record(rows: Sequence[Mapping[str, Cell]]) -> None:
    record(
        "fault_soak",
        "Long fault tests, each run to its end",
        {f"{sum(row['result'] == 'passed' for row in rows)} of {len(rows)} passed": rows},
        notes=(
            "After each: what was acknowledged is stored or among the dead letters, the counters balance.",
            "A failed run is repeated with its seed.",
        ),
        packages=("paho-mqtt", "influxdb-client", "pysqlite3"),
    )


def _rows(report: Path) -> Iterator[Mapping[str, Cell]]:
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (our own report)
        said = " ".join(line for line in (case.findtext("system-out") or "").splitlines() if line[:1] != "-")
        seed = _SEED.search(said)
        yield {
            "test": f"{case.get('classname', '').removeprefix('tests.')}: {case.get('name')}",
            "seconds": round(float(case.get("time", "0")), 1),
            "result": _result(case),
            "seed": seed[1] if seed else None,
            "told": _SEED.sub("", said).strip()[:MOST_TOLD],
        }


def _result(case: ElementTree.Element) -> str:
    for name in ("failure", "error", "skipped"):
        found = case.find(name)
        if found is not None:
            return f"{name}: {found.get('message', '')[:MOST_TOLD]}".replace("\n", " ").replace("|", "/")
    return "passed"


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

"""The gateway as a process reading its inbox: without any network, and killed in the middle of a file."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.gateway.running import Installation, await_true

HEAD = "terminal,meter,time,quality,ua_v,ub_v,uc_v,ia_a,ib_a,ic_a,p_w,import_kwh\n"
METERS, INSTANTS = 60, 600
_PICK_UP = {"GRIDCREW_GATEWAY__INBOX_SETTLE_S": "0.1"}


def _export(meters: int, instants: int) -> str:
    """One line per meter and minute; the energy tells which."""
    lines = [
        f"T1,M{m},2026-11-{1 + t // 1440:02} {t // 60 % 24:02}:{t % 60:02},,230.1,,,,,,,{t}.{m:02}\n"
        for t in range(instants)
        for m in range(meters)
    ]
    return HEAD + "".join(lines)


def _drop(site: Installation, name: str, content: str) -> None:
    site.settings.inbox_folder.mkdir(parents=True, exist_ok=True)
    draft = site.settings.inbox_folder / f"{name}.part"
    draft.write_text(content, encoding="utf-8")
    draft.rename(site.settings.inbox_folder / name)


def _done(site: Installation) -> list[str]:
    return sorted(path.name for path in (site.settings.inbox_folder / "done").rglob("*.csv"))


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    return process.poll() is not None


def test_every_line_once_through_death_in_the_middle_of_a_file(site: Installation) -> None:
    """Killed in the middle, and between the spool and done."""
    _drop(site, "readings_big.csv", _export(METERS, INSTANTS))
    for place in ("file_group_taken:1", "file_before_done:1"):
        process = site.start(ready=False, GRIDCREW_FAULT=place, **_PICK_UP)
        await_true(partial(_ended, process), f"the fault: {place}")
        assert site.end() != 0
        assert _done(site) == []
    site.start(ready=False, **_PICK_UP)
    await_true(lambda: _done(site) == ["readings_big.csv"], "the file in done")
    await_true(lambda: site.settled(1) and site.records.counters().duplicate > 0, "an empty spool")
    for m in (0, METERS - 1):
        series = site.readings.series(f"M{m}", 0, 2**52)
        assert [str(reading.values["energy_import_kwh"]) for reading in series] == [
            f"{t}.{m:02}" for t in range(INSTANTS)
        ]
    counters = site.records.counters()
    assert counters.received == counters.stored + counters.dead + counters.duplicate
    assert counters.dead == 0
    alive = [row.evidence for row in site.evidence.read(0, 10_000)]
    assert len({fact.key for fact in alive}) == len(alive)
    assert {device for fact in alive for device in fact.devices} == {f"M{m}" for m in range(METERS)}


@pytest.fixture
def cut_off() -> list[str]:
    """A command before a command: in a network of its own in which even loopback is down."""
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-n", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("network namespaces need the privilege of CAP_SYS_ADMIN")
    return [unshare, "-n"]


def test_files_are_read_where_there_is_no_network_at_all(site: Installation, cut_off: list[str]) -> None:
    """SHAPE-01: the isolated management zone; only files come in."""
    _drop(site, "readings_1.csv", _export(3, 10))
    _drop(site, "outages_1.csv", "表号,停电时间,复电时间\n1,2026-11-20 08:00,\n")
    with (site.folder / "gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [*cut_off, sys.executable, "-m", "gridcrew", "gateway"],
            env=os.environ | site.environment | _PICK_UP, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
    try:
        await_true(lambda: len(_done(site)) == 2 and site.settled(2), "both files")
        assert _internet_sockets(process.pid) == []
        assert len(site.readings.series("M0", 0, 2**52)) == 10
        assert "power_off" in {row.evidence.kind for row in site.evidence.read(0)}
    finally:
        process.terminate()
        process.wait(20)


def _internet_sockets(pid: int) -> list[str]:
    """Connected sockets in the process' network, by the kernel's own tables."""
    return [
        line
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        if line.split()[3] == "01"
    ]

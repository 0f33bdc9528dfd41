"""The supervisor with real processes: readiness, restart, stop."""

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from gridcrew import supervisor as supervisor_module
from gridcrew.supervisor import NeverReady, Program, Supervisor


def _program(name: str, behaviour: str, folder: Path) -> Program:
    return Program(name, (name, behaviour, str(folder)), module="tests.gridcrew.practice_program")


def _starts(folder: Path, name: str) -> list[int]:
    return [int(line) for line in (folder / f"{name}.starts").read_text(encoding="utf-8").split()]


@pytest.fixture
def keeper(tmp_path: Path) -> Supervisor:
    return Supervisor(os.environ, tmp_path / "logs", quiet=True)


def test_a_program_is_ready_when_it_says_so_and_its_output_is_kept(
    keeper: Supervisor, tmp_path: Path
) -> None:
    keeper.start(_program("steady", "steady", tmp_path))
    assert keeper.wait_ready("steady", 20)
    keeper.stop()
    assert "hello from steady" in (tmp_path / "logs" / "steady.log").read_text(encoding="utf-8")


def test_what_ends_is_started_again(keeper: Supervisor, tmp_path: Path) -> None:
    keeper.start(_program("brief", "short", tmp_path))
    keeper.run(seconds=6)
    keeper.stop()
    assert len(_starts(tmp_path, "brief")) >= 3


def test_what_keeps_ending_before_it_is_ready_is_given_up_with_its_last_words(
    keeper: Supervisor, tmp_path: Path
) -> None:
    keeper.start(_program("broken", "broken", tmp_path))
    with pytest.raises(NeverReady, match=r"broken .*cannot go on"):
        keeper.wait_ready("broken", 60)
    keeper.stop()


def test_what_ignores_sigterm_is_killed(
    keeper: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "STOP_S", 0.5)
    keeper.start(_program("stubborn", "stubborn", tmp_path))
    assert keeper.wait_ready("stubborn", 20)
    keeper.stop()
    assert not [pid for pid in _starts(tmp_path, "stubborn") if psutil.pid_exists(pid)]


def test_a_request_ends_the_run(keeper: Supervisor) -> None:
    threading.Timer(0.3, keeper.request_stop).start()
    began_s = time.monotonic()
    keeper.run(seconds=None)
    assert time.monotonic() - began_s < 5


def test_lines_of_json_stay_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keeper = Supervisor(os.environ, tmp_path / "logs", quiet=False)
    keeper.start(_program("teller", "json", tmp_path))
    assert keeper.wait_ready("teller", 20)
    keeper.stop()
    line = '{"level": "info", "message": "hello from teller"}'
    assert line in (tmp_path / "logs" / "teller.log").read_text(encoding="utf-8").splitlines()
    assert line in capsys.readouterr().out.splitlines()

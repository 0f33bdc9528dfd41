"""Commands that cannot do their work end with a clear line and a code, as a shell sees it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gridcrew", *words],
        env=os.environ | {"GRIDCREW_DATA_DIR": str(folder / "var")},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words", [("dead-letters",), ("device", "list"), ("network", "trace", "X"), ("user", "list")]
)
def test_before_migration_every_reader_says_what_to_do(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path, *words)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "gridcrew migrate" in done.stderr


@pytest.mark.parametrize("command", ["check", "import", "propose"])
def test_a_network_that_is_refused_ends_with_its_code_in_the_shell(tmp_path: Path, command: str) -> None:
    run(tmp_path, "migrate")
    refused = run(tmp_path, "network", command, str(tmp_path / "nowhere"))
    assert refused.returncode == 2
    assert "nowhere is no folder" in refused.stderr


def test_a_command_that_did_its_work_ends_with_nought(tmp_path: Path) -> None:
    assert run(tmp_path, "migrate").returncode == 0

"""A command on a data folder that nobody prepared ends with one clear line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "words", [("dead-letters",), ("device", "list"), ("network", "trace", "X"), ("user", "list")]
)
def test_before_migration_every_reader_says_what_to_do(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gridcrew", *words],
        env=os.environ | {"GRIDCREW_DATA_DIR": str(tmp_path / "var")},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "gridcrew migrate" in done.stderr

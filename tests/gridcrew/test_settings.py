"""One file and the environment; bad values are refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gridcrew.settings import Settings


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gridcrew.toml"
    file.write_text('language = "en"\n[web]\nport = 9000\n[mqtt]\nport = 1999\n', encoding="utf-8")
    monkeypatch.setenv("GRIDCREW_CONFIG", str(file))
    monkeypatch.setenv("GRIDCREW_WEB__PORT", "9100")
    settings = Settings()
    assert (settings.language, settings.web.port, settings.mqtt.port) == ("en", 9100, 1999)


def test_everything_listens_on_loopback_by_default() -> None:
    assert Settings().web.host == Settings().mqtt.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[web]\nport = 70000\n", "web.port"),
        ("[web]\nprt = 1\n", "web.prt"),
        ("language = 'fr'\n", "language"),
    ],
)
def test_a_bad_setting_ends_with_one_line_that_names_it(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "gridcrew.toml"
    file.write_text(content, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "gridcrew", "migrate"],
        env=os.environ | {"GRIDCREW_CONFIG": str(file), "GRIDCREW_DATA_DIR": str(tmp_path / "var")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert named in done.stderr

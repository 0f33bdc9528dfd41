"""One file and the environment; bad values are refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gridcrew.environment import strange_variables, told, variables
from gridcrew.health import CHECKS
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


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("GRIDCREW_WEB_PORT", "GRIDCREW_WEB__PORT"),
        ("gridcrew_data_dri", "GRIDCREW_DATA_DIR"),
        ("GRIDCREW_MQTT_URI", "GRIDCREW_MQTT__URL"),
        ("GRIDCREW_XYZZY", ""),
    ],
)
def test_a_variable_that_nothing_reads_is_told_with_the_nearest_setting(variable: str, nearest: str) -> None:
    strange = strange_variables([variable, *variables(), "GRIDCREW_SECRET_SMS", "GRIDCREW_CONFIG", "PATH"])
    assert strange == {variable: nearest}
    assert nearest in told(strange)[0]


def test_such_a_variable_is_warned_of_at_the_start_and_found_by_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDCREW_WEB_PORT", "9000")
    done = subprocess.run(
        [sys.executable, "-m", "gridcrew", "--help"],
        env=os.environ | {"GRIDCREW_DATA_DIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Warning" in done.stderr
    assert "did you mean GRIDCREW_WEB__PORT?" in done.stderr
    healthy, says = CHECKS["environment"](Settings())
    assert not healthy
    assert "GRIDCREW_WEB__PORT" in says

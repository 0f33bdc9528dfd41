"""``gridcrew outage learn`` from the shell: what a history teaches, and that none teaches nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.ports import NetworkVersion
from gridcrew.commands.outage_learn import command
from gridcrew.learned import CALIBRATION_FILE, FILE, detection_model
from gridcrew.migrations.runner import migrate_all
from gridcrew.settings import Settings
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.inference_model import InferenceModel
from tests.telemetry.nights import FEEDER

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000


@pytest.fixture
def location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("gridcrew.commands.outage_learn.wall_clock_ms", lambda: NOW_MS)
    where = Settings().database_location
    migrate_all(where)
    version = NetworkVersion(FEEDER.content_hash, 1, 1, "test")
    SqlNetworkStore(open_database(where, "network"), None).put(FEEDER, version)
    return where


def _learn() -> None:
    done = CliRunner().invoke(command, ["--write"])
    assert done.exit_code == 0, done.output


def test_where_nothing_was_ever_said_nothing_is_learned(location: str) -> None:
    assert location
    _learn()
    assert detection_model(Settings()) == InferenceModel()
    assert not (Settings().site_folder / CALIBRATION_FILE).exists()


def test_quiet_months_teach_that_faults_are_rare(location: str) -> None:
    began_ms = NOW_MS - 60 * DAY_MS
    said = Evidence(EvidenceKind.ALIVE, began_ms, began_ms, "", FEEDER.meters.ids[:1], "first")
    SqlEvidenceLog(open_database(location, "gateway")).append([said])
    _learn()
    assert "faults = { number = 0, days = 60.0 }" in (Settings().site_folder / FILE).read_text("utf-8")
    assert detection_model(Settings()).usual_faults == pytest.approx(2 / 21)

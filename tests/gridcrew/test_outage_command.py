"""``gridcrew outage``: list, show, explain, replay, on what a detector left behind."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.ports import NetworkVersion
from gridcrew.commands.outage import command
from gridcrew.migrations.runner import migrate_all
from telemetry.adapters.detector_service import Aside, DetectorService
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.detector import DetectorRules
from telemetry.inference import InferenceModel
from telemetry.inquiry import Inquiry
from tests.commands import invoke
from tests.telemetry.nights import ALL, FEEDER, T0, Night, under


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lateral went out and one customer was spared; the detector has seen it."""
    folder = tmp_path_factory.mktemp("outage")
    location = str(folder)
    migrate_all(location)
    networks = SqlNetworkStore(open_database(location, "network"), None)
    networks.put(FEEDER, NetworkVersion(FEEDER.content_hash, 0, 0, "test"))
    engine = open_database(location, "outages")
    log, logs = (
        SqlOutageLog(engine),
        {n: SqlEvidenceLog(open_database(location, n)) for n in ("gateway", "desk")},
    )
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, [m for m in under("A") if m != "A112"], spread_s=0.1)
    for at_s in (30, 45):
        night.frames(at_s, [*under("B", "C"), "A112"])
    rows = sorted((row for _, row in night.script), key=lambda row: row.received_ms)
    clock = [T0 - 2_000]
    service = DetectorService(
        logs, log, log, networks, DetectorRules(InferenceModel()), lambda: clock[0],
        Aside(Inquiry(), SqlExplanations(engine), None),
    )  # fmt: skip
    for _ in range(130):
        due = [row for row in rows if row.received_ms <= clock[0]]
        logs["gateway"].append(due)
        rows = rows[len(due) :]
        service.tick()
        clock[0] += 500
    return folder


def _run(home: Path, *arguments: str) -> Result:
    return invoke(command, arguments, env={"GRIDCREW_DATA_DIR": str(home)})


def _only(home: Path) -> str:
    (outage,) = json.loads(_run(home, "list", "--json").stdout)
    return str(outage["outage_id"])


def test_list_and_show_tell_the_same_outage(home: Path) -> None:
    identifier = _only(home)
    assert identifier in _run(home, "list").output
    shown = json.loads(_run(home, "show", identifier, "--json").stdout)
    assert shown["state"] == "confirmed"
    assert [one["revision"] for one in shown["revisions"]] == list(range(1, len(shown["revisions"]) + 1))
    assert identifier in _run(home, "show", identifier).output


def test_explain_says_why_in_the_language_asked_for(home: Path) -> None:
    identifier = _only(home)
    assert "上报停电" in _run(home, "explain", identifier).output
    english = _run(home, "explain", identifier, "--language", "en").output
    assert "sent a last gasp" in english
    answer = json.loads(_run(home, "explain", identifier, "--json").stdout)
    assert {"alternatives", "settling", "customers", "sentences"} <= set(answer)


def test_explain_a_customer_inside_spared_and_outside(home: Path) -> None:
    identifier = _only(home)
    out = _run(home, "explain", identifier, "--customer", "CA111", "--language", "en").output
    assert "held to be out" in out
    assert "last gasp at" in out
    spared = _run(home, "explain", identifier, "--customer", "CA112", "--language", "en").output
    assert "held to have supply" in spared
    assert (
        "not in the scope"
        in _run(home, "explain", identifier, "--customer", "CB111", "--language", "en").output
    )


def test_an_earlier_revision_is_explained_as_of_then(home: Path) -> None:
    identifier = _only(home)
    first = json.loads(_run(home, "explain", identifier, "--revision", "1", "--json").stdout)
    newest = json.loads(_run(home, "explain", identifier, "--json").stdout)
    assert first["revision"] == 1 < newest["revision"]
    assert int(first["signs"]["last_gasps"]) < int(newest["signs"]["last_gasps"])


def test_a_night_replays_the_same_and_the_exit_code_says_so(home: Path) -> None:
    done = _run(home, "replay", "--from", "2025-11-24T15:59:00Z", "--to", "2025-11-24T16:02:00Z", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["published"], answer["replayed"], answer["same"]) == (1, 1, 1)
    SqlEvidenceLog(open_database(str(home), "gateway"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "O-nowhere"), "no outage"),
        (("explain", "O-nowhere"), "no outage"),
        (("replay", "--from", "yesterday", "--to", "2025-11-24T17:00:00Z"), "--from"),
        (("replay", "--from", "2025-11-24T17:00:00Z", "--to", "2025-11-24T16:00:00Z"), "that is over"),
    ],
)
def test_bad_input_is_told_in_one_line(home: Path, arguments: tuple[str, ...], said: str) -> None:
    done = _run(home, *arguments)
    assert done.exit_code != 0
    assert said in done.output
    assert "Traceback" not in done.output

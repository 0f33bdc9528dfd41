"""FLT-02: the offline door answers for a network and events made by hand, and names what is bad."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridcrew.commands.scope import command

VILLAGE = Path(__file__).parents[2] / "docs/examples/village"
WEST = {f"C{n:02d}" for n in range(7, 13)}


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["--network", str(VILLAGE), *map(str, arguments)])


def _events(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_the_village_has_one_outage_below_its_western_branch() -> None:
    result = _run("--events", VILLAGE / "events.jsonl", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["at"] == "2026-11-20T10:05:40.000Z"
    (outage,) = answer["outages"]
    assert outage["cause"]["element"] == "L4"
    assert set(outage["cause"]["equivalent"]) == {"L4", "F2", "T2"}
    assert outage["state"] == "confirmed"
    assert set(outage["customers_out"]) >= WEST
    assert outage["started_at"].startswith("2026-11-20T10:05:00")
    assert outage["low"] <= outage["expected"] <= outage["high"]
    assert "M05" in {item["device"] for item in answer["verify"]}


def test_the_answer_is_as_of_the_time_asked_for() -> None:
    early = _run("--events", VILLAGE / "events.jsonl", "--at", "2026-11-20T10:05:00Z", "--json")
    answer = json.loads(early.stdout)
    assert answer["outages"] == []
    assert answer["verify"] == [{"device": "M07", "reason": "lone_last_gasp"}]


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    lines = (VILLAGE / "events.jsonl").read_text(encoding="utf-8").splitlines()
    shuffled = _events(tmp_path, *reversed(lines), *lines[::2])
    same = _run("--events", shuffled, "--json"), _run("--events", VILLAGE / "events.jsonl", "--json")
    assert same[0].stdout == same[1].stdout


def test_power_that_returned_leaves_nobody_out(tmp_path: Path) -> None:
    lines = (VILLAGE / "events.jsonl").read_text(encoding="utf-8").splitlines()
    back = [
        json.dumps({"at": "2026-11-20T11:00:00Z", "device": f"M{n:02d}", "kind": "power_on"})
        for n in range(1, 13)
    ]
    answer = json.loads(_run("--events", _events(tmp_path, *lines, *back), "--json").stdout)
    assert answer["outages"] == []
    assert [ended["restored_at"] for ended in answer["ended"]] == ["2026-11-20T11:00:00.000Z"]


def test_without_json_it_is_a_table() -> None:
    result = _run("--events", VILLAGE / "events.jsonl")
    assert "L4" in result.stdout
    assert "verify M05" in result.stdout


def test_devices_that_nobody_knows_are_named(tmp_path: Path) -> None:
    file = _events(tmp_path, '{"at": "2026-11-20T10:00:00Z", "device": "M99", "kind": "alive"}')
    result = _run("--events", file, "--json")
    assert json.loads(result.stdout)["unknown"] == ["M99"]
    assert "M99" in result.stderr


def test_planned_work_labels_the_outage(tmp_path: Path) -> None:
    planned = tmp_path / "planned.csv"
    planned.write_text(
        "element,starts_at,ends_at,kind\nF2,2026-11-20T10:00:00Z,2026-11-20T12:00:00Z,maintenance\n",
        encoding="utf-8",
    )
    answer = json.loads(_run("--events", VILLAGE / "events.jsonl", "--planned", planned, "--json").stdout)
    assert answer["outages"][0]["cause"]["element"] == "F2"
    assert "planned=F2" in answer["outages"][0]["reasons"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", ":2: not a JSON object"),
        ("[1]", ":2: expected a JSON object"),
        ('{"device": "M01", "kind": "alive"}', ":2: at: missing"),
        ('{"at": "yesterday", "device": "M01", "kind": "alive"}', ":2: at: expected an ISO-8601 time"),
        ('{"at": "2026-11-20T10:00:00", "device": "M01", "kind": "alive"}', "names no zone"),
        ('{"at": "2026-11-20T10:00:00Z", "kind": "alive"}', ":2: device: missing"),
        ('{"at": "2026-11-20T10:00:00Z", "device": 7, "kind": "alive"}', ":2: device: expected an id"),
        ('{"at": "2026-11-20T10:00:00Z", "device": "M01", "kind": "off"}', ":2: kind: expected one of"),
        ('{"at": "2026-11-20T10:00:00Z", "device": "M01", "kind": "voltage"}', ":2: volts: expected three"),
        ('{"at": "2026-11-20T10:00:00Z", "device": "M01", "kind": "voltage", "volts": ["x"]}', ":2: volts"),
    ],
)  # fmt: skip
def test_a_bad_event_is_refused_with_file_line_and_field(tmp_path: Path, line: str, said: str) -> None:
    good = '{"at": "2026-11-20T10:00:00Z", "device": "M01", "kind": "alive"}'
    result = _run("--events", _events(tmp_path, good, line), "--json")
    assert result.exit_code != 0
    assert "events.jsonl" in result.output
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("element,starts_at\nF2,x", "column 'ends_at' is missing"),
        ("element,starts_at,ends_at,kind\nF2,2026-11-20T10:00:00Z,2026-11-20T09:00:00Z,x", ":2: ends_at:"),
        ("element,starts_at,ends_at,kind\nF2,2026-11-20T10:00:00Z", ":2: expected 4 columns"),
    ],
)
def test_bad_planned_work_is_refused(tmp_path: Path, rows: str, said: str) -> None:
    planned = tmp_path / "planned.csv"
    planned.write_text(rows, encoding="utf-8")
    result = _run("--events", VILLAGE / "events.jsonl", "--planned", planned)
    assert result.exit_code != 0
    assert said in result.output


def test_a_missing_file_and_an_empty_one_are_told(tmp_path: Path) -> None:
    assert "nowhere.jsonl" in _run("--events", tmp_path / "nowhere.jsonl").output
    assert "holds no event" in _run("--events", _events(tmp_path)).output

"""``gridcrew device`` on a gateway's database."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, func, select

from gateway.adapters.ledger.devices import DeviceLedger
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.codecs.own import decode
from gateway.frames import Frame, Lane, SpooledFrame
from gateway.ingest import Entry
from geo.adapters.database import open_database
from gridcrew.cli import cli
from gridcrew.migrations.runner import migrate_all
from gridcrew.registration import BadExpectations, expectations
from gridcrew.settings import Settings
from telemetry.adapters.gateway_tables import dead_letters
from tests.gateway.running import readings_body

AT_MS = 1_795_300_000_000


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GRIDCREW_CONFIG", str(tmp_path / "none"))
    migrate_all(str(tmp_path))
    return open_database(str(tmp_path), "gateway")


def take(engine: Engine, terminal: str = "T1", rule: str = "all") -> None:
    ledger = SqlLedger(engine, "1", DeviceLedger(rule))  # type: ignore[arg-type]
    frame = Frame(f"gridcrew/v1/{terminal}/readings", readings_body(1, ["m1", "m2"], at_ms=AT_MS), AT_MS)
    (entry,) = ledger.screen(Lane.BULK, [Entry(SpooledFrame(1, frame), decode(frame))])
    ledger.commit(Lane.BULK, [entry], 1, 0)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["device", *arguments])


def test_list_filters_and_pages(engine: Engine) -> None:
    take(engine)
    take(engine, "T2", "none")
    assert re.fullmatch(
        r"T1\tapproved\tunknown gateway since 2026-\S+\nT2\tpending\t.*\n", run("list").output
    )
    assert [one["device"] for one in json.loads(run("list", "--json", "--state", "pending").output)] == ["T2"]
    meters = json.loads(run("list", "--json", "--kind", "meter", "--limit", "1", "--after", "m1").output)
    assert [(one["device"], one["parent"]) for one in meters] == [("m2", "T1")]


def test_show_tells_all_or_refuses(engine: Engine) -> None:
    take(engine)
    shown = json.loads(run("show", "T1", "--json").output)
    assert (shown["kind"], shown["door"], shown["decided_by"]) == ("terminal", "mqtt", "rule: all")
    assert "approval\tapproved" in run("show", "m1").output
    refused = run("show", "T9")
    assert (refused.exit_code, "no device 'T9' ever spoke" in refused.output) == (1, True)


def test_approving_asks_for_what_was_held_back(engine: Engine) -> None:
    take(engine, rule="none")
    assert run("approve", "T1", "--by", "li").output == "T1 approved\n"
    with engine.connect() as connection:
        asked = select(func.count()).where(dead_letters.c.replay_asked_ms.is_not(None))
        assert connection.scalar(asked) == 1
    assert json.loads(run("block", "T1", "--json").output)["approval"] == "blocked"
    assert json.loads(run("show", "T1", "--json").output)["decided_by"].startswith("cli: ")
    assert run("approve", "T9").exit_code == 1


def test_only_terminals_are_decided_on(engine: Engine) -> None:
    take(engine)
    refused = run("block", "m1")
    assert (refused.exit_code, "m1 is no terminal" in refused.output) == (1, True)


def test_completeness_by_interval_by_meter_and_the_worst(engine: Engine) -> None:
    take(engine)
    day = json.loads(run("completeness", "--meter", "m1", "--day", "2026-11-22", "--json").output)
    assert (day["stored"], len(day["intervals"])) == (1, 96)
    assert [one["at"] for one in day["intervals"] if one["stored"]] == ["2026-11-21T22:15:00.000+00:00"]
    meters = json.loads(run("completeness", "--terminal", "T1", "--day", "2026-11-22", "--json").output)
    assert [(one["meter"], one["received"]) for one in meters["meters"]] == [("m1", 1), ("m2", 1)]
    worst = json.loads(run("completeness", "--day", "2026-11-22", "--json").output)
    assert [(one["terminal"], one["meter"]) for one in worst["meters"]] == [("T1", "m1"), ("T1", "m2")]
    terminals = json.loads(run("completeness", "--day", "2026-11-22", "--by-terminal", "--json").output)
    assert [one["terminal"] for one in terminals["terminals"]] == ["T1"]
    assert terminals["batches_not_counted_yet"] == 1
    assert "complete" in run("completeness", "--meter", "m1").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--day", "soon"), "expected a day such as 2026-11-22"),
        (("--meter", "m9"), "no device 'm9'"),
        (("--terminal", "T9"), "no device 'T9'"),
        (("--terminal", "T1", "--meter", "m1"), "exclude each other"),
    ],
)
def test_what_is_wrong_is_said(engine: Engine, arguments: tuple[str, ...], said: str) -> None:
    take(engine)
    refused = run("completeness", *arguments)
    assert refused.exit_code != 0
    assert said in refused.output


def test_the_site_says_what_is_expected(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    assert expectations(settings).per_day("any") == 96
    file = settings.site_folder / "expectations.toml"
    file.parent.mkdir()
    file.write_text('[[expect]]\nmodel = "DTZ*"\nper_day = 288\n', encoding="utf-8")
    assert expectations(settings).per_day("DTZ341") == 288
    for text, said in (
        ("[[expect]\n", "expected TOML"),
        ("[[expect]]\nper_day = 0\n", "expect.0.per_day"),
        ("[[expect]]\nper_day = 1\nmake = 'x'\n", "expect.0.make"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(BadExpectations, match=re.escape(said)):
            expectations(settings)

"""``gridcrew notices``: holds and clicks from the command line are kept, and a channel is tried."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from field_api.adapters.sql_desk import SqlDesk
from field_api.notices.notice import Announcement, NoticeState, Posting
from geo.adapters.database import open_database
from gridcrew.commands.notices import command
from gridcrew.migrations.runner import migrate
from tests.commands import invoke
from tests.field_api.provider import Provider, running_provider

Run = Callable[..., Result]
CHANNEL = """
name = "sms"
kind = "http"
url = "{url}"
body = '{{"to": {{phone}}, "words": {{text}}, "id": {{key}}}}'
[taken]
field = "code"
equals = ["0"]
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    for owner in ("desk", "network"):
        migrate(open_database(str(folder), owner), owner)
    return folder


@pytest.fixture
def run(tmp_path: Path, prepared: Path) -> Run:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    settings = {"GRIDCREW_DATA_DIR": str(tmp_path)}
    return lambda *arguments: invoke(command, list(arguments), settings)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def test_everything_is_held_and_released(run: Run) -> None:
    held = run("hold", "--note", "核实中").output
    identifier = held.strip().rpartition(": ")[2].removeprefix("on hold: ")
    listed = json.loads(run("list", "--json").output)
    assert [(one["kind"], one["note"]) for one in listed["holds"]] == [("all", "核实中")]
    assert run("release", listed["holds"][0]["id"], "--note", "已核实").exit_code == 0
    assert json.loads(run("list", "--json").output)["holds"] == []
    assert identifier
    assert run("release", "none").exit_code == 1
    assert run("hold", "X", "--note", "why").exit_code == 2
    assert "no feeder X" in run("hold", "X", "--kind", "feeder", "--note", "why").output


def test_what_waits_is_let_go(run: Run, tmp_path: Path) -> None:
    with SqlDesk(open_database(str(tmp_path), "desk")).writing() as session:
        told = Announcement("a1", "o1", "inc-o1", "outage", 10, "停电", customers=900)
        waits = Posting("k1", "C1", "G1", "log", state=NoticeState.PENDING)
        session.outbox.announce(told, [waits])
    assert "inc-o1" in run("list").output
    assert "approved for 900 customers" in run("approve", "inc-o1").output
    assert "notices: 1 queued" in run("list").output
    assert "Nothing waits for approval about the incident inc-o1" in run("approve", "inc-o1").output


def test_a_channel_is_tried(run: Run, tmp_path: Path, provider: Provider) -> None:
    folder = tmp_path / "site" / "channels"
    folder.mkdir(parents=True)
    (folder / "sms.toml").write_text(CHANNEL.format(url=provider.url), encoding="utf-8")
    (tmp_path / "site" / "call_list.toml").write_text(
        '[[people]]\nid = "desk"\nname = "李"\nlevel = 2\naddress = "13612345670"\n', encoding="utf-8"
    )
    assert "accepted" in run("test-channel", "sms", "desk").output
    assert provider.requests[0]["to"] == "13612345670"
    assert "refused: no phone number" in run("test-channel", "sms", "nobody").output
    assert "no channel 'pigeon'; known: sms" in run("test-channel", "pigeon", "desk").output
    (folder / "sms.toml").write_text("kind = 1\n", encoding="utf-8")
    assert "sms.toml: kind: expected http or apprise" in run("test-channel", "sms", "desk").output

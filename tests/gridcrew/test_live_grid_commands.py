"""``gridcrew network trace --at``, ``what-if`` and ``switch`` on stored networks and evidence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridcrew.commands.network import command
from gridcrew.migrations.runner import migrate_all
from tests.field_api.world import write_network

Run = Callable[..., Result]
EARLY = "2026-01-01T00:00:00Z"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    data = str(tmp_path / "var")
    migrate_all(data)
    write_network(tmp_path / "net")

    def invoked(*arguments: object) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(command, words, env={"GRIDCREW_DATA_DIR": data})

    assert invoked("import", tmp_path / "net", "--effective", EARLY).exit_code == 0
    return invoked


def test_what_was_switched_by_hand_moves_every_answer(run: Run) -> None:
    assert run("switch").stdout == "everything is in its normal position\n"
    assert run("switch", "CB1", "open", "--note", "work").exit_code == 0
    assert [row["element"] for row in json.loads(run("switch", "--json").stdout)] == ["CB1"]
    assert json.loads(run("trace", "M1", "--up", "--json").stdout)["up"] == []
    assert run("trace", "M1").stdout.startswith("without supply")
    then = json.loads(run("trace", "M1", "--up", "--json", "--at", EARLY).stdout)
    assert [step["id"] for step in then["up"]] == ["S1", "CB1", "J1", "T1", "L1"]
    assert run("switch", "~J1", "closed").exit_code == 0
    fed = json.loads(run("trace", "M1", "--up", "--json").stdout)
    assert [step["id"] for step in fed["up"]] == ["~J1~", "~J1", "J1", "T1", "L1"]
    assert [row["kind"] for row in fed["up"]][1] == "generator"


def test_a_question_is_answered_and_nothing_kept(run: Run) -> None:
    told = json.loads(run("what-if", "--open", "LN2", "--close", "L1~L2", "--json").stdout)
    assert (told["loses"]["customers"], told["gains"]["customers"]) == (0, 0)
    assert run("what-if", "--open", "CB1").stdout.startswith("lose supply: 4  C1 C2 C3 C4")
    assert json.loads(run("switch", "--json").stdout) == []


def test_isolation_restoration_barriers_and_ways(run: Run) -> None:
    assert (
        "open       CB1  breaker  ABC  出线开关  closed  (feeds it)"
        in run("trace", "LN2", "--isolate").stdout
    )
    assert "check back-feeds first" in run("trace", "LN2", "--restore").stdout
    down = json.loads(run("trace", "CB1", "--down", "--until", "transformer", "--json").stdout)
    assert [edge["id"] for edge in down["stopped_at"]] == ["T2", "T1"]
    way = json.loads(run("trace", "T1", "--path", "T2", "--json").stdout)
    assert [edge["id"] for edge in way["path"]] == ["T1", "LN2", "T2"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["trace", "NONE"], "NONE"),
        (["trace", "T1", "--until", "NONE"], "NONE"),
        (["trace", "T1", "--at", "yesterday"], "expected an ISO-8601 time"),
        (["what-if", "--open", "M1"], "expected an edge"),
        (["what-if"], "nothing to open or close"),
        (["switch", "LN2", "open"], "nothing that is switched"),
        (["switch", "CB1"], "expected open or closed"),
        (["switch", "CB1", "open", "--at", "2031-01-01T00:00:00Z"], "Expected an instant that has passed"),
    ],
)
def test_bad_input_is_one_clear_line(run: Run, arguments: list[str], line: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code != 0
    assert line in answer.stderr
    assert "Traceback" not in answer.stderr

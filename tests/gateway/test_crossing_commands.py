"""``gridcrew gateway export``, ``import`` and ``gaps`` on two installations, one of them running."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridcrew.cli import cli
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.readings import Reading
from tests.gateway.running import Installation, await_true, installation
from tests.gateway.test_crossing import METERS, _batch

_ENVIRONMENT = {"GRIDCREW_GATEWAY__INBOX_SETTLE_S": "0.1"}


def _run(site: Installation, *arguments: str) -> Result:
    return CliRunner(env=site.environment).invoke(cli, ["gateway", *arguments])


def _fact(number: int) -> Evidence:
    return Evidence(EvidenceKind.POWER_OFF, number, number, "T1", (f"M{number}",), f"T1/{number}")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path / "there") as site:
        site.evidence.append([_fact(number) for number in range(1, 101)])
        site.readings.write([_batch(number) for number in range(20)])
        yield site


def test_from_one_installation_to_another(there: Installation, site: Installation, tmp_path: Path) -> None:
    """Export, lose a file, import into a running gateway, ask for the gap, send it again."""
    out = tmp_path / "out"
    made = _run(there, "export", "--out", str(out), "--max-mb", "0.004", "--json")
    assert made.exit_code == 0, made.stderr
    files = [json.loads(line) for line in made.stdout.splitlines()]
    assert {file["stream"] for file in files} == {"evidence", "readings"}
    assert sum(file["rows"] for file in files) == 120
    assert _run(there, "export", "--out", str(out)).stdout == "", "nothing is new"
    lost = Path(next(file["file"] for file in files if file["stream"] == "evidence" and file["number"] == 2))
    lost.unlink()
    site.start(ready=False, **_ENVIRONMENT)
    handed = _run(site, "import", str(out))
    assert handed.exit_code == 0, handed.stderr
    assert handed.stdout.startswith(f"{len(files) - 1} files handed to")
    await_true(lambda: _gaps(site) != [], "the gap")
    assert [(gap["stream"], gap["first"], gap["last"]) for gap in _gaps(site)] == [("evidence", 2, 2)]
    words = _run(site, "gaps").stdout
    assert "missing 2-2" in words
    asked = words.split("gridcrew gateway export ")[1].replace("FOLDER", str(out)).split()
    assert _run(there, "export", *asked).stdout.strip() == str(lost)
    _run(site, "import", str(out))
    await_true(lambda: len(site.evidence.read(0)) == 100, "all evidence")
    await_true(lambda: _gaps(site) == [], "no gap")
    assert {row.evidence.key for row in site.evidence.read(0)} == {f"T1/{n}" for n in range(1, 101)}
    await_true(lambda: _series(site) == _series(there), "the same readings")


def _series(site: Installation) -> list[tuple[Reading, ...]]:
    return [site.readings.series(meter, 0, 2**52) for meter in METERS]


def _gaps(site: Installation) -> list[dict[str, object]]:
    file = site.folder / "crossing" / "gaps.json"
    found: list[dict[str, object]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return found


def test_mistakes_end_with_one_clear_line(there: Installation, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for arguments, expected in (
        (("--resend", "1-2"), "--resend: expected --stream with it"),
        (("--stream", "evidence", "--resend", "x"), "expected numbers such as 7 or 3-9, found 'x'"),
        (("--stream", "readings_bulk"), "--stream: expected one of evidence, readings, found readings_bulk"),
        (("--stream", "evidence", "--resend", "9"), "not kept (any more): gridcrew-crossing-"),
    ):
        answer = _run(there, "export", "--out", str(out), *arguments)
        assert answer.exit_code != 0
        assert expected in answer.stderr
        assert "Traceback" not in answer.stderr
    assert _run(there, "export", "--out", str(out), "--since", "90", "--stream", "evidence").exit_code == 0
    late = _run(there, "export", "--out", str(out), "--since", "50", "--stream", "evidence")
    assert "--since only before the first export; position 100 is kept" in late.stderr
    file = next(out.iterdir())
    assert json.loads(file.read_text(encoding="utf-8").splitlines()[0])["first"] == 91
    file.write_text(file.read_text(encoding="utf-8").replace("M95", "M96"), encoding="utf-8")
    answer = _run(there, "import", str(out))
    assert answer.exit_code == 2
    assert "it was altered" in answer.stderr
    assert not list((there.settings.inbox_folder / "crossing").iterdir())

"""Golden cases: a source as a company may send it, the network that it becomes, and everything that is told.

Each folder of ``cases`` holds ``source`` (a folder with its mapping, or one file), ``findings.txt`` and,
where the network is accepted with its bad rows set aside, ``expected`` as CSV files.
"""

from pathlib import Path

import pytest

from geo.adapters.csv_folder import write_folder
from geo.adapters.sources import Reading, read_source
from geo.assemble import Assembled
from geo.rules import Severity

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())


def read_case(case: Path, set_aside: bool = True) -> Assembled:
    (source,) = case.glob("source*")
    return read_source(str(source), reading=Reading(set_aside=set_aside))


def told(assembled: Assembled) -> str:
    return "".join(f"{finding}\n" for finding in assembled.findings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_everything_is_told(case: Path) -> None:
    assert told(read_case(case)) == (case / "findings.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_network_is_as_expected(case: Path, tmp_path: Path) -> None:
    network = read_case(case).network
    assert (network is not None) == (case / "expected").is_dir()
    if network is not None:
        write_folder(network, tmp_path)
        for file in sorted((case / "expected").iterdir()):
            assert (tmp_path / file.name).read_text(encoding="utf-8") == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_errors_refuse_the_whole_where_nothing_is_set_aside(case: Path) -> None:
    assembled = read_case(case, set_aside=False)
    errors = [finding for finding in assembled.findings if finding.severity is Severity.ERROR]
    assert (assembled.network is None) == bool(errors)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_second_import_is_the_same(case: Path) -> None:
    first, second = read_case(case).network, read_case(case).network
    assert (first and first.content_hash) == (second and second.content_hash)

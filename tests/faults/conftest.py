"""A running installation on the embedded broker, as for ``tests/gateway``; a failure tells its seeds."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from gridcrew.broker import EmbeddedBroker
from tests.faults.history import SEEDS
from tests.gateway.running import Installation, installation


@pytest.fixture(autouse=True)
def _own_seeds() -> None:
    SEEDS.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Seeds stand in the last line of a failure too, which is all that is kept of many runs."""
    report = yield
    if report.failed and SEEDS:
        told = f"GRIDCREW_FAULT_SEED={','.join(map(str, SEEDS))}"
        report.sections.append(("seed", told))
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:
            crash.message = f"{told} {crash.message}"
    return report


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    """An installation whose gateway is not started yet."""
    with installation(tmp_path / "var") as made:
        yield made


@pytest.fixture
def broker(site: Installation) -> Iterator[EmbeddedBroker]:
    """The installation's embedded broker, running."""
    with EmbeddedBroker(site.settings) as running:
        yield running

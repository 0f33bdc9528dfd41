"""A running installation on the embedded broker, as for ``tests/gateway``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcrew.broker import EmbeddedBroker
from tests.gateway.running import Installation, installation


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

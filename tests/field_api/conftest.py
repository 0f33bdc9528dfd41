"""A company in a folder, fresh for each test, and one that tests only read."""

from pathlib import Path

import pytest

from tests.field_api.world import World, make_world, prepare


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder to copy."""
    folder = tmp_path_factory.mktemp("template")
    prepare(folder)
    return folder


@pytest.fixture
def world(tmp_path: Path, template: Path) -> World:
    return make_world(tmp_path, template=template)


@pytest.fixture(scope="session")
def busy_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """With an outage in each cell, their orders and notices; not to be changed in a way others see."""
    world = make_world(tmp_path_factory.mktemp("busy"))
    world.confirmed("out-east", cause="T1")
    world.confirmed("out-west", cause="T2")
    return world

"""``gridcrew check`` sees readable secrets, open logins, an altered record, channels that are away."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest

from gridcrew.guarding import (
    channels_answer,
    logins_are_sound,
    readings_answer,
    record_is_whole,
    secrets_are_private,
)
from gridcrew.settings import Settings
from tests.field_api.world import World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("guarding"))


@pytest.fixture
def settings(world: World, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("GRIDCREW_CONFIG", "none.toml")
    return Settings(data_dir=world.home.data_dir, demo=True)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as made:
        yield made


def test_a_secret_that_others_can_read_is_named(world: World, settings: Settings) -> None:
    world.token("crew-01")  # makes the keys
    assert secrets_are_private(settings)[0]
    settings.key_file.chmod(0o640)
    assert secrets_are_private(settings) == (
        False,
        f"{settings.key_file} has mode 640; expected 600: chmod 600 FILE",
    )
    settings.key_file.chmod(0o600)
    site = settings.model_copy(update={"demo": False})
    settings.data_dir.chmod(0o755)
    assert secrets_are_private(site) == (
        False,
        f"anybody on this machine may enter {settings.data_dir}: chmod 750",
    )
    settings.data_dir.chmod(0o750)
    assert secrets_are_private(site)[0]


def test_the_demos_logins_are_no_way_in(world: World, settings: Settings) -> None:
    assert logins_are_sound(settings)[0]
    healthy, says = logins_are_sound(settings.model_copy(update={"demo": False}))
    assert (healthy, says.split(";")[0]) == (
        False,
        "logins of the demo are still open: admin, dispatcher, viewer",
    )


def test_an_altered_record_is_told(world: World, settings: Settings) -> None:
    world.log_in("dispatcher")
    assert record_is_whole(settings)[0]
    with sqlite.connect(world.home.data_dir / "desk.db") as connection:
        connection.execute("UPDATE audit SET actor_name = 'nobody' WHERE sequence = 1")
    assert record_is_whole(settings) == (False, "row 1 was altered")


def test_stores_and_channels_that_are_away_are_told(
    settings: Settings, listener: socket.socket, tmp_path: Path
) -> None:
    assert channels_answer(settings) == (True, "the log only")
    port = listener.getsockname()[1]
    folder = settings.site_folder / "channels"
    folder.mkdir(parents=True)
    (folder / "sms.toml").write_text(f'name = "sms"\nkind = "http"\nurl = "http://127.0.0.1:{port}/send"\n')
    assert channels_answer(settings) == (True, "sms takes connections")
    assert readings_answer(settings)[0]
    away = settings.model_copy(
        update={
            "readings": settings.readings.model_copy(update={"store": "influxdb"}),
            "influx": settings.influx.model_copy(update={"url": f"http://127.0.0.1:{port}"}),
        }
    )
    assert readings_answer(away) == (True, f"127.0.0.1:{port} takes connections")
    listener.close()
    for check in (readings_answer, channels_answer):
        with pytest.raises(ConnectionRefusedError):
            check(away)

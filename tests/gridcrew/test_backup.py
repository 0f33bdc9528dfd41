"""Backup while others write, restore elsewhere: the same facts of one instant, or a clear refusal."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import text

from geo.adapters.database import open_database, writing
from gridcrew.backup import BackupPlan, Manifest, back_up
from gridcrew.commands.backup import command as backup_command
from gridcrew.commands.restore import command as restore_command
from gridcrew.migrations.runner import OWNERS, migrate, migrate_all
from gridcrew.postgres_copies import NotEmpty
from gridcrew.restoring import restore
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.readings import ReadingBatch
from tests.commands import invoke
from tests.conftest import _fresh_database

EXTRA = {
    "site/sources/ours.toml": b"what = 'ours'\n",
    "photos/ab/cd.jpg": b"\xff\xd8picture",
    "spool/events/0001.seg": b"frames",
    "access/authority.key": b"secret",
    "broker/secrets.json": b"secret",
    "numba/x/cache.nbi": b"made again",
    "web.json": b"{}",
}
SECRETS = {"access/authority.key", "broker/secrets.json"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a row to follow, readings and files of every kind."""
    folder = tmp_path_factory.mktemp("prepared") / "var"
    migrate_all(str(folder))
    for name, content in EXTRA.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    store = EmbeddedReadingStore(folder / "readings")
    scaled = np.array([[2305]], dtype=np.int64)
    store.write([ReadingBatch("TT1", "boot", 1, 5_000, 5_001, ("M1",), ("voltage_a_v",), (1,), scaled)])
    store.close()
    return folder


@pytest.fixture
def busy(prepared: Path) -> Iterator[Path]:
    """Somebody writes a number to the gateway's file, then to the desk's, again and again."""
    stop, going = threading.Event(), threading.Event()
    engines = [open_database(str(prepared), owner) for owner in ("gateway", "desk")]

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for engine in engines:
                with writing(engine).begin() as connection:
                    connection.execute(text("DELETE FROM positions WHERE name = 'load'"))
                    connection.execute(text("INSERT INTO positions VALUES ('load', :n, 0)"), {"n": number})
            going.set()

    with writing(engines[0]).begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS positions (name TEXT, position INT, at_ms INT)"))
    writer = threading.Thread(target=write)
    writer.start()
    assert going.wait(10)
    yield prepared
    stop.set()
    writer.join()
    for engine in engines:
        engine.dispose()


def _number(file: Path) -> int:
    with closing(sqlite.connect(file)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        row = found.execute("SELECT position FROM positions WHERE name = 'load'").fetchone()
    return int(row[0])


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.zst"])
def test_under_load_everything_is_of_one_instant(busy: Path, tmp_path: Path, suffix: str) -> None:
    file, target = tmp_path / f"copy.{suffix}", tmp_path / "again"
    told = invoke(backup_command, [str(file), "--json"], {"GRIDCREW_DATA_DIR": str(busy)})
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["keys"] == "none"
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(told.output)["left_out"]) == SECRETS
    done = invoke(restore_command, [str(file)], {"GRIDCREW_DATA_DIR": str(target)})
    assert done.exit_code == 0, done.output
    gateway, desk = _number(target / "gateway.db"), _number(target / "desk.db")
    assert gateway - 1 <= desk <= gateway, "what was told second never runs ahead, nor far behind"
    for name, content in EXTRA.items():
        kept = name not in SECRETS and name.split("/")[0] not in {"numba", "web.json"}
        assert (target / name).is_file() == kept, name
        assert not kept or (target / name).read_bytes() == content
    readings = EmbeddedReadingStore(target / "readings")
    assert readings.latest(["M1"])["M1"].at_ms == 5_000
    readings.close()
    assert not list(target.glob("*restor*"))
    assert migrate_all(str(target))


def test_secrets_come_along_when_asked(prepared: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.tar.gz"
    back_up(BackupPlan(prepared, str(prepared), True, 0, prepared / "people.keys"), file)
    again = tmp_path / "again"
    restore(file, again, str(again), again / "people.keys")
    assert all((tmp_path / "again" / name).read_bytes() == b"secret" for name in SECRETS)


@pytest.fixture(scope="module")
def archive(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("archive") / "copy.tar.gz"
    back_up(BackupPlan(prepared, str(prepared), False, 0, prepared / "people.keys"), file)
    return file


def _refused(file: Path, target: Path, words: str) -> None:
    done = invoke(restore_command, [str(file)], {"GRIDCREW_DATA_DIR": str(target)})
    assert done.exit_code == 1
    assert words in done.output
    assert not target.exists() or not list(target.iterdir()), "nothing is half-done"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_torn_archive_is_refused(archive: Path, tmp_path: Path, share: float) -> None:
    torn = tmp_path / "torn.tar.gz"
    torn.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * share)])
    _refused(torn, tmp_path / "again", "torn.tar.gz: ")


def _changed(archive: Path, into: Path, name: str, content: bytes | None) -> Path:
    """The archive with another content of one member, or without it."""
    with tarfile.open(archive) as before, tarfile.open(into, "w:gz") as after:
        for member in before:
            data = before.extractfile(member)
            assert data is not None
            if member.name == name and content is None:
                continue
            if member.name == name and content is not None:
                member.size = len(content)
                after.addfile(member, io.BytesIO(content))
                continue
            after.addfile(member, data)
    return into


def test_what_the_manifest_does_not_say_is_refused(archive: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    altered = _changed(archive, tmp_path / "a.tar.gz", "data/photos/ab/cd.jpg", b"another")
    _refused(altered, again, "the first is data/photos/ab/cd.jpg")
    _refused(_changed(archive, tmp_path / "b.tar.gz", "data/photos/ab/cd.jpg", None), again, "manifest says")
    _refused(_changed(archive, tmp_path / "c.tar.gz", "manifest.json", None), again, "has no manifest.json")
    _refused(_changed(archive, tmp_path / "d.tar.gz", "manifest.json", b"{}"), again, "is not a manifest")


def test_a_newer_schema_is_refused(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        manifest = Manifest.read(member.read())
    manifest.schemas["desk"] = "desk_9999"
    newer = _changed(archive, tmp_path / "n.tar.gz", "manifest.json", manifest.document())
    _refused(newer, tmp_path / "again", "desk_9999")


def test_a_way_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evil.tar.gz"
    (tmp_path / "x").write_bytes(b"x")
    with tarfile.open(file, "w:gz") as tar:
        tar.add(tmp_path / "x", "../../evil")
    _refused(file, tmp_path / "again", "leads out of the folder")
    assert not (tmp_path.parent / "evil").exists()


def test_a_folder_in_use_is_refused(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "desk.db").write_bytes(b"mine")
    done = invoke(restore_command, [str(archive)], {"GRIDCREW_DATA_DIR": str(tmp_path)})
    assert done.exit_code == 1
    assert "not empty (desk.db)" in done.output
    assert (tmp_path / "desk.db").read_bytes() == b"mine"


def test_names_that_say_no_kind_are_refused(prepared: Path, tmp_path: Path) -> None:
    told = invoke(backup_command, [str(tmp_path / "copy.zip")], {"GRIDCREW_DATA_DIR": str(prepared)})
    assert told.exit_code == 1
    assert ".tar.gz or .tar.zst" in told.output
    assert not list(tmp_path.iterdir())


def _migrated(location: str) -> dict[str, str]:
    found = {}
    for owner in OWNERS:
        engine = open_database(location, owner)
        found[owner] = migrate(engine, owner)
        engine.dispose()
    return found


def test_a_postgresql_database_comes_along(postgres_server: str, tmp_path: Path) -> None:
    source, target = _fresh_database(postgres_server, "source"), _fresh_database(postgres_server, "target")
    versions = _migrated(source)
    desk = open_database(source, "desk")
    with desk.begin() as connection:
        connection.execute(text("INSERT INTO positions VALUES ('x', 7, 8)"))
        connection.execute(
            text(
                "INSERT INTO reveals (at_ms, user_id, customer_id, reason) VALUES (1, 'u', 'c', E'a\\tb\\\\')"
            )
        )
    (tmp_path / "var").mkdir()
    file = tmp_path / "copy.tar.gz"
    keys = tmp_path / "people.keys"
    back_up(BackupPlan(tmp_path / "var", source, False, 0, keys), file)
    restore(file, tmp_path / "again", target, keys)
    again = open_database(target, "desk")
    with again.begin() as connection:
        assert connection.execute(text("SELECT position, at_ms FROM positions")).all() == [(7, 8)]
        assert connection.scalar(text("SELECT reason FROM reveals")) == "a\tb\\"
        connection.execute(
            text("INSERT INTO reveals (at_ms, user_id, customer_id, reason) VALUES (1, 'u', 'c', '')")
        )
    assert _migrated(target) == versions
    with pytest.raises(Exception, match="has tables") as refused:
        restore(file, tmp_path / "twice", target, keys)
    assert isinstance(refused.value.__cause__, NotEmpty)
    assert not (tmp_path / "twice").exists()
    desk.dispose()
    again.dispose()

"""A backup carries what opens its persons, or says that it does not; restored, they are who they were."""

import json
from pathlib import Path
from typing import Any

import pytest

from field_api.adapters.vault import Vault
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.snapshot import SnapshotSealed
from gridcrew.commands.backup import command as backup_command
from gridcrew.commands.migrate import command as migrate_command
from gridcrew.commands.restore import command as restore_command
from tests.commands import invoke
from tests.field_api.world import World, make_world, prepare

PASSPHRASE = "a horse in the rain"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Its network was stored by an earlier version; ``migrate`` sealed it."""
    folder = tmp_path_factory.mktemp("company")
    prepare(folder)
    done = invoke(migrate_command, [], {"GRIDCREW_DATA_DIR": str(folder / "var")})
    assert "network: 1 snapshots sealed" in done.output
    again = invoke(migrate_command, [], {"GRIDCREW_DATA_DIR": str(folder / "var")})
    assert "sealed" not in again.output
    return make_world(tmp_path_factory.mktemp("world"), template=folder)


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    return str(tmp_path / "passphrase")


def _back_up(company: World, file: Path, *options: str) -> str:
    told = invoke(backup_command, [str(file), *options], {"GRIDCREW_DATA_DIR": str(company.home.data_dir)})
    assert (told.exit_code == 0) == file.exists()
    return told.output


def _restore(file: Path, target: Path, *options: str) -> str:
    return invoke(restore_command, [str(file), *options], {"GRIDCREW_DATA_DIR": str(target)}).output


def _shown(world: World) -> tuple[Any, Any]:
    """Two customers as a dispatcher's list shows them, and one revealed."""
    person = world.log_in("dispatcher")
    answer = person.get("/api/v1/grid-cells/G2/customers?segment=small_micro")
    assert answer.status_code == 200, answer.text
    listed = answer.get_json()["items"]
    body = {"reason": "call", "reference": "after the fire"}
    revealed = person.send("POST", "/api/v1/customers/C3/reveal", body).get_json()
    return listed, {name: revealed[name] for name in ("name", "phone", "address")}


def test_restored_with_a_passphrase_the_same_phones_are_shown_and_revealed(
    company: World, tmp_path: Path, passphrase: str
) -> None:
    file, restored = tmp_path / "copy.tar.gz", tmp_path / "template"
    assert "wrapped" in _back_up(company, file, "--passphrase-file", passphrase)
    assert "files, as of" in _restore(file, restored / "var", "--passphrase-file", passphrase)
    assert b"13612345670" not in (restored / "var" / "network.db").read_bytes()
    assert (restored / "var" / "people.keys").stat().st_mode & 0o777 == 0o600
    listed, revealed = _shown(make_world(tmp_path / "again", template=restored))
    assert (listed, revealed) == _shown(company)
    assert revealed == {"name": "王五", "phone": "13612345670", "address": "西山村3组12号"}
    assert "136****5670" in json.dumps(listed)


def test_nothing_said_of_the_keys_is_refused(company: World, tmp_path: Path) -> None:
    said = _back_up(company, tmp_path / "copy.tar.gz")
    assert "--passphrase-file" in said
    assert "--keys-apart" in said
    (tmp_path / "short").write_text("short\n")
    options = ("--passphrase-file", str(tmp_path / "short"))
    assert "12 characters" in _back_up(company, tmp_path / "copy.tar.gz", *options)


def test_another_passphrase_opens_nothing_and_leaves_nothing(
    company: World, tmp_path: Path, passphrase: str
) -> None:
    file, target = tmp_path / "copy.tar.gz", tmp_path / "again"
    _back_up(company, file, "--passphrase-file", passphrase)
    assert "say --passphrase-file" in _restore(file, target)
    Path(passphrase).write_text("a donkey in the sun\n")
    assert "does not open" in _restore(file, target, "--passphrase-file", passphrase)
    assert not target.exists()


def test_keys_kept_apart_must_be_brought_and_be_the_right_ones(company: World, tmp_path: Path) -> None:
    file, target = tmp_path / "copy.tar.gz", tmp_path / "again"
    assert "NOT inside" in _back_up(company, file, "--keys-apart")
    assert "say --keys FILE" in _restore(file, target)
    stranger = Vault(tmp_path / "others.keys")
    stranger.seal("anything")
    assert "lack" in _restore(file, target, "--keys", str(stranger.file))
    assert not target.exists()
    kept = company.home.data_dir / "people.keys"
    assert "files, as of" in _restore(file, target, "--keys", str(kept))
    assert (target / "people.keys").read_bytes() == kept.read_bytes()


def test_lost_keys_cost_the_persons_and_it_is_said(company: World, tmp_path: Path) -> None:
    file, target = tmp_path / "copy.tar.gz", tmp_path / "again"
    _back_up(company, file, "--keys-apart")
    assert "are lost; import the network again" in _restore(file, target, "--without-keys")
    store = SqlNetworkStore(open_database(str(target), "network"), Vault(target / "people.keys"))
    with pytest.raises(SnapshotSealed):
        store.get(store.versions()[0].content_hash)

"""Personal data at rest: unreadable, searchable by keyed hash, readable again after the key was changed."""

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.adapters.argon_passwords import ArgonPasswords
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.vault import KeysDamaged, Vault, is_signed
from field_api.organisation.establishment import Changes
from field_api.organisation.staffing import Person
from field_api.ports import Desk
from field_api.usecases.manage_users import ManageUsers
from geo.adapters.database import open_database
from tests.field_api.world import World

PHONE = "13812345678"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(tmp_path_factory.mktemp("keys") / "people.keys")


@given(plain=st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_what_is_sealed_comes_back(plain: str, vault: Vault) -> None:
    plain = plain.encode("utf-8", "ignore").decode()
    assert vault.unseal(vault.seal(plain)) == plain


def test_sealing_hides_also_that_two_are_the_same(vault: Vault) -> None:
    first, second = vault.seal(PHONE), vault.seal(PHONE)
    assert first != second
    assert PHONE not in first
    assert vault.digests(PHONE) == vault.digests("138-1234 5678")
    assert vault.digests(PHONE) != vault.digests("13812345679")


def test_an_alteration_is_noticed(vault: Vault) -> None:
    sealed = vault.seal(PHONE)
    broken = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for text in (broken, "plain text", "sealed1:00000000:AAAA"):
        with pytest.raises(ValueError, match="sealed"):
            vault.unseal(text)


def test_the_file_is_private_and_made_once(tmp_path: Path) -> None:
    first, second = Vault(tmp_path / "k"), Vault(tmp_path / "k")
    assert second.unseal(first.seal(PHONE)) == PHONE
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["k"]
    (tmp_path / "k").write_text("{}")
    with pytest.raises(KeysDamaged):
        Vault(tmp_path / "k").seal(PHONE)


def test_a_new_key_opens_the_old_and_signs_alike(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "k")
    old, renewing = vault.seal(PHONE), vault.derive("refresh", "secret")
    signature, public_key = vault.sign("head")
    vault.rotate()
    assert vault.unseal(old) == PHONE
    assert vault.derive("refresh", "secret") == renewing, "phones need not log in again"
    assert vault.sign("head") == (signature, public_key)
    assert is_signed("head", signature, public_key)
    assert not is_signed("heads", signature, public_key)
    assert len(vault.digests(PHONE)) == 2
    assert vault.seal(PHONE).split(":")[1] != old.split(":")[1]


def test_a_users_phone_is_found_but_not_readable_in_the_database(world: World) -> None:
    vault = Vault(world.home.data_dir / "people.keys")
    users = ManageUsers(world.services.desk, ArgonPasswords(), world.clock)
    users.keep_phone("dispatcher", PHONE, vault)
    assert [user.username for user in users.with_phone("138 1234 5678", vault)] == ["dispatcher"]
    vault.rotate()
    assert users.reseal(vault) == 1
    assert [user.username for user in users.with_phone(PHONE, vault)] == ["dispatcher"]
    stored = (world.home.data_dir / "desk.db").read_bytes()
    stored += (world.home.data_dir / "desk.db-wal").read_bytes()
    assert PHONE.encode() not in stored
    users.keep_phone("dispatcher", "", vault)
    assert users.with_phone(PHONE, vault) == ()


def test_phones_of_the_organisation_are_sealed_in_the_table_alone(world: World) -> None:
    vault = Vault(world.home.data_dir / "people.keys")
    person = Person("p-77", "丁一", "company", phone=PHONE)
    with world.services.desk.writing() as session:
        session.establishment.change(Changes({"people": (person,)}, {}, {}))

    def stored(desk: Desk) -> str:
        with desk.reading() as session:
            return next(one.phone for one in session.establishment.read().people if one.id == "p-77")

    raw = SqlDesk(open_database(world.home.location, "desk"))
    sealed = stored(raw)
    assert vault.is_sealed(sealed)
    assert stored(world.services.desk) == PHONE
    vault.rotate()
    assert ManageUsers(raw, ArgonPasswords(), world.clock).reseal(vault) == 1
    assert stored(raw) != sealed
    assert stored(SqlDesk(open_database(world.home.location, "desk"), vault)) == PHONE

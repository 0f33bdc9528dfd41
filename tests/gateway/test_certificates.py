"""The installation's authority, the register, and ``gridcrew access`` as an operator uses it."""

import json
import re
import shlex
import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from gateway.access import (
    DAY_MS,
    Certificate,
    CertificateState,
    Claim,
    NameRefused,
    checked_name,
    nats_permissions,
    refusal,
    terminal_rights,
)
from gateway.adapters.ledger.certificates import SqlCertificates, show_in_registry
from gateway.contract.topics import TERMINAL_PATTERN
from geo.adapters.database import open_database, writing
from gridcrew.authority import Authority, AuthorityProblem, new_key, request_key
from gridcrew.broker_export import mosquitto_acl, mosquitto_configuration, nats_configuration
from gridcrew.broker_tokens import Signer, Unreadable, read_question
from gridcrew.cli import cli
from gridcrew.migrations.runner import migrate
from gridcrew.provisioning import Provisioning, Refusal, silenced
from telemetry.adapters.gateway_tables import devices
from tests.conftest import DatabaseFactory
from tests.test_docs import DOCS

NOW_MS = 1_795_300_000_000
ROOT = Path(__file__).parent.parent.parent
HELD = Certificate("ab", "T1", 1, NOW_MS, NOW_MS + 365 * DAY_MS)


@pytest.mark.parametrize(
    "name",
    ["", "#", "+", "*", ">", "T1/readings", "T1.readings", "T 1", "T1\n", "té", "a" * 33, "../etc", "devices",
     "file", "gridcrew.gateway", "'; DROP TABLE certificates; --", "T1\x00"],
)  # fmt: skip
def test_no_certificate_for_a_name_that_could_be_more_than_one_terminal(name: str, tmp_path: Path) -> None:
    """Fault 23: wildcards, slashes, parts of other topics."""
    with pytest.raises(NameRefused, match="terminal id"):
        checked_name(name)
    authority = Authority(tmp_path)
    authority.create((), NOW_MS)
    with pytest.raises(NameRefused):
        authority.issue(name, new_key().public_key(), 1, NOW_MS)


@given(st.from_regex(TERMINAL_PATTERN, fullmatch=True), st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_only_the_own_client_id_enters(name: str, client_id: str) -> None:
    known = Certificate("ab", name, 1, NOW_MS, NOW_MS + DAY_MS)
    reason = refusal(Claim(name, "ab", client_id), known, NOW_MS)
    assert (not reason) == (client_id == name and name not in {"devices", "file"})


@pytest.mark.parametrize(
    ("changed", "at_ms", "state"),
    [
        ({}, NOW_MS, CertificateState.VALID),
        ({}, NOW_MS + 340 * DAY_MS, CertificateState.EXPIRING),
        ({}, NOW_MS + 365 * DAY_MS, CertificateState.EXPIRED),
        ({"retires_ms": NOW_MS + DAY_MS}, NOW_MS, CertificateState.RETIRING),
        ({"retires_ms": NOW_MS + DAY_MS}, NOW_MS + DAY_MS, CertificateState.EXPIRED),
        ({"revoked_ms": NOW_MS}, NOW_MS, CertificateState.REVOKED),
    ],
)
def test_what_a_certificate_is_worth(changed: dict[str, int], at_ms: int, state: CertificateState) -> None:
    fields = {name: getattr(HELD, name) for name in Certificate.__slots__} | changed
    held = Certificate(**fields)
    assert held.state(at_ms) is state
    enters = not refusal(Claim("T1", "ab", "T1"), held, at_ms)
    assert enters == (state in {CertificateState.VALID, CertificateState.EXPIRING, CertificateState.RETIRING})


def test_claims_that_are_refused_say_why() -> None:
    assert "not in the register" in refusal(Claim("T1", "cd", "T1"), None, NOW_MS)
    assert "another terminal" in refusal(Claim("T2", "ab", "T2"), HELD, NOW_MS)
    assert "no terminal id" in refusal(Claim("#", "ab", "#"), HELD, NOW_MS)
    assert "client id" in refusal(Claim("T1", "ab", "gateway"), HELD, NOW_MS)


def openssl(*arguments: str) -> str:
    told = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    return told.stdout + told.stderr


def test_what_the_authority_makes_is_what_openssl_expects(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "a passphrase")
    authority.create(("broker.example", "10.1.2.3"), NOW_MS)
    pem, entry = authority.issue("T1", new_key().public_key(), 30, NOW_MS)
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(pem)
    at = str(NOW_MS // 1000)
    trusted, crl = str(authority.trusted_file), str(authority.crl_file)
    verify = ["verify", "-attime", at, "-x509_strict", "-CAfile", trusted]
    assert "OK" in openssl(*verify, "-purpose", "sslclient", str(leaf))
    assert "OK" in openssl(*verify, "-purpose", "sslserver", "-verify_hostname", "broker.example",
                           str(authority.pair("broker")[0]))  # fmt: skip
    assert "OK" in openssl(*verify, "-purpose", "sslserver", "-verify_ip", "10.1.2.3",
                           str(authority.pair("broker")[0]))  # fmt: skip
    assert "OK" not in openssl(*verify, "-purpose", "sslserver", str(leaf))
    shown = openssl("x509", "-in", str(leaf), "-noout", "-serial", "-subject")
    assert entry.serial.upper() in shown
    assert "CN = T1" in shown
    authority.write_crl([Certificate(entry.serial, "T1", 1, NOW_MS, entry.until_ms, None, NOW_MS)], NOW_MS)
    checked = openssl(*verify, "-CRLfile", crl, "-crl_check", str(leaf))
    assert "certificate revoked" in checked
    key = (tmp_path / "authority-1.key").read_text(encoding="utf-8")
    assert "ENCRYPTED" in key
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in tmp_path.glob("*.key"))
    with pytest.raises(AuthorityProblem, match=r"access\.passphrase"):
        Authority(tmp_path, "wrong").issue("T2", new_key().public_key(), 1, NOW_MS)


def test_own_certificates_are_renewed_in_time_and_for_new_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.create((), NOW_MS)
    assert not authority.renew_own(NOW_MS + 700 * DAY_MS)
    assert authority.renew_own(NOW_MS + 800 * DAY_MS)
    assert authority.renew_own(NOW_MS, names=("mqtt.example",))
    with pytest.raises(AuthorityProblem, match="broker name"):
        authority.renew_own(NOW_MS, names=("not a host",))
    with pytest.raises(AuthorityProblem, match="already"):
        authority.create((), NOW_MS)
    with pytest.raises(AuthorityProblem, match="access init"):
        Authority(tmp_path / "none").issue("T1", new_key().public_key(), 1, NOW_MS)


def request(name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def test_requests_of_terminals_that_keep_their_key() -> None:
    key = new_key()
    for name in ("T1", ""):
        assert request_key(request(name, key), "T1") == key.public_key()
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505
    for bad, why in (
        (request("T2", key), "expected 'T1'"),
        (request("#", key), "expected 'T1'"),
        (request("T1", weak), "RSA of 2048"),
        (b"nonsense", "in PEM"),
        (b"x" * 20_000, "larger"),
    ):
        with pytest.raises(AuthorityProblem, match=why):
            request_key(bad, "T1")


def test_the_register_keeps_every_certificate(database: DatabaseFactory, tmp_path: Path) -> None:
    engine = database("gateway")
    register = SqlCertificates(engine)
    authority = Authority(tmp_path / "access")
    authority.create((), NOW_MS)
    desk = Provisioning(authority, register, 365)
    first = desk.provision("T1", None, NOW_MS).certificate
    assert register.by_serial(first.serial) == first
    with pytest.raises(Refusal, match="access rotate T1"):
        desk.provision("T1", None, NOW_MS)
    with pytest.raises(Refusal, match="access provision T2"):
        desk.rotate("T2", None, 1, NOW_MS)
    second = desk.rotate("T1", None, 7, NOW_MS + 10).certificate
    desk.provision("T2", None, NOW_MS)
    old, new = register.of_terminal("T1")
    assert (old.retires_ms, new) == (NOW_MS + 10 + 7 * DAY_MS, second)
    desk.rotate("T1", None, 30, NOW_MS + 20)
    assert register.of_terminal("T1")[0].retires_ms == old.retires_ms, "an overlap is never made longer"
    assert [each.terminal for each in register.listed(after="T1")] == ["T2"]
    taken = desk.revoke(first.serial.upper(), "lost", NOW_MS + 30)
    assert [each.serial for each in taken] == [first.serial]
    assert len(desk.revoke("T1", "lost", NOW_MS + 40)) == 2
    assert {each.terminal for each in register.ended(NOW_MS, NOW_MS + 50)} == {"T1"}
    assert silenced(register.listed(), NOW_MS + 50) == ("T1",)
    with pytest.raises(Refusal, match="no terminal"):
        desk.revoke("' OR 1=1 --", "", NOW_MS)
    with engine.connect() as connection:
        assert len(register.listed()) == 4
        assert not connection.execute(select(devices)).all()


def test_the_device_registry_shows_what_a_certificate_is_worth(sqlite_database: DatabaseFactory) -> None:
    engine = sqlite_database("gateway")
    register = SqlCertificates(engine)
    register.add(HELD)
    with writing(engine).begin() as connection:
        known = {column.name: column.type.python_type() for column in devices.c if not column.nullable}
        connection.execute(insert(devices).values(known | {"device": "T1", "kind": "terminal"}))
        assert show_in_registry(connection, NOW_MS) == 1
        assert show_in_registry(connection, NOW_MS) == 0
        assert show_in_registry(connection, NOW_MS + 350 * DAY_MS) == 1
        row = connection.execute(select(devices)).one()
    assert (row.certificate_state, row.certificate_serial) == ("expiring", "ab")
    assert row.certificate_until_ms == HELD.until_ms


def test_tokens_are_what_nats_server_reads(tmp_path: Path) -> None:
    """Its own check is tests/gateway/test_access.py; here what must not be accepted as a question."""
    assert re.fullmatch(r"A[A-Z2-7]{55}", Signer(b"7" * 32).public)
    for body in (b"", b"a.b.c", b"e30.e30.x", b"." + b"x" * 99 + b"."):
        with pytest.raises(Unreadable):
            read_question(body)


def test_examples_for_brokers_of_the_site_are_as_the_code_makes_them() -> None:
    deploy = ROOT / "deploy"
    place = "/etc/gridcrew"
    files = {
        "mosquitto/access.conf": mosquitto_configuration(place),
        "mosquitto/acl": mosquitto_acl(["T2-stolen"]),
        "nats/access.conf": nats_configuration(place, ["T1", "T2"]) + "\n",
    }
    assert {name: (deploy / name).read_text(encoding="utf-8") for name in files} == files


def test_rights_stay_below_the_own_id() -> None:
    rights = terminal_rights("T1")
    for name in (*rights.publish, *rights.subscribe):
        assert name.split("/").count("T1") == 1
        assert "+" not in name
    assert nats_permissions(rights)["publish"]["deny"] == ["gridcrew.v1.T1.command"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``gridcrew …`` in a folder of its own with a prepared database."""
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("GRIDCREW_CONFIG", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    engine = open_database(str(tmp_path / "var"), "gateway")
    migrate(engine, "gateway")
    engine.dispose()
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def test_the_page_can_be_followed(tmp_path: Path, command: Callable[..., Result]) -> None:
    """Every command of docs/security.md's walk, in its order, in one folder."""
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)
    lines = [
        shlex.split(line[2:]) for block in blocks for line in block.splitlines() if line.startswith("$ ")
    ]
    assert len(lines) >= 8
    for program, *arguments in lines:
        if program == "gridcrew":
            told = command(*arguments)
            assert told.exit_code == 0, f"{arguments}\n{told.output}"
            assert "PRIVATE KEY" not in told.output
        else:
            subprocess.run([program, *arguments], check=True, capture_output=True)
    assert (tmp_path / "t1/T1.key").exists()
    assert not (tmp_path / "t2/T2.key").exists(), "it never left the terminal"
    listed = {row["terminal"]: row["state"] for row in json.loads(command("access", "list", "--json").stdout)}
    assert listed == {"T1": "valid", "T2": "revoked"}


def test_files_that_cannot_be_written_leave_no_certificate_in_force(
    tmp_path: Path, command: Callable[..., Result]
) -> None:
    assert command("access", "init").exit_code == 0
    (tmp_path / "blocked").write_text("a file, no folder", encoding="utf-8")
    told = command("access", "provision", "T1", "--out", str(tmp_path / "blocked/t1"))
    assert told.exit_code == 1
    (row,) = json.loads(command("access", "list", "--json").stdout)
    assert (row["state"], row["reason"]) == ("revoked", "never handed out")
    assert command("access", "provision", "T1", "--out", str(tmp_path / "t1")).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("provision", "T1"), "access init"),
        (("provision", "#"), "terminal id"),
        (("revoke", "T1"), "no terminal"),
        (("rotate-authority",), "access init"),
    ],
)
def test_wrong_use_ends_with_one_clear_line(
    command: Callable[..., Result], arguments: tuple[str, ...], why: str
) -> None:
    told = command("access", *arguments)
    assert told.exit_code == 1
    assert why in told.output
    assert told.output.count("\n") == 1


def test_files_for_a_terminal_work_with_a_stock_client(
    tmp_path: Path, command: Callable[..., Result]
) -> None:
    assert command("access", "init", "--name", "mqtt.example").exit_code == 0
    out = tmp_path / "for-T1"
    assert command("access", "provision", "T1", "--out", str(out), "--days", "30").exit_code == 0
    context = ssl.create_default_context(cafile=str(out / "trusted.pem"))
    context.load_cert_chain(out / "T1.pem", out / "T1.key")
    assert stat.S_IMODE((out / "T1.key").stat().st_mode) == 0o600
    (row,) = json.loads(command("access", "list", "--json").stdout)
    assert (row["terminal"], row["state"]) == ("T1", "expiring")
    assert json.loads(command("access", "events", "--json").stdout) == []

"""``gridcrew access``: certificates of terminals, who is refused, files for a broker of the site."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from field_api.adapters.system_clock import wall_clock_ms
from gateway.access import Certificate, NameRefused
from gateway.adapters.ledger.certificates import SqlCertificates, show_in_registry
from gateway.adapters.ledger.security_log import SecurityEvent, SqlSecurityLog
from geo.adapters.database import open_database, writing
from gridcrew.authority import GATEWAY_NAME, MAX_CSR_BYTES, AuthorityProblem, authority_of
from gridcrew.broker import reload_running
from gridcrew.broker_export import (
    GATEWAY_PORT,
    mosquitto_acl,
    mosquitto_configuration,
    mosquitto_password,
    nats_configuration,
)
from gridcrew.private_files import write_private
from gridcrew.provisioning import Package, Provisioning, Refusal, silenced, speaking
from gridcrew.settings import Settings

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON array instead of text.")
_OUT = click.option("--out", type=_FOLDER, help="Where the files go; its id in the data folder otherwise.")
_DAYS = click.option("--days", type=click.IntRange(1, 3650), help="Validity; the setting otherwise.")
_CSR = click.option("--csr", type=_FILE, help="A signing request: then the key never leaves the terminal.")


@click.group(name="access")
def command() -> None:
    """Who may speak: certificates of terminals and what was refused."""


@command.command()
@click.option(
    "--name", "names", multiple=True, help="Host name or address by which terminals reach the broker."
)
def init(names: tuple[str, ...]) -> None:
    """Make the installation's own authority and the certificates of broker and gateway."""
    with _told():
        authority = authority_of(Settings())
        authority.create(names, wall_clock_ms())
    click.echo(f"authority made in {authority.folder}; keep a copy of its key in a safe place")


@command.command()
@click.argument("terminal")
@_OUT
@_DAYS
@_CSR
def provision(terminal: str, out: Path | None, days: int | None, csr: Path | None) -> None:
    """Give TERMINAL its first certificate."""
    _hand_out(terminal, out, days, lambda desk, now_ms: desk.provision(terminal, _request(csr), now_ms))


@command.command()
@click.argument("terminal")
@_OUT
@_DAYS
@_CSR
@click.option("--overlap-days", type=click.FloatRange(0, 400), help="How long the old one stays valid.")
def rotate(
    terminal: str, out: Path | None, days: int | None, csr: Path | None, overlap_days: float | None
) -> None:
    """Give TERMINAL a new certificate; the old one stays valid for the overlap."""
    overlap = Settings().access.overlap_days if overlap_days is None else overlap_days
    _hand_out(terminal, out, days, lambda desk, now_ms: desk.rotate(terminal, _request(csr), overlap, now_ms))


@command.command()
@click.argument("what", metavar="TERMINAL|SERIAL")
@click.option("--reason", default="", help="Kept in the register.")
def revoke(what: str, reason: str) -> None:
    """Take a certificate back, or all of a terminal; the embedded broker cuts it off within a second."""
    with _provisioning() as desk:
        taken = desk.revoke(what, reason, wall_clock_ms())
    for each in taken:
        click.echo(f"revoked {each.serial} of {each.terminal}")


@command.command(name="list")
@_JSON
@click.option("--after", default="", help="Only terminals after this id.")
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(1, 100_000))
def list_certificates(as_json: bool, after: str, limit: int) -> None:
    """List certificates by terminal: state, serial number, until when."""
    with _provisioning() as desk:
        rows = [_plain(each, wall_clock_ms()) for each in desk.register.listed(after, limit)]
    _print(rows, as_json, lambda row: "{terminal}\t{state}\t{until}\t{serial}".format(**row))


@command.command(name="rotate-authority")
@click.option("--finish", is_flag=True, help="Trust only the new authority from now on.")
@click.option("--force", is_flag=True, help="Finish though some terminals would be shut out.")
def rotate_authority(finish: bool, force: bool) -> None:
    """Make a new authority beside the old one; both are trusted until --finish."""
    with _provisioning() as desk:
        now_ms = wall_clock_ms()
        if finish:
            left = desk.of_older_authorities(now_ms)
            if left and not force:
                raise Refusal(
                    f"{len(left)} certificates of the old authority are in force, first: {left[0].terminal}; "
                    "rotate them, or use --force"
                )
            given_up = desk.authority.finish(now_ms)
            click.echo(f"authority {', '.join(map(str, given_up)) or 'none'} given up")
        else:
            click.echo(
                f"authority {desk.authority.rotate(now_ms)} made; now rotate the terminals, then --finish"
            )
        desk.authority.write_crl(desk.register.revoked(), now_ms)
    if reload_running(Settings()):
        click.echo("the embedded broker has read it")


@command.command()
@_JSON
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
def events(as_json: bool, limit: int) -> None:
    """What was refused: by hour, threat and source, newest first."""
    with _told(), _database() as engine:
        rows = [_event(each) for each in SqlSecurityLog(engine).newest(limit)]
    _print(rows, as_json, lambda row: "{last}\t{threat}\t{source}\t{count}\t{finding}".format(**row))


@command.command()
@click.option("--broker", type=click.Choice(["mosquitto", "nats"]), required=True)
@click.option("--out", type=_FOLDER, required=True, help="Folder for the files.")
@click.option("--at", "place", help="That folder's path on the broker's machine, if another.")
def export(broker: str, out: Path, place: str | None) -> None:
    """Write certificates and access lists for a broker of the site; run again after each change."""
    with _provisioning() as desk:
        now_ms = wall_clock_ms()
        desk.authority.renew_own(now_ms)
        desk.authority.write_crl(desk.register.revoked(), now_ms)
        listed = desk.register.listed()
        out.mkdir(parents=True, exist_ok=True)
        where = place or str(out.absolute())
        certificate, key = desk.authority.pair("broker")
        for file in (desk.authority.trusted_file, desk.authority.crl_file, certificate, key):
            write_private(out / file.name, file.read_bytes())
        if broker == "mosquitto":
            _export_mosquitto(desk, out, where, silenced(listed, now_ms))
        else:
            write_private(out / "access.conf", nats_configuration(where, speaking(listed, now_ms)).encode())
    click.echo(f"written to {out}; let the broker read it again (SIGHUP)")


def _export_mosquitto(desk: Provisioning, out: Path, where: str, shut_out: tuple[str, ...]) -> None:
    secret_file = desk.authority.folder / "site-password"
    if not secret_file.exists():
        write_private(secret_file, secrets.token_hex(20).encode())
    password = secret_file.read_text(encoding="utf-8")
    certificate, key = desk.authority.pair("gateway")
    gateway = (
        f'[mqtt]\nurl = "mqtts://{GATEWAY_NAME}:{password}@BROKER:{GATEWAY_PORT}"\n'
        f'ca_file = "{desk.authority.trusted_file}"\ncert_file = "{certificate}"\nkey_file = "{key}"\n'
    )
    write_private(out / "access.conf", mosquitto_configuration(where).encode())
    write_private(out / "acl", mosquitto_acl(shut_out).encode())
    write_private(
        out / "passwords", mosquitto_password(GATEWAY_NAME, password, secrets.token_bytes(12)).encode()
    )
    write_private(desk.authority.folder / "site-broker.toml", gateway.encode())
    click.echo(f"the gateway's settings: {desk.authority.folder / 'site-broker.toml'}")


def _hand_out(
    terminal: str, out: Path | None, days: int | None, make: Callable[[Provisioning, int], Package]
) -> None:
    with _provisioning(days) as desk:
        package = make(desk, wall_clock_ms())
        folder = out or desk.authority.folder / "issued" / terminal
        try:
            _write_package(package, folder)
        except OSError:
            # Nobody holds its key: it must not stand in the way of the next attempt.
            desk.register.revoke([package.certificate.serial], wall_clock_ms(), "never handed out")
            raise
    until = _iso(package.certificate.until_ms)
    click.echo(f"{terminal}: certificate {package.certificate.serial} until {until} in {folder}")


def _write_package(package: Package, folder: Path) -> None:
    terminal = package.certificate.terminal
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(folder / f"{terminal}.pem", package.pem, mode=0o644)
    write_private(folder / "trusted.pem", package.trusted, mode=0o644)
    if package.key:
        write_private(folder / f"{terminal}.key", package.key)


def _request(file: Path | None) -> bytes | None:
    if file is None:
        return None
    with file.open("rb") as opened:
        return opened.read(MAX_CSR_BYTES + 1)


@contextmanager
def _provisioning(days: int | None = None) -> Iterator[Provisioning]:
    settings = Settings()
    with _told(), _database() as engine:
        yield Provisioning(
            authority_of(settings), SqlCertificates(engine), days or settings.access.certificate_days
        )
        with writing(engine).begin() as connection:
            show_in_registry(connection, wall_clock_ms())


@contextmanager
def _database() -> Iterator[Engine]:
    engine = open_database(Settings().database_location, "gateway")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (AuthorityProblem, NameRefused, Refusal, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    except SQLAlchemyError as problem:
        raise click.ClickException(f"the gateway's database is not ready: {problem}") from problem


def _plain(each: Certificate, now_ms: int) -> dict[str, object]:
    return {
        "terminal": each.terminal,
        "state": each.state(now_ms),
        "until": _iso(each.ends_ms),
        "serial": each.serial,
        "authority": each.authority,
        "issued": _iso(each.issued_ms),
        "revoked": _iso(each.revoked_ms) if each.revoked_ms is not None else None,
        "reason": each.reason,
    }


def _event(each: SecurityEvent) -> dict[str, object]:
    return {
        "id": each.id,
        "threat": each.threat,
        "source": each.source,
        "count": each.count,
        "first": _iso(each.first_ms),
        "last": _iso(each.last_ms),
        "door": each.door,
        "finding": each.finding,
    }


def _print(rows: list[dict[str, object]], as_json: bool, line: Callable[[dict[str, object]], str]) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo(line(row))


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")

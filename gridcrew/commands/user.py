"""``gridcrew user``: people who may log in, and other systems' tokens."""

import getpass
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import click

from field_api.adapters.argon_passwords import ArgonPasswords
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.people.users import Role, User
from field_api.presentation import user_resource
from field_api.usecases.errors import Refused
from field_api.usecases.lock_out import LockOut
from field_api.usecases.manage_users import ManageUsers, NewUser
from geo.adapters.database import open_database
from gridcrew.commands import user_token
from gridcrew.english import in_english
from gridcrew.permissions import role_rows
from gridcrew.sealed_networks import seal_networks, vault
from gridcrew.settings import Settings

_ROLE = click.Choice([role.value for role in Role if role is not Role.MACHINE])
_GRID = click.option("--grid", "grids", multiple=True, help="A cell that they see; none: the company.")
_CREW = click.option("--crew", help="The crew that the person belongs to (role crew).")


@click.group(name="user")
def command() -> None:
    """People who may log in, what they may, and tokens of other systems."""


command.add_command(user_token.command)


@command.command()
@click.argument("username")
@click.option("--role", type=_ROLE, required=True)
@click.option("--name", default="", help="Shown to others; the user name where not given.")
@_CREW
@_GRID
@click.option("--phone", default="", help="Kept encrypted.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.password_option(help="Asked for where not given.")
def add(
    username: str,
    role: str,
    name: str,
    crew: str | None,
    grids: tuple[str, ...],
    phone: str,
    language: str,
    password: str,
) -> None:
    """Add a person."""
    new = NewUser(username, name or username, Role(role), crew, grids, language, password)
    with _users() as users:
        user = users.add(new)
        if phone:
            users.keep_phone(username, phone, vault(Settings()))
    click.echo(f"added {user.username} ({user.role.value})")


@command.command(name="list")
@click.option("--phone", default="", help="Only whose phone this is, found by its keyed hash.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_users(phone: str, as_json: bool) -> None:
    """List the people who may log in, and the systems with a token."""
    with _users() as users:
        listed = users.with_phone(phone, vault(Settings())) if phone else users.listed()
    if as_json:
        rows = [user_resource(user).model_dump(mode="json") | {"disabled": user.disabled} for user in listed]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for user in listed:
        state = "\tdisabled" if user.disabled else ""
        click.echo(f"{user.username}\t{user.role.value}\t{user.name}\t{_sight(user)}{state}")


@command.command()
@click.argument("username")
@click.option("--role", type=_ROLE, required=True)
@_CREW
@_GRID
def place(username: str, role: str, crew: str | None, grids: tuple[str, ...]) -> None:
    """Give a person another role, crew or cells; it holds from their next request on."""
    with _users() as users:
        user = users.place(username, Role(role), crew, grids)
    click.echo(f"{username} is {user.role.value} for {_sight(user) or 'no cell'}")


@command.command()
@click.argument("username")
def disable(username: str) -> None:
    """Lock a person out at once; what they did stays theirs."""
    with _users() as users:
        users.switch(username, disabled=True)
    click.echo(f"{username} can no longer log in")


@command.command()
@click.argument("username")
def enable(username: str) -> None:
    """Let a person in again."""
    with _users() as users:
        users.switch(username, disabled=False)
    click.echo(f"{username} can log in")


@command.command()
@click.argument("username")
@click.password_option(help="Asked for where not given.")
def passwd(username: str, password: str) -> None:
    """Change a password; all sessions and tokens of the person end."""
    with _users() as users:
        users.change_password(username, password)
    click.echo(f"changed the password of {username}")


@command.command()
@click.argument("username")
def reset(username: str) -> None:
    """A new random password, shown once; failed logins of the account are forgiven."""
    password = secrets.token_urlsafe(12)
    with _users() as users:
        users.change_password(username, password)
        LockOut(users.desk).forgive(username)
    click.echo(f"{username}: {password}")


@command.command()
@click.argument("username")
@click.argument("number", default="")
def phone(username: str, number: str) -> None:
    """Keep a person's phone, encrypted; without NUMBER it is forgotten."""
    with _users() as users:
        users.keep_phone(username, number, vault(Settings()))
    click.echo(f"{'kept' if number else 'forgot'} the phone of {username}")


@command.command(name="rotate-keys")
def rotate_keys() -> None:
    """A new key for personal data; what is sealed is sealed anew. Old keys stay for old backups."""
    settings = Settings()
    keys = vault(settings)
    keys.rotate()
    with _users() as users:
        count = users.reseal(keys) + seal_networks(settings)
    click.echo(f"{keys.file}: new key; {count} sealed anew. Restart the running processes.")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def roles(as_json: bool) -> None:
    """Which role may call which operation of the API."""
    rows = role_rows()
    if as_json:
        click.echo(json.dumps([{"operation": name, "roles": list(may)} for name, _, may in rows]))
        return
    for name, told, may in rows:
        click.echo(f"{name}\t{told}\t{', '.join(may)}")


@contextmanager
def _users() -> Iterator[ManageUsers]:
    engine = open_database(Settings().database_location, "desk")
    try:
        yield ManageUsers(SqlDesk(engine), ArgonPasswords(), wall_clock_ms, getpass.getuser())
    except Refused as problem:
        raise click.ClickException(in_english(problem)) from problem
    finally:
        engine.dispose()


def _sight(user: User) -> str:
    return "whole company" if user.whole_company else ", ".join(user.grid_ids)

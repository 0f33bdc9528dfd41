"""``gridcrew user``: people who may log in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from field_api.adapters.argon_passwords import ArgonPasswords
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.people import Role, User
from field_api.presentation import user_resource
from field_api.usecases.errors import Refused
from field_api.usecases.manage_users import ManageUsers, NewUser
from geo.adapters.database import open_database
from gridcrew.settings import Settings

_ROLES = click.Choice([role.value for role in Role])


@click.group(name="user")
def command() -> None:
    """Add, list or change users."""


@command.command()
@click.argument("username")
@click.option("--role", type=_ROLES, required=True)
@click.option("--name", default="", help="Shown to others; the user name where not given.")
@click.option("--crew", help="The crew that the person belongs to (role crew).")
@click.option("--grid", "grids", multiple=True, help="A cell that they see; none: the company.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.password_option(help="Asked for where not given.")
def add(
    username: str,
    role: str,
    name: str,
    crew: str | None,
    grids: tuple[str, ...],
    language: str,
    password: str,
) -> None:
    """Add a person."""
    new = NewUser(username, name or username, Role(role), crew, grids, language, password)
    with _users() as users:
        user = users.add(new)
    click.echo(f"added {user.username} ({user.role.value})")


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_users(as_json: bool) -> None:
    """List the people who may log in."""
    with _users() as users:
        listed = users.listed()
    if as_json:
        click.echo(
            json.dumps([user_resource(user).model_dump(mode="json") for user in listed], ensure_ascii=False)
        )
        return
    for user in listed:
        click.echo(f"{user.username}\t{user.role.value}\t{user.name}\t{_sight(user)}")


@command.command()
@click.argument("username")
@click.password_option(help="Asked for where not given.")
def passwd(username: str, password: str) -> None:
    """Change a password; all sessions and tokens of the person end."""
    with _users() as users:
        users.change_password(username, password)
    click.echo(f"changed the password of {username}")


@contextmanager
def _users() -> Iterator[ManageUsers]:
    engine = open_database(Settings().database_location, "desk")
    try:
        yield ManageUsers(SqlDesk(engine), ArgonPasswords(), wall_clock_ms)
    except Refused as problem:
        raise click.ClickException(str(problem)) from problem
    finally:
        engine.dispose()


def _sight(user: User) -> str:
    return "whole company" if user.whole_company else ", ".join(user.grid_ids)

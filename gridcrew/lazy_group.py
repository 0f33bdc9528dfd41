"""A group of commands whose modules are loaded when they are called: a help page must not load the house."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Commands of its own, behind those of ``lazy``: name → line of help, in the module ``prefix`` + name."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], prefix: str, **settings: Any) -> None:  # noqa: ANN401 (click's own)
        super().__init__(*args, **settings)
        self._lazy = lazy
        self._prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The lazy ones first, in their order."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads the module of a lazy one."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        found: click.Command = importlib.import_module(self._prefix + cmd_name.replace("-", "_")).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The lazy ones' lines of help are known without them."""
        own = [(name, self.commands[name].get_short_help_str(80)) for name in super().list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([*self._lazy.items(), *own])

"""The command line: one file per command, loaded when it is called."""

import importlib
from typing import Final

import click

COMMANDS: Final = {
    "up": "Start everything on this machine and keep it running.",
    "broker": "Run the embedded MQTT broker.",
    "gateway": "Take in what devices say.",
    "detector": "Turn evidence into outages.",
    "web": "Serve the API and the pages.",
    "worker": "Turn outages into orders and notices.",
    "migrate": "Bring the databases to this version.",
    "sim": "Play a grid: terminals, meters, crews, faults.",
    "network": "Import, check, trace or export a network.",
    "scope": "Infer outages from files, offline.",
    "reliability": "Reliability indices of a year.",
    "dead-letters": "List the frames that could not be understood.",
    "device": "Terminals and meters: list, show, approve, block, completeness.",
    "readings": "Look at what meters measured; archive old days.",
    "user": "Add, list or change users.",
    "access": "Who may speak: certificates of terminals, what was refused.",
    "check": "Is this installation healthy?",
}


class LazyGroup(click.Group):
    """Loads ``gridcrew.commands.<name>`` only for the command that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gridcrew.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gridcrew")
def cli() -> None:
    """Gridcrew: what failed, who is out, which crew goes. 配电网停电研判与抢修指挥。"""

"""The command line: one file per command, loaded when it is called."""

from typing import Final

import click

from gridcrew.lazy_group import LazyGroup

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
    "rehearse": "Play a past storm from exports and compare it with its calls.",
    "outage": "List, show, explain outages; replay a night and compare.",
    "reliability": "Reliability indices of a year.",
    "dead-letters": "List the frames that could not be understood.",
    "device": "Terminals and meters: list, show, approve, block, completeness.",
    "alarm": "Faults found in readings, and by what rules.",
    "readings": "Look at what meters measured; archive old days.",
    "notices": "What people are told: what waits for a click, holds, channels.",
    "calendar": "Working days: what is known of a year, and entering it.",
    "organisation": "Who works where and answers for what: import, check, export, gaps.",
    "user": "People who may log in, and tokens of other systems.",
    "audit": "Who did what: verify the record, export it.",
    "access": "Who may speak: certificates of terminals, what was refused.",
    "backup": "Copy everything into one file while the product runs.",
    "restore": "Put a backup into an empty data folder.",
    "check": "Is this installation healthy?",
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    prefix="gridcrew.commands.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="gridcrew")
def cli() -> None:
    """Gridcrew: what failed, who is out, which crew goes. 配电网停电研判与抢修指挥。"""

"""``gridcrew sim``: play a grid, and break or mend something on it."""

import json
from typing import Any, Final

import click

from gridcrew.lazy_group import LazyGroup
from gridcrew.settings import Settings
from simulators.adapters.control_client import ask, port_file
from simulators.errors import SimulatorError

PLAYING: Final = {
    "run": "Play terminals, meters and crews until stopped.",
    "modbus": "Play Modbus meters on one port until Ctrl-C.",
    "dlt645": "Play DL/T 645 meters behind a DTU until Ctrl-C.",
}
"""These load the grid or a protocol's library; the others are a question over loopback."""

as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group(name="sim", cls=LazyGroup, lazy=PLAYING, prefix="gridcrew.commands.sim_")
def command() -> None:
    """A grid to practise on: one terminal per transformer area, crews, faults at your command."""


@command.command(name="trip")
@click.argument("element")
@as_json
def trip(element: str, as_json: bool) -> None:
    """Open a switch, or let a line, transformer or node (by id) fail."""
    done = _ask("/trip", {"element": element})
    _show(done, f"{done['element']} tripped: {done['customers']} customers lost supply", as_json)


@command.command(name="fault")
@click.argument("element")
@click.option("--phases", default="ABC", show_default=True, help="Phases that are lost, such as A or BC.")
@as_json
def fault(element: str, phases: str, as_json: bool) -> None:
    """Let some phases of a line, switch or transformer (by id) fail; all of them is a trip."""
    done = _ask("/trip", {"element": element, "phases": phases})
    text = (
        f"{done['element']} lost {phases.upper()}: {done['customers']} customers lost supply, "
        f"{done['disturbed']} live with a phase missing or half of it"
    )
    _show(done, text, as_json)


@command.command(name="restore")
@click.argument("element")
@as_json
def restore(element: str, as_json: bool) -> None:
    """Undo the trip of an element."""
    done = _ask("/restore", {"element": element})
    _show(done, f"{done['element']} restored: {done['customers']} customers regained supply", as_json)


@command.command(name="state")
@as_json
def state(as_json: bool) -> None:
    """What has failed, how many terminals speak, and elements to choose from."""
    found = _ask("/state", None)
    failed = [f"  {one['element']} since {one['at']}" for one in found["failed"]]
    lines = [
        f"{found['connected']} of {found['terminals']} terminals connected, {len(found['blocked'])} blocked",
        f"{found['customers_out']} customers out, {len(failed)} elements failed",
        *failed,
        "worth tripping:",
        *(
            f"  {one['element']:<10} {one['kind']:<12} {one['customers']:>6} customers"
            for one in found["examples"]
        ),
    ]
    _show(found, "\n".join(lines), as_json)


def _ask(path: str, body: dict[str, object] | None) -> dict[str, Any]:
    settings = Settings()
    try:
        noted = json.loads(port_file(settings.data_dir).read_text(encoding="utf-8"))
        port = int(noted["port"])
    except (OSError, ValueError, KeyError):
        port = settings.sim.control_port
    try:
        return ask(port, path, body)
    except SimulatorError as problem:
        raise click.ClickException(str(problem)) from problem


def _show(found: dict[str, Any], text: str, as_json: bool) -> None:
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else text)

"""The durable sessions of this installation, made before devices connect, and the losses of them."""

import time

import click

from gateway.adapters.mqtt.door import ConnectionLost, create_sessions
from gridcrew.broker import gateway_sessions
from gridcrew.doors import gateway_address, session_memory
from gridcrew.settings import Settings


def make_sessions(settings: Settings) -> None:
    """Let the broker make both sessions; raises ClickException where it does not."""
    memory = session_memory(settings)
    for session in gateway_sessions(settings):
        try:
            address = gateway_address(settings)
            create_sessions(address, (session,))
        except (ConnectionLost, ValueError) as problem:
            raise click.ClickException(f"session {session.name}: {problem}") from problem
        memory.meet(session.name, present=True, now_ms=time.time_ns() // 1_000_000)
        click.echo(f"session {session.name} stands at {address.host}:{address.port}")


def acknowledge(settings: Settings) -> None:
    """Somebody has seen which sessions were lost; their alarms end, their counts stay."""
    alarmed = session_memory(settings).acknowledge()
    click.echo(f"taken note of: {', '.join(alarmed)}" if alarmed else "no session was lost")

"""``gridcrew up``: everything on one machine."""

import click

from gridcrew.allinone import Plan, run_all
from gridcrew.settings import Settings


@click.command(name="up")
@click.option("--demo", is_flag=True, help="A public reference grid with simulated terminals and crews.")
@click.option("--for", "seconds", type=click.FloatRange(min=1), help="End by itself after this many seconds.")
@click.option("--quiet", is_flag=True, help="Only the address and the logins; the rest is in the log files.")
def command(demo: bool, seconds: float | None, quiet: bool) -> None:
    """Start the broker, gateway, detector, worker and web; with --demo a whole grid to practise on."""
    settings = Settings()
    if demo:
        settings = settings.model_copy(update={"demo": True})
    run_all(Plan(settings=settings, seconds=seconds, quiet=quiet))

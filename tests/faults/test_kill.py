"""Faults 1, 2 and 34: the gateway dies at any moment under load, or is asked to end; nothing is lost."""

import signal
import time

import pytest

from gridcrew.broker import EmbeddedBroker, terminal_address
from tests.faults.history import History, Terminal
from tests.gateway.running import Installation, Publisher

SOAK = pytest.param(20, marks=pytest.mark.soak)


def load(terminal: Terminal, seconds: float) -> None:
    """A frame each two milliseconds."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        terminal.send()
        time.sleep(0.002)


@pytest.mark.parametrize("kills", [4, SOAK])
def test_acknowledged_is_stored_through_kills_under_load(
    site: Installation, broker: EmbeddedBroker, kills: int
) -> None:
    """Fault 1: kill -9 at random moments, sometimes before it was ready."""
    history = History()
    publisher = Publisher(terminal_address(site.settings), "T1")
    terminal = Terminal(history, publisher)
    for _ in range(kills):
        early = history.chance.random() < 0.3
        site.start(ready=not early)
        load(terminal, history.chance.uniform(0.3, 1.5) if early else history.chance.uniform(0.0, 0.4))
        site.end(signal.SIGKILL)
    terminal.finish()
    publisher.close()
    site.start()
    history.check(site)


@pytest.mark.parametrize("place", ["before_commit", "before_puback", "after_readings", "after_ledger"])
def test_death_at_the_worst_moments(site: Installation, broker: EmbeddedBroker, place: str) -> None:
    """Fault 2: the process dies around the commit; the frame comes again and counts once."""
    history = History()
    process = site.start(GRIDCREW_FAULT=f"{place}:2")
    publisher = Publisher(terminal_address(site.settings), "T1")
    terminal = Terminal(history, publisher, broken_each=5)
    for _ in range(20):
        terminal.send()
        time.sleep(0.01)
    terminal.finish()
    publisher.close()
    assert process.wait(60) != 0, "the fault did not happen"
    site.end(signal.SIGKILL)
    site.start()
    history.check(site)


def test_sigterm_under_load_ends_in_time_and_loses_nothing(
    site: Installation, broker: EmbeddedBroker
) -> None:
    """Fault 34: stop taking, commit, acknowledge, disconnect, within five seconds."""
    history = History()
    site.start()
    publisher = Publisher(terminal_address(site.settings), "T1")
    terminal = Terminal(history, publisher)
    terminal.send(800)
    asked_s = time.monotonic()
    assert site.end(signal.SIGTERM) == 0
    assert time.monotonic() - asked_s < 5
    assert not (site.folder / "gateway.ready").exists()
    terminal.finish()
    publisher.close()
    site.start()
    history.check(site)

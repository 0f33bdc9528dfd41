"""How terminals put what they have to say: the language of their frames; our own contract is one of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from gateway.contract.payloads import Event
from gateway.contract.topics import COMMAND, EVENTS, READINGS, STATUS, topic
from simulators import frames
from simulators.frames import Boot
from simulators.metering import Row


class Said(NamedTuple):
    """One message."""

    channel: str
    payload: bytes
    bulk: bool = False
    """Readings: in a full memory they give way to words."""


class Speech(Protocol):
    """The words of a terminal; ``now_ms`` and all instants of events are epoch milliseconds."""

    @property
    def heard(self) -> tuple[str, ...]:
        """Channels on which a terminal listens."""

    def topic(self, terminal: str, channel: str) -> str:
        """Where that is at the broker."""

    def will(self, boot: Boot, terminal: str, now_ms: int) -> Said:
        """What the broker says once the terminal is lost."""

    def greeting(self, boot: Boot, terminal: str, meters: Sequence[str], now_ms: int) -> Iterator[Said]:
        """After the connection stands; ``meters``: all that it speaks for."""

    def heartbeat(self, boot: Boot, terminal: str, now_ms: int) -> Said:
        """I am there."""

    def readings(
        self, boot: Boot, terminal: str, now_ms: int, meters: Sequence[str], rows: Sequence[Row]
    ) -> Iterator[Said]:
        """One row for each of the meters."""

    def events(self, boot: Boot, terminal: str, noticed: Sequence[Event]) -> Iterator[Said]:
        """What was noticed."""


class OwnSpeech:
    """Our contract (docs/asyncapi.yaml); such terminals answer pings."""

    heard = (COMMAND,)

    def topic(self, terminal: str, channel: str) -> str:
        """``gridcrew/v1/{terminal}/{channel}``"""
        return topic(terminal, channel)

    def will(self, boot: Boot, terminal: str, now_ms: int) -> Said:  # noqa: ARG002
        """Status ``offline``."""
        return Said(STATUS, frames.status(boot, "offline", now_ms))

    def greeting(self, boot: Boot, terminal: str, meters: Sequence[str], now_ms: int) -> Iterator[Said]:  # noqa: ARG002
        """Status ``online``."""
        yield self.heartbeat(boot, terminal, now_ms)

    def heartbeat(self, boot: Boot, terminal: str, now_ms: int) -> Said:  # noqa: ARG002
        """Status ``online``."""
        return Said(STATUS, frames.status(boot, "online", now_ms))

    def readings(
        self, boot: Boot, terminal: str, now_ms: int, meters: Sequence[str], rows: Sequence[Row]  # noqa: ARG002
    ) -> Iterator[Said]:  # fmt: skip
        """Columnar frames."""
        for body in frames.readings(boot, now_ms, meters, rows):
            yield Said(READINGS, body, bulk=True)

    def events(self, boot: Boot, terminal: str, noticed: Sequence[Event]) -> Iterator[Said]:  # noqa: ARG002
        """One frame for all."""
        yield Said(EVENTS, frames.events(boot, noticed))

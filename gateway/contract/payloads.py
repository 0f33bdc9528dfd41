"""Bodies of our own contract, JSON in UTF-8. Unknown keys are ignored; unknown versions are refused.

``at`` is ISO-8601 with zone or epoch milliseconds, the terminal's clock. (terminal, boot, seq) names a frame:
``boot`` changes at each start of the terminal, ``seq`` counts up from it over all channels.
"""

from typing import Literal

import msgspec

MAX_METERS: int = 2_000
MAX_QUANTITIES: int = 64
MAX_EVENTS: int = 2_000

Instant = int | str


class Readings(msgspec.Struct, frozen=True):
    """``values[m][q]`` of ``meters[m]`` and ``quantities[q]``; null = missing, a row of nulls = no answer."""

    v: Literal[1]
    boot: str
    seq: int
    at: Instant
    meters: tuple[str, ...]
    quantities: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a device of this terminal noticed; ``volts`` only with kind ``voltage``."""

    at: Instant
    device: str
    kind: str
    volts: tuple[float | None, float | None, float | None] | None = None


class Events(msgspec.Struct, frozen=True):
    v: Literal[1]
    boot: str
    seq: int
    events: tuple[Event, ...]


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """Heartbeat (``online``, at least each five minutes) and last will (``offline``, without ``seq``).

    The last will was written when the connection began, so its ``at`` is that instant, not the loss.
    """

    v: Literal[1]
    boot: str
    state: Literal["online", "offline"]
    at: Instant
    seq: int | None = None
    firmware: str = ""
    model: str = ""


class Hplc(msgspec.Struct, frozen=True, omit_defaults=True):
    """An outage report of the carrier network: the data unit of AFN 06H F5 or F6 as hexadecimal text.

    ``at``: when the terminal got it; the report itself carries no time. Without this wrapping (the bare data
    unit, as bytes or hexadecimal text) the time of receipt stands for it.
    """

    v: Literal[1]
    boot: str
    seq: int
    at: Instant
    data: str
    fn: Literal[5, 6] = 5


class Command(msgspec.Struct, frozen=True):
    """Down: the only command is ``ping``; the terminal answers with events ``alive`` or ``silent``."""

    v: Literal[1]
    id: str
    command: Literal["ping"]
    devices: tuple[str, ...]


class Dlt645(msgspec.Struct, frozen=True, omit_defaults=True):
    """DL/T 645-2007 frames as hexadecimal text, where they are not sent as they are.

    ``at``: when the meter said it, where the terminal knows. With ``boot`` and ``seq`` the frame has a name;
    without, the same frames within ten minutes are taken for a repetition.
    """

    frame: str
    at: Instant | None = None
    boot: str = ""
    seq: int | None = None

"""When a notice may go: who first, not at night, not before a reclose had its chance, not without a click.

Pure decisions on rules that a site sets (``[notices]`` of the settings). What is told to nobody yet may still
be withdrawn; what was told is only corrected (``field_api.notices.alerts``).
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from field_api.calendars import ZONE, local
from field_api.instants import MINUTE_MS, milliseconds
from field_api.notices.alerts import NoticeKind
from field_api.notices.control import Verdict

HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
GROWN: Final = 2
"""A click holds for an incident as long as it has not grown to more than so many times its size then."""


class Urgency(IntEnum):
    """Who hears first: key customers, the vulnerable, village liaisons, everybody (CUS-15)."""

    KEY = 0
    VULNERABLE = 1
    LIAISON = 2
    EVERYBODY = 3


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """What a site lets happen by itself."""

    automatic_below: int = 500
    """Scopes of so many customers and more wait for a dispatcher's click."""
    key_waits: bool = True
    """Scopes with a key customer wait for it too."""
    dwell_ms: int = MINUTE_MS
    """A reclose or a transfer of supply that succeeds within it is told to nobody (DL/T 836.1 momentary)."""
    quiet_from: time = time(22)
    quiet_until: time = time(7)
    """Local wall clock; equal: never quiet."""
    change_ms: int = 15 * MINUTE_MS
    """An expected time that moved by less is no news."""
    again_ms: int = 30 * MINUTE_MS
    """So long after other words another computed time waits; a crew's word and a withdrawal never do."""
    planned_ahead_ms: int = 7 * DAY_MS
    temporary_ahead_ms: int = DAY_MS
    villages: bool = True
    """Liaisons of touched villages hear of it and get a task."""
    lead_ms: int = 12 * HOUR_MS
    """Planned work is told so long before its seven days begin, so that retries have time."""


AT_ONCE: Final = NoticeRules(
    automatic_below=10**9,
    key_waits=False,
    dwell_ms=0,
    quiet_from=time(0),
    quiet_until=time(0),
    villages=False,
)
"""Nothing waits, customers alone hear: for replays and tests of other things."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a dispatcher answers for."""

    customers: int
    key_customers: int


class Fate(StrEnum):
    SEND = "send"
    ASK = "ask"
    SKIP = "skip"
    """A dispatcher said no, and it is still about the same size."""


class Wait(StrEnum):
    """Why first words wait for a click."""

    LARGE = "large"
    KEY_CUSTOMER = "key_customer"


def waits(rules: NoticeRules, size: Size) -> tuple[Wait, ...]:
    """What keeps first words to a scope of that size from leaving by themselves."""
    large = size.customers >= rules.automatic_below
    key = rules.key_waits and size.key_customers > 0
    return (Wait.LARGE,) * large + (Wait.KEY_CUSTOMER,) * key


def fate(rules: NoticeRules, size: Size, verdict: Verdict | None) -> Fate:
    """What becomes of first words to a scope; ``verdict`` is the newest click on its incident."""
    if verdict is not None and size.customers <= GROWN * verdict.customers:
        return Fate.SEND if verdict.approved else Fate.SKIP
    return Fate.ASK if waits(rules, size) else Fate.SEND


def send_from_ms(
    rules: NoticeRules, kind: NoticeKind, urgency: Urgency, safety: bool, since_ms: int, now_ms: int
) -> int:
    """The first instant at which one notice may leave; ``since_ms`` is when supply failed."""
    from_ms = max(now_ms, since_ms + rules.dwell_ms) if kind is NoticeKind.OUTAGE else now_ms
    return undisturbed_ms(rules, urgency, safety, from_ms)


def undisturbed_ms(rules: NoticeRules, urgency: int, safety: bool, at_ms: int) -> int:
    """``at_ms``, or the end of the quiet hours that it lies in, for whom they spare; asked at each attempt.

    They spare everybody but key and vulnerable customers, and nobody where the text is about ``safety``.
    """
    if safety or urgency <= Urgency.VULNERABLE:
        return at_ms
    return after_quiet_ms(rules, at_ms)


def after_quiet_ms(rules: NoticeRules, at_ms: int) -> int:
    """``at_ms``, or the end of the quiet hours that it lies in; they may span midnight."""
    if rules.quiet_from == rules.quiet_until:
        return at_ms
    clock = local(at_ms)
    begun, spans = clock.time() >= rules.quiet_from, rules.quiet_from > rules.quiet_until
    before_end = clock.time() < rules.quiet_until
    if not (begun or before_end if spans else begun and before_end):
        return at_ms
    day = clock.date() + timedelta(days=1) if spans and begun else clock.date()
    return milliseconds(datetime.combine(day, rules.quiet_until, ZONE))

"""Why a device is not heard: every combination of what can hold around it."""

from itertools import product

import pytest

from telemetry.devices import (
    Cause,
    Condition,
    Hearing,
    Link,
    LostBy,
    Surroundings,
    meter_condition,
    terminal_condition,
)

DOWN, OUT, HEARD, NOW, LIMIT = 5_000, 6_000, 4_000, 10_000, 3_000
U, ON, OFF = Link.UNKNOWN, Link.ONLINE, Link.OFFLINE

TERMINALS = {
    # (gateway down, outage, heard, lost): link, cause, since, alarm
    (None, None, None, LostBy.NOTHING): (U, Cause.NONE, None, False),
    (None, None, None, LostBy.WILL): (U, Cause.NONE, None, False),
    (None, None, None, LostBy.OVERDUE): (U, Cause.NONE, None, False),
    (None, None, HEARD, LostBy.NOTHING): (ON, Cause.NONE, HEARD, False),
    (None, None, HEARD, LostBy.WILL): (OFF, Cause.COMMUNICATION, HEARD, True),
    (None, None, HEARD, LostBy.OVERDUE): (OFF, Cause.TERMINAL, HEARD, True),
    (None, OUT, None, LostBy.NOTHING): (U, Cause.NONE, None, False),
    (None, OUT, None, LostBy.WILL): (U, Cause.NONE, None, False),
    (None, OUT, None, LostBy.OVERDUE): (U, Cause.NONE, None, False),
    (None, OUT, HEARD, LostBy.NOTHING): (ON, Cause.NONE, HEARD, False),
    (None, OUT, HEARD, LostBy.WILL): (OFF, Cause.POWER, HEARD, False),
    (None, OUT, HEARD, LostBy.OVERDUE): (OFF, Cause.POWER, HEARD, False),
}


@pytest.mark.parametrize(
    ("down", "outage", "heard", "lost"), list(product((None, DOWN), (None, OUT), (None, HEARD), LostBy))
)
def test_every_state_of_a_terminal(
    down: int | None, outage: int | None, heard: int | None, lost: LostBy
) -> None:
    told = terminal_condition(Surroundings(down, outage), heard, lost)
    if down is not None:
        assert told == Condition(U, Cause.GATEWAY, DOWN)
    else:
        assert told == Condition(*TERMINALS[None, outage, heard, lost])


RECENT, OLD = 9_000, 4_000
PARENTS = {
    "online": Condition(ON, since_ms=9_500),
    "gateway": Condition(U, Cause.GATEWAY, DOWN),
    "power": Condition(OFF, Cause.POWER, 4_500),
    "communication": Condition(OFF, Cause.COMMUNICATION, 4_600, alarm=True),
    "terminal": Condition(OFF, Cause.TERMINAL, 4_700, alarm=True),
    "never": Condition(U),
}


def expected_meter(parent: str, outage: int | None, heard: int | None, siblings: int | None) -> Condition:
    """The same rules told in other words: the first that applies."""
    condition = PARENTS[parent]
    silent_since_outage = outage is not None and (heard is None or heard < outage)
    table = [
        (parent == "online" and heard == RECENT, Condition(ON, since_ms=heard)),
        (parent == "gateway", Condition(U, Cause.GATEWAY, DOWN)),
        (silent_since_outage, Condition(OFF, Cause.POWER, outage)),
        (parent != "online", Condition(U, condition.cause, condition.since_ms)),
        (siblings != RECENT, Condition(U, Cause.TERMINAL, heard)),
        (True, Condition(OFF, Cause.COMMUNICATION, heard, alarm=True)),
    ]
    return next(told for applies, told in table if applies)


@pytest.mark.parametrize(
    ("parent", "outage", "heard", "siblings"),
    list(product(PARENTS, (None, OUT), (None, OLD, RECENT), (None, OLD, RECENT))),
)
def test_every_state_of_a_meter(
    parent: str, outage: int | None, heard: int | None, siblings: int | None
) -> None:
    hearing = Hearing(NOW, LIMIT, heard, siblings)
    told = meter_condition(Surroundings(None, outage), PARENTS[parent], hearing)
    assert told == expected_meter(parent, outage, heard, siblings)


def test_a_parent_that_is_down_raises_the_only_alarm() -> None:
    hearing = Hearing(NOW, LIMIT, OLD, None)
    for name, parent in PARENTS.items():
        told = meter_condition(Surroundings(), parent, hearing)
        assert not (told.alarm and name != "online")

"""What channels that send message by message have in common: when to give up on a batch, and silent logs."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from field_api.notices.ports import Delivery, Outcome, Sent

FAILURES_IN_A_ROW: Final = 3
"""Then the rest of the batch is left for later: a dead provider must not cost a timeout for each person."""
_UNTRIED: Final = Sent(Outcome.UNTRIED, problem="the provider does not answer")
_TALKATIVE: Final = ("urllib3.connectionpool", "requests", "apprise")


def one_by_one(deliveries: Sequence[Delivery], send: Callable[[Delivery], Sent]) -> Sequence[Sent]:
    """One answer for each, until several in a row got no clear one."""
    sent: list[Sent] = []
    failures = 0
    for delivery in deliveries:
        if failures >= FAILURES_IN_A_ROW:
            sent.append(_UNTRIED)
            continue
        sent.append(send(delivery))
        failures = failures + 1 if sent[-1].outcome is Outcome.UNCERTAIN else 0
    return sent


def hush() -> None:
    """Libraries log URLs, which hold tokens and phone numbers: whatever the level, not these."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)

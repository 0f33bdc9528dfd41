"""Who spoke when, and who is believed.

A terminal that is silent for too long is said to be so (monotonic time only). A terminal that nobody approved
yet, or that was blocked, is heard and not believed: its frames wait among the dead letters.
"""

from collections.abc import Iterable
from typing import Literal

from telemetry.devices import Approval, held_back_reason

ApproveRule = Literal["all", "listed", "none"]


def first_approval(rule: ApproveRule, *, listed: bool) -> tuple[Approval, str]:
    """Whether a terminal is believed at first contact, and by whose decision."""
    if rule == "all" or (rule == "listed" and listed):
        return Approval.APPROVED, f"rule: {rule}"
    return Approval.PENDING, ""


def held_back(terminal: str, approval: Approval) -> str:
    """Why frames of this terminal go to the dead letters; empty when they are taken."""
    return "" if approval is Approval.APPROVED else held_back_reason(terminal, approval)


class Registry:
    """The expectation timers. ``now_s`` is a monotonic clock, so steps of the wall clock move nothing."""

    def __init__(self, overdue_s: float) -> None:
        self._overdue_s = overdue_s
        self._heard_s: dict[str, float] = {}

    def expect(self, terminals: Iterable[str], now_s: float) -> None:
        """These are online: from now on they must be heard."""
        self._heard_s.update(dict.fromkeys(terminals, now_s))

    def dismiss(self, terminals: Iterable[str]) -> None:
        """These are known to be lost: nothing is expected of them until they speak."""
        for terminal in terminals:
            self._heard_s.pop(terminal, None)

    def restart(self, now_s: float) -> None:
        """We could not hear anybody until now: nobody is overdue yet."""
        self._heard_s = dict.fromkeys(self._heard_s, now_s)

    def overdue(self, now_s: float) -> tuple[str, ...]:
        """Terminals expected and not heard for too long, by id; each is named once."""
        late = [name for name, heard_s in self._heard_s.items() if now_s - heard_s > self._overdue_s]
        self.dismiss(late)
        return tuple(sorted(late))

"""When a failed login makes the next one wait: longer with every failure, for the account and the address."""

from dataclasses import dataclass
from typing import Final

FORGOTTEN_MS: Final = 24 * 3_600_000
"""Failures so long ago no longer count."""
_LONGEST_DOUBLING: Final = 20


@dataclass(frozen=True, slots=True)
class Patience:
    """``free`` failures pass without a wait; then ``first_ms``, doubled by each one more to ``most_ms``."""

    free: int
    first_ms: int
    most_ms: int

    def wait_ms(self, failures: int) -> int:
        """How long the next try must wait after so many failures in a row."""
        if failures < self.free:
            return 0
        doublings = min(failures - self.free, _LONGEST_DOUBLING)
        return int(min(self.first_ms << doublings, self.most_ms))


PATIENCE: Final = {
    "place": Patience(5, 60_000, 3_600_000),
    "account": Patience(20, 60_000, 900_000),
    "address": Patience(50, 60_000, 3_600_000),
}
"""``place``: a name at one address. The account itself waits only after guesses from many addresses, and
never longer than a quarter of an hour, so that nobody can lock another out for long."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Of one key: how many in a row, and when the last was."""

    count: int
    last_ms: int

    def after(self, now_ms: int) -> "Failures":
        """With one more."""
        forgotten = now_ms - self.last_ms > FORGOTTEN_MS
        return Failures(1 if forgotten else self.count + 1, now_ms)

    def until_ms(self, kind: str) -> int:
        """From when on another try is allowed."""
        return self.last_ms + PATIENCE[kind].wait_ms(self.count)


def keys(username: str, address: str) -> dict[str, str]:
    """What a login counts for, by kind of patience."""
    return {
        "place": f"place\n{username}\n{address}",
        "account": f"account\n{username}",
        "address": f"address\n{address}",
    }

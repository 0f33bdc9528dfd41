"""Failed logins are counted by name and address; too many close the door for a while. Bounded, in memory."""

from collections import OrderedDict, deque
from threading import Lock
from typing import Final

WINDOW_MS: Final = 300_000
PER_NAME: Final = 10
PER_ADDRESS: Final = 50
MAX_KEYS: Final = 10_000


class LoginThrottle:
    """Safe to share between threads; forgets the keys that were used longest ago."""

    def __init__(self, per_name: int = PER_NAME, per_address: int = PER_ADDRESS) -> None:
        self._limits = {"name": per_name, "address": per_address}
        self._failures: OrderedDict[tuple[str, str], deque[int]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, username: str, address: str, now_ms: int) -> int:
        """Seconds until another try is allowed; 0: now."""
        with self._lock:
            waits = [self._wait_ms(key, now_ms) for key in _keys(username, address)]
        return -(-max(waits) // 1000)

    def failed(self, username: str, address: str, now_ms: int) -> None:
        """Count a failed login."""
        with self._lock:
            for key in _keys(username, address):
                failures = self._failures.setdefault(key, deque(maxlen=self._limits[key[0]]))
                failures.append(now_ms)
                self._failures.move_to_end(key)
            while len(self._failures) > MAX_KEYS:
                self._failures.popitem(last=False)

    def _wait_ms(self, key: tuple[str, str], now_ms: int) -> int:
        failures = self._failures.get(key)
        if not failures or len(failures) < self._limits[key[0]]:
            return 0
        return max(0, failures[0] + WINDOW_MS - now_ms)


def _keys(username: str, address: str) -> tuple[tuple[str, str], ...]:
    # A name is throttled only together with where it is tried from: nobody can lock another out.
    return ("name", f"{username}\n{address}"), ("address", address)

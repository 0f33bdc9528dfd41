"""Failed logins are counted in the desk's database, so that a restart forgives nobody."""

from dataclasses import dataclass

from field_api.people.audit_chain import Act
from field_api.people.lockout import FORGOTTEN_MS, Failures, keys
from field_api.ports import Desk


@dataclass(frozen=True, slots=True)
class LockOut:
    desk: Desk

    def wait_s(self, username: str, address: str, now_ms: int) -> int:
        """Seconds until another try is allowed; 0: now."""
        wanted = keys(username, address)
        with self.desk.reading() as session:
            known = session.login_failures.of(tuple(wanted.values()))
        waits = [known[key].until_ms(kind) - now_ms for kind, key in wanted.items() if key in known]
        return max(0, -(-max(waits, default=0) // 1000))

    def failed(self, username: str, address: str, now_ms: int) -> None:
        """Count it; the record names the account only if there is one: people type passwords as names."""
        wanted = keys(username, address)
        with self.desk.writing() as session:
            known = session.login_failures.of(tuple(wanted.values()))
            for key in wanted.values():
                session.login_failures.keep(key, known.get(key, Failures(0, now_ms)).after(now_ms))
            session.login_failures.prune(now_ms - FORGOTTEN_MS)
            login = session.users.by_username(username)
            name = login.user.username if login else "unknown"
            act = Act("login.failed", name, login.user.id if login else "-", name, address)
            session.audit.append(now_ms, act)

    def passed(self, username: str, address: str) -> None:
        """A right password: the account starts anew; the address keeps what it did to others."""
        wanted = keys(username, address)
        mine = (wanted["place"], wanted["account"])
        with self.desk.reading() as session:
            known = session.login_failures.of(mine)
        if known:
            with self.desk.writing() as session:
                session.login_failures.forget(mine)

    def forgive(self, username: str) -> None:
        """Let an account try again at once from a new place."""
        with self.desk.writing() as session:
            session.login_failures.forget((keys(username, "")["account"],))

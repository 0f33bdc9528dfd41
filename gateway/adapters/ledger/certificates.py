"""The register of certificates in the gateway's database, and what the device registry shows of it.

Written by the commands of whoever provisions; read by the embedded broker at every connection, so that a
revocation holds from the moment in which it is committed.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, select, update

from gateway.access import Certificate
from geo.adapters.database import writing
from telemetry.adapters.gateway_tables import certificates, devices
from telemetry.devices import DeviceKind

MAX_PAGE: Final = 100_000
_BY_AGE: Final = select(certificates).order_by(certificates.c.issued_ms, certificates.c.serial)


class SqlCertificates:
    """All certificates ever issued to terminals."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, issued: Certificate, retire_others_ms: int | None = None) -> None:
        """Note a new certificate, and when the terminal's others retire; all or none."""
        with writing(self._engine).begin() as connection:
            if retire_others_ms is not None:
                connection.execute(
                    update(certificates)
                    .where(certificates.c.terminal == issued.terminal)
                    .where(
                        certificates.c.retires_ms.is_(None) | (certificates.c.retires_ms > retire_others_ms)
                    )
                    .values(retires_ms=retire_others_ms)
                )
            connection.execute(
                insert(certificates).values(
                    serial=issued.serial, terminal=issued.terminal, authority=issued.authority,
                    issued_ms=issued.issued_ms, until_ms=issued.until_ms, retires_ms=issued.retires_ms,
                    revoked_ms=issued.revoked_ms, reason=issued.reason,
                )
            )  # fmt: skip

    def by_serial(self, serial: str) -> Certificate | None:
        """The certificate of that serial number."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(certificates).where(certificates.c.serial == serial)
            ).one_or_none()
        return None if row is None else _certificate(row)

    def of_terminal(self, terminal: str) -> tuple[Certificate, ...]:
        """All of one terminal, oldest first."""
        query = select(certificates).where(certificates.c.terminal == terminal)
        return self._all(query.order_by(certificates.c.issued_ms, certificates.c.serial))

    def listed(self, after: str = "", limit: int = MAX_PAGE) -> tuple[Certificate, ...]:
        """By terminal, then oldest first; terminals after ``after``, at most ``limit`` certificates."""
        query = select(certificates).where(certificates.c.terminal > after)
        query = query.order_by(certificates.c.terminal, certificates.c.issued_ms, certificates.c.serial)
        return self._all(query.limit(min(limit, MAX_PAGE)))

    def revoke(self, serials: Sequence[str], now_ms: int, reason: str) -> int:
        """Revoke those that are not yet; how many."""
        with writing(self._engine).begin() as connection:
            return connection.execute(
                update(certificates)
                .where(certificates.c.serial.in_(list(serials)), certificates.c.revoked_ms.is_(None))
                .values(revoked_ms=now_ms, reason=reason)
            ).rowcount

    def revoked(self, after_ms: int = -1) -> tuple[Certificate, ...]:
        """Those revoked after that instant, in that order."""
        query = select(certificates).where(certificates.c.revoked_ms > after_ms)
        return self._all(query.order_by(certificates.c.revoked_ms, certificates.c.serial))

    def ended(self, after_ms: int, now_ms: int) -> tuple[Certificate, ...]:
        """Those that were revoked or retired in (after_ms, now_ms], in no order."""
        columns = (certificates.c.revoked_ms, certificates.c.retires_ms)
        within = [(column > after_ms) & (column <= now_ms) for column in columns]
        return self._all(select(certificates).where(within[0] | within[1]))

    def _all(self, query: Any) -> tuple[Certificate, ...]:  # noqa: ANN401 (a select of all columns)
        with self._engine.connect() as connection:
            return tuple(_certificate(row) for row in connection.execute(query))


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(
        serial=row.serial, terminal=row.terminal, authority=row.authority, issued_ms=row.issued_ms,
        until_ms=row.until_ms, retires_ms=row.retires_ms, revoked_ms=row.revoked_ms, reason=row.reason,
    )  # fmt: skip


def show_in_registry(connection: Connection, now_ms: int) -> int:
    """Note beside each terminal what its newest certificate is worth; how many rows changed."""
    newest = {row.terminal: _certificate(row) for row in connection.execute(_BY_AGE)}
    shown = select(devices.c.device, devices.c.certificate_state, devices.c.certificate_serial).where(
        devices.c.kind == DeviceKind.TERMINAL
    )
    changed = 0
    for row in connection.execute(shown).all():
        held = newest.get(row.device)
        if held is None or (row.certificate_state, row.certificate_serial) == (
            held.state(now_ms),
            held.serial,
        ):
            continue
        changed += 1
        connection.execute(
            update(devices)
            .where(devices.c.device == row.device)
            .values(
                certificate_state=held.state(now_ms),
                certificate_serial=held.serial,
                certificate_until_ms=held.ends_ms,
            )
        )
    return changed

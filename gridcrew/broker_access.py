"""Who may enter the embedded broker: nats-server asks at every connection, the register answers.

The server's authorisation callout (docs/decisions/0008) tells us the verified certificate and the MQTT client
id of whoever connects. We let it in with the rights of its terminal, until its certificate ends, if the
register knows the certificate and the client id is its own; else it is refused and the attempt is told. Whose
certificate ends or is revoked later is cut off; so is who sends more than a terminal has to say.
"""

import contextlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from field_api.adapters.system_clock import wall_clock_ms
from gateway.access import Certificate, Claim, nats_permissions, refusal, terminal_rights
from gateway.security import Finding, Tally, Threat, finding
from gridcrew.broker_flood import PAGE, FloodWatch
from gridcrew.broker_line import Entrance, ServerLine
from gridcrew.broker_tokens import Question, Signer, Unreadable, read_question

log = logging.getLogger(__name__)

QUESTIONS: Final = "$SYS.REQ.USER.AUTH"
_COUNTS: Final = "_INBOX.gridcrew.counts"
TICK_S: Final = 1.0
PENALTY_S: Final = 60.0
LOOK_BACK_MS: Final = 600_000
"""What was revoked at an instant may be committed a little later."""
KEPT_CONNECTIONS: Final = 4
MAX_FINDINGS_BYTES: Final = 1_000_000
_RETRY_S: Final = 0.5


class Register(Protocol):
    """What is asked of the register of certificates."""

    def by_serial(self, serial: str) -> Certificate | None: ...

    def ended(self, after_ms: int, now_ms: int) -> tuple[Certificate, ...]: ...


class Doorkeeper:
    """A thread that answers nats-server's questions; ``stop`` ends it."""

    def __init__(
        self,
        entrance: Entrance,
        signer: Signer,
        register: Register,
        findings_file: Path,
        max_frames_per_s: float,
    ) -> None:
        """``max_frames_per_s``: of one connection, on average over ten seconds."""
        self._entrance = entrance
        self._signer = signer
        self._register = register
        self._findings_file = findings_file
        self._tally = Tally()
        self._inside: dict[str, deque[int]] = {}
        """Serial number → its newest connections."""
        self._terminals: dict[int, str] = {}
        self._banished: dict[str, float] = {}
        self._floods = FloodWatch(max_frames_per_s)
        self._looked_ms = wall_clock_ms()
        self._server = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doorkeeper", daemon=True)
        self.ready = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let go of the server."""
        self._stop.set()
        self._thread.join(2 * TICK_S)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with contextlib.closing(ServerLine(self._entrance)) as line:
                    self._server = line.server
                    line.subscribe(QUESTIONS)
                    line.subscribe(_COUNTS)
                    line.flush()
                    self.ready.set()
                    self._serve(line)
            except (OSError, ValueError) as problem:
                self.ready.clear()
                log.warning("doorkeeper: lost the server: %s", problem)
                self._stop.wait(_RETRY_S)

    def _serve(self, line: ServerLine) -> None:
        next_s = 0.0
        while not self._stop.is_set():
            message = line.receive(TICK_S)
            if message is not None:
                self._hear(line, *message)
            now_s = time.monotonic()
            if now_s >= next_s:
                next_s = now_s + TICK_S
                self._look_round(line, now_s)

    def _hear(self, line: ServerLine, subject: str, reply: str, body: bytes) -> None:
        if subject == _COUNTS:
            self._note_counts(line, body)
            return
        try:
            question = read_question(body)
        except Unreadable as problem:
            log.warning("doorkeeper: a question that cannot be read: %s", problem)
            return
        line.publish(reply, self._answer(question))

    def _answer(self, question: Question) -> bytes:
        now_ms = wall_clock_ms()
        claim = Claim(question.name, question.serial, question.client_id)
        try:
            known = self._register.by_serial(question.serial) if question.serial else None
        except SQLAlchemyError as problem:
            log.warning("doorkeeper: the register is away: %s", problem)
            return self._signer.refuse(question, "the register is away", now_ms // 1000)
        reason = refusal(claim, known, now_ms)
        if not reason and self._banished.get(question.name, 0.0) > time.monotonic():
            reason = "it sent too much and waits outside"
        if reason or known is None:
            self._tell(question, reason)
            return self._signer.refuse(question, reason, now_ms // 1000)
        self._inside.setdefault(known.serial, deque(maxlen=KEPT_CONNECTIONS)).append(question.connection)
        self._terminals[question.connection] = known.terminal
        rights = nats_permissions(terminal_rights(known.terminal))
        return self._signer.admit(question, rights, known.ends_ms // 1000, now_ms // 1000)

    def _tell(self, question: Question, reason: str) -> None:
        threat = Threat.CLIENT_ID if "client id" in reason else Threat.CERTIFICATE
        threat = Threat.FLOOD if "too much" in reason else threat
        words = (
            f"{reason}: certificate {question.name!r} as client {question.client_id!r} from {question.host}"
        )
        self._tally.add(finding(threat, question.name or question.host, words))

    def _look_round(self, line: ServerLine, now_s: float) -> None:
        """Cut off whose certificate ended, ask who sends how much, write down what was tried."""
        now_ms = wall_clock_ms()
        with contextlib.suppress(SQLAlchemyError):
            for ended in self._register.ended(self._looked_ms - LOOK_BACK_MS, now_ms):
                for connection in self._inside.pop(ended.serial, ()):
                    line.kick(connection)
            self._looked_ms = now_ms
        offset = self._floods.due(now_s)
        if offset is not None:
            line.ask_counts(_COUNTS, offset, PAGE)
        if len(self._tally):
            self._write_down(self._tally.take())

    def _note_counts(self, line: ServerLine, body: bytes) -> None:
        now_s = time.monotonic()
        for flood in self._floods.note(body, now_s):
            terminal = self._terminals.get(flood.connection)
            if terminal is not None:
                words = f"sent {flood.frames} frames in {flood.spell_s:.0f} s; cut off for {PENALTY_S:.0f} s"
                self._tally.add(finding(Threat.FLOOD, terminal, words))
                self._banished[terminal] = now_s + PENALTY_S
                line.kick(flood.connection)
        newest = {each for kept in self._inside.values() for each in kept}
        self._terminals = {key: name for key, name in self._terminals.items() if key in newest}

    def _write_down(self, findings: Iterable[Finding]) -> None:
        with contextlib.suppress(OSError):
            if self._findings_file.exists() and self._findings_file.stat().st_size > MAX_FINDINGS_BYTES:
                self._findings_file.replace(self._findings_file.with_suffix(".1"))
            with self._findings_file.open("a", encoding="utf-8") as file:
                for found in findings:
                    row = [found.threat, found.source, found.text, found.count]
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")

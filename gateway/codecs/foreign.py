"""What decoders of foreign frames share: exact numbers, times of many spellings, batches, evidence. Pure.

Foreign frames carry no (terminal, boot, seq): batches are numbered by a digest of what the frame says, and
evidence is named by who, what and when, so that two paths and replays of one message meet.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from telemetry.evidence import Evidence, EvidenceKind
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING, Quality, ReadingBatch

MAX_NUMBER_TEXT: Final = 40
MAX_POWER: Final = 15
"""Numbers beyond 10^±15 are no measurements."""
MAX_DEVICES: Final = 2_000
MAX_VALUES: Final = 20_000
MAX_PROBLEMS: Final = 20
DEFAULT_ZONE: Final = ZoneInfo("Asia/Shanghai")
_SECONDS_BELOW: Final = 100_000_000_000
"""An epoch number below it counts seconds (until the year 5138), above it milliseconds (from 1973)."""
_LAST_MS: Final = 4_102_444_800_000
_LARGEST: Final = 2**63 - 2
_ID: Final = re.compile(r"[^\x00-\x1f\x7f/]{1,64}")
_DIGITS: Final = re.compile(r"\d{1,20}")


class Unusable(ValueError):
    """This part cannot be used; the text says what was expected and what was found."""


def _exactly(text: str) -> Decimal:
    try:
        return Decimal(text) if len(text) <= MAX_NUMBER_TEXT else Decimal("NaN")
    except InvalidOperation:  # An exponent beyond all that Decimal holds.
        return Decimal("NaN")


_json = msgspec.json.Decoder(float_hook=_exactly)


def read_json(body: bytes) -> object:
    """The body's JSON with decimal fractions kept exact; raises Unusable, whatever the bytes are."""
    try:
        return _json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise Unusable(f"JSON: {problem}") from problem


def keyed(value: object, where: str) -> dict[str, object]:
    """An object whose keys have lost the blanks around them; raises Unusable."""
    if not isinstance(value, dict):
        raise Unusable(f"{where}: expected an object, found {type(value).__name__}")
    return {str(key).strip(): inner for key, inner in value.items()}


def listed(value: object, where: str, most: int = MAX_DEVICES) -> list[object]:
    """A list of limited length; raises Unusable."""
    if not isinstance(value, list):
        raise Unusable(f"{where}: expected a list, found {type(value).__name__}")
    if len(value) > most:
        raise Unusable(f"{where}: expected at most {most} entries, found {len(value)}")
    return value


def word(value: object) -> str:
    """Text or a whole number as text without blanks around it; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = value if isinstance(value, str) else str(value)
    return text.strip()[:256]


def identity(value: object, where: str) -> str:
    """An id given as text or number; raises Unusable."""
    text = word(value)
    if not _ID.fullmatch(text):
        raise Unusable(f"{where}: expected an id of 1 to 64 characters, found {text[:80]!r}")
    return text


def number(value: object) -> Decimal | None:
    """A number given as number or text, exactly; None for null and blank; raises Unusable."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        found = value if isinstance(value, Decimal) else Decimal(_number_text(value))
    except InvalidOperation:
        raise Unusable(f"expected a number, found {str(value)[:40]!r}") from None
    if not found.is_finite() or (found and abs(found.adjusted()) > MAX_POWER):
        raise Unusable(f"expected a number between 10^±{MAX_POWER}, found {str(value)[:40]!r}")
    return found


def _number_text(value: object) -> str:
    text = word(value)
    if not text or len(text) > MAX_NUMBER_TEXT or "_" in text:
        raise Unusable(f"expected a number, found {str(value)[:40]!r}")
    return text


def switched_on(value: object) -> bool | None:
    """Whether an alarm stands: 1, true, "on"; None where the value says neither."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int | Decimal) else ""
    if text in {"1", "1.0", "true", "on", "alarm", "动作", "告警"}:
        return True
    return False if text in {"0", "0.0", "false", "off", "normal", "复归", "正常"} else None


def instant_ms(value: object, zone: ZoneInfo) -> int | None:
    """Epoch milliseconds of a time in seconds, milliseconds, ISO-8601, or local text; None for no time.

    Text without a zone is meant in ``zone``. Raises Unusable for a time that cannot be.
    """
    text = str(value).strip() if isinstance(value, str | int | Decimal) else ""
    if not text or isinstance(value, bool):
        return None
    if _DIGITS.fullmatch(text):
        count = int(text)
        at_ms = count * 1000 if count < _SECONDS_BELOW else count
    else:
        at_ms = _text_ms(text, zone)
    if not 0 < at_ms < _LAST_MS:
        raise Unusable(f"timestamp: expected a time from 1970 to 2100, found {text[:40]!r}")
    return at_ms


def _text_ms(text: str, zone: ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text[:40].replace("/", "-"))
        local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        return round(local.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Unusable(f"timestamp: expected a time, found {text[:40]!r}") from None


@dataclass(slots=True)
class Found:
    """What a frame says so far; the limits are those of one frame."""

    values: dict[int, dict[str, dict[str, Decimal]]] = field(default_factory=dict)
    """instant → device → quantity → value."""
    facts: dict[tuple[EvidenceKind, int], dict[str, None]] = field(default_factory=dict)
    """(kind, instant) → devices, in order."""
    doubtful: set[tuple[int, str, str]] = field(default_factory=set)
    """(instant, device, quantity) that its source itself calls questionable."""
    suspect: set[int] = field(default_factory=set)
    """Instants that are the time of receipt for want of a better one."""
    problems: list[str] = field(default_factory=list)
    taken: int = 0

    def value(self, at_ms: int, device: str, quantity: str, value: Decimal) -> None:
        """A measured value; raises Unusable beyond the limit of one frame."""
        self.taken += 1
        if self.taken > MAX_VALUES:
            raise Unusable(f"expected at most {MAX_VALUES} values in one frame")
        self.values.setdefault(at_ms, {}).setdefault(device, {})[quantity] = value

    def fact(self, kind: EvidenceKind, at_ms: int, device: str) -> None:
        """A sign about supply."""
        self.facts.setdefault((kind, at_ms), {})[device] = None

    def note(self, problem: str) -> None:
        """Something that was left out; counted beyond the limit."""
        self.problems.append(problem[:300])

    def noted(self) -> tuple[str, ...]:
        """Limited for the record."""
        if len(self.problems) <= MAX_PROBLEMS:
            return tuple(self.problems)
        return (*self.problems[:MAX_PROBLEMS], f"and {len(self.problems) - MAX_PROBLEMS} more")


def evidence(found: Found, terminal: str, received_ms: int, prefix: str = "") -> tuple[Evidence, ...]:
    """The facts as evidence of ``terminal``: the same fact of the same devices has the same key."""
    return tuple(
        Evidence(
            kind=kind,
            at_ms=at_ms,
            received_ms=received_ms,
            source=terminal,
            devices=tuple(devices),
            key=f"{terminal}/{prefix}{kind}/{_together(tuple(devices))}/{at_ms}",
        )
        for (kind, at_ms), devices in found.facts.items()
    )


def _together(devices: tuple[str, ...]) -> str:
    if len(devices) == 1:
        return devices[0]
    return f"#{blake2b(chr(10).join(sorted(devices)).encode(), digest_size=12).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose batches: ``boot`` is the door's kind, ``digest`` names the frame."""

    terminal: str
    boot: str
    digest: int
    received_ms: int


def batches(found: Found, origin: Origin) -> tuple[ReadingBatch, ...]:
    """One batch per instant; values out of the catalogue's range are kept and marked."""
    made = []
    for part, (at_ms, devices) in enumerate(sorted(found.values.items())):
        names = tuple(sorted({name for values in devices.values() for name in values}))
        meters = tuple(devices)
        columns = [[devices[meter].get(name) for meter in meters] for name in names]
        scaled = [
            _scaled(column, CATALOGUE[name].decimals) for name, column in zip(names, columns, strict=True)
        ]
        doubts = _doubts(found, at_ms, meters, names, columns)
        made.append(
            ReadingBatch(
                terminal=origin.terminal,
                boot=origin.boot,
                seq=(origin.digest + part) & (2**63 - 1),
                at_ms=at_ms,
                received_ms=origin.received_ms,
                meters=meters,
                quantities=names,
                decimals=tuple(decimals for decimals, _ in scaled),
                scaled=np.array([whole for _, whole in scaled], dtype=np.int64).T.reshape(
                    len(meters), len(names)
                ),
                quality=Quality.CLOCK_SUSPECT if at_ms in found.suspect else Quality.GOOD,
                doubts=doubts if doubts.any() else None,
            )
        )
    return tuple(made)


def _scaled(column: Sequence[Decimal | None], least: int) -> tuple[int, list[int]]:
    """(decimals, whole numbers): as fine as the finest value, unless 64 bits do not hold that."""
    known = [value for value in column if value is not None]
    decimals = max(least, *(_decimals(value) for value in known)) if known else least
    largest = max((abs(value) for value in known), default=Decimal(0))
    while decimals > 0 and largest.scaleb(decimals) > _LARGEST:
        decimals -= 1
    return decimals, [
        MISSING if value is None else int(value.scaleb(decimals).to_integral_value(ROUND_HALF_EVEN))
        for value in column
    ]


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return min(-exponent, 18) if isinstance(exponent, int) and exponent < 0 else 0


def _doubts(
    found: Found,
    at_ms: int,
    meters: Sequence[str],
    names: Sequence[str],
    columns: Sequence[Sequence[Decimal | None]],
) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    doubts = np.zeros((len(meters), len(names)), np.uint8)
    for q, (name, column) in enumerate(zip(names, columns, strict=True)):
        low, high = CATALOGUE[name].low, CATALOGUE[name].high
        for m, value in enumerate(column):
            if value is not None and not low <= value <= high:
                doubts[m, q] |= Quality.OUT_OF_RANGE
                found.note(f"{name} of {meters[m]}: expected {low:g} to {high:g}, found {value}")
            if (at_ms, meters[m], name) in found.doubtful:
                doubts[m, q] |= Quality.ESTIMATED
    return doubts


def digest63(parts: Iterable[bytes]) -> int:
    """A number of 63 bits that names these bytes."""
    digest = blake2b(digest_size=8, person=b"gridcrew-batch")
    for part in parts:
        digest.update(len(part).to_bytes(4) + part)
    return int.from_bytes(digest.digest()) >> 1


@dataclass(frozen=True, slots=True)
class Signal:
    """What a foreign signal name means: ``quantity = value · factor`` of the catalogue."""

    quantity: str
    factor: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Signals:
    """One maker's names."""

    quantities: Mapping[str, Signal]
    alarms: Mapping[str, EvidenceKind]
    """Alarms that say something about supply."""
    named: Mapping[str, str]
    """Alarms that are understood and say nothing about supply; name → meaning."""
    ignored: frozenset[str] = frozenset()
    """Names that carry no measured value, such as a sensor's own code."""
    times: tuple[str, ...] = ("timestamp",)
    """Names of the instant within the data, the first that is there counts."""
    good: frozenset[str] = frozenset({"1"})
    """Values of ``quality`` (app bus) that leave no doubt."""


def no_terminal(_: str) -> bool:
    """``Meaning.is_terminal`` where no terminal is known."""
    return False


@dataclass(frozen=True, slots=True)
class Meaning:
    """What foreign frames of one source mean: names, zone, ids."""

    signals: Signals
    zone: ZoneInfo = DEFAULT_ZONE
    resolve: Callable[[str], str] = str
    """Foreign id → ours; an unknown one stays as it is."""
    is_terminal: Callable[[str], bool] = no_terminal
    """Whether an id is that of a terminal (then nobody else may speak for it)."""

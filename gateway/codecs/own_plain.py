"""Our own frames of readings in their usual form, a group at a time: what ``own.decode`` says, sooner.

A terminal repeats its head, its meters and its quantities byte for byte; only name, time and values change.
So what was understood once is recognised by comparing bytes, and the values of many frames are read in one
go. Whatever looks different in any way is left to ``own.decode``.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from gateway.codecs.own import (
    LAST_MS,
    ReadingsHead,
    Refused,
    Roster,
    frame_key,
    plain_table,
    roster_of,
    told,
)
from gateway.contract.topics import MAX_FRAME_BYTES, READINGS, parse
from gateway.frames import MQTT, Decoded, Frame
from telemetry.decimals import read_plain_each

GROUP_FRAMES: Final = 50
"""So many frames' texts and numbers stay in the processor's cache."""
MAX_TERMINALS: Final = 10_000
_LEAST_BYTES: Final = 2
"""A digit and a sign for each value."""
MAX_FORMS: Final = 4
"""Forms of its frames that are remembered of one terminal."""
MAX_FORMS_BYTES: Final = 64 * 1024 * 1024
"""Of all terminals; then it begins anew."""
_HEAD: Final = re.compile(
    rb"""\{ % "v" % : % 1 % , % "boot" % : % "([!#-.0-\[\]-~]{1,64})" % ,
    % "seq" % : % (0|[1-9][0-9]{0,17}) % , % "at" % : % (0|[1-9][0-9]{0,12}) % ,""".replace(
        b"%", rb"[\ \t\n\r]*"
    ),
    re.VERBOSE,
)
_VALUES: Final = re.compile(rb',[ \t\n\r]*"values"[ \t\n\r]*:[ \t\n\r]*(?=\[)')


class _RosterText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    meters: msgspec.Raw
    quantities: msgspec.Raw


_roster_text = msgspec.json.Decoder(_RosterText)


class _Form(NamedTuple):
    """The bytes between a frame's time and its values, and what they say."""

    text: bytes
    roster: Roster


class _Usual(NamedTuple):
    """A frame that looks as usual; its values are not read yet."""

    place: int
    terminal: str
    head: ReadingsHead
    roster: Roster
    values: memoryview


@dataclass(slots=True)
class PlainReadings:
    """Remembers the forms of frames by topic. Any thread: at worst a form is learnt twice."""

    _forms: dict[str, tuple[str, list[_Form]]] = field(default_factory=dict)
    """Topic → terminal, forms."""
    _held_bytes: int = 0

    def __call__(self, frames: Sequence[Frame]) -> list[Decoded | None]:
        """``own.decode`` of each frame, or None where that must be asked."""
        decoded: list[Decoded | None] = [None] * len(frames)
        usual = [found for place, frame in enumerate(frames) if (found := self._usual(place, frame))]
        for group in _alike(usual):
            columns = group[0].roster.columns.plain
            texts, rows = [one.values for one in group], [len(one.roster.meters) for one in group]
            for one, plain in zip(group, read_plain_each(texts, rows, columns), strict=True):
                if plain is not None:
                    frame = frames[one.place]
                    decoded[one.place] = told(frame, one.terminal, one.head, one.roster, plain_table(plain))
        return decoded

    def _usual(self, place: int, frame: Frame) -> _Usual | None:
        """The frame taken apart; None where its name or its form is not as usual."""
        body = frame.body
        head = _HEAD.match(body)
        if head is None or frame.door != MQTT or len(body) > MAX_FRAME_BYTES or body[-1:] != b"}":
            return None
        at_ms, known = int(head[3]), self._forms.get(frame.topic) or self._meet(frame.topic)
        if known is None or at_ms >= LAST_MS:
            return None
        terminal, forms = known
        form = _recognised(forms, body, head.end()) or self._learn(forms, body, head.end())
        if form is None:
            return None
        values = memoryview(body)[head.end() + len(form.text) : -1]
        if len(values) < _LEAST_BYTES * len(form.roster.meters) * form.roster.columns.given:
            return None
        boot, seq = head[1].decode("ascii"), int(head[2])
        named = ReadingsHead(frame_key(terminal, boot, seq), boot, seq, at_ms)
        return _Usual(place, terminal, named, form.roster, values)

    def _meet(self, topic: str) -> tuple[str, list[_Form]] | None:
        address = parse(topic)
        if address is None or address.channel != READINGS:
            return None
        return self._forms.setdefault(topic, (address.terminal, []))

    def _learn(self, forms: list[_Form], body: bytes, begin: int) -> _Form | None:
        form = _form_of(body, begin)
        if form is None:
            return None
        self._held_bytes += len(form.text)
        if self._held_bytes > MAX_FORMS_BYTES or len(self._forms) > MAX_TERMINALS:
            self._forms.clear()
            self._held_bytes = 0
        forms[:] = [form, *forms[: MAX_FORMS - 1]]
        return form


def _recognised(forms: Iterable[_Form], body: bytes, begin: int) -> _Form | None:
    for form in forms:
        if body.startswith(form.text, begin):
            return form
    return None


def _form_of(body: bytes, begin: int) -> _Form | None:
    """What stands between time and values, if it is one roster and nothing else."""
    values = _VALUES.search(body, begin)
    if values is None:
        return None
    try:
        raw = _roster_text.decode(b"{%s}" % body[begin : values.start()])
        roster = roster_of(bytes(raw.meters), bytes(raw.quantities))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Refused):
        return None
    return _Form(body[begin : values.end()], roster)


def _alike(usual: Iterable[_Usual]) -> Iterable[list[_Usual]]:
    """Neighbours with the same quantities, few at a time."""
    for _, same in groupby(usual, key=lambda one: id(one.roster.columns)):
        group = list(same)
        for start in range(0, len(group), GROUP_FRAMES):
            yield group[start : start + GROUP_FRAMES]

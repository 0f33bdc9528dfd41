"""Switch positions at any instant, folded from what was told: "who hung here at 03:12".

The position at an instant is the newest word that speaks of that instant or before, by the device's time,
whenever it was received: what was entered later and dated back counts. Order and repetition do not matter.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from geo.network import Network
from geo.standing import generator_id, spare_of
from telemetry.evidence import STANDING, Evidence, EvidenceKind
from telemetry.fold import FUTURE_MS, PAST_MS, SWITCHING
from telemetry.supply import Switches

MAX_WORDS: Final = 1_000
"""Words remembered of one thing; of more, the newest."""
KINDS: Final = SWITCHING | STANDING
"""Kinds of evidence that move supply."""
_CLOSED: Final = frozenset({EvidenceKind.SWITCH_CLOSED, EvidenceKind.JUMPER_ON, EvidenceKind.GENERATOR_ON})
_OF_GENERATORS: Final = frozenset({EvidenceKind.GENERATOR_ON, EvidenceKind.GENERATOR_OFF})


@dataclass(frozen=True, slots=True, order=True)
class SwitchWord:
    """Ordered by when it holds; of two of one instant "open" is the later."""

    at_ms: int
    open: bool
    received_ms: int
    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands that is not in its normal position."""

    element: str
    """Edge id, ``A~B`` (a jumper) or ``~A`` (a generator)."""
    closed: bool
    word: SwitchWord
    """The first that told of this position: since when."""


class SwitchHistory:
    """What was told of every switch, jumper and generator."""

    def __init__(self) -> None:
        self._words: dict[str, list[SwitchWord]] = {}

    def take(self, evidence: Iterable[Evidence]) -> None:
        """Take rows in, in any order; those of other kinds say nothing."""
        for row in evidence:
            if row.kind in KINDS:
                word = SwitchWord(
                    _instant_ms(row), row.kind not in _CLOSED, row.received_ms, row.source, row.key
                )
                for device in row.devices:
                    self._tell(generator_id(device) if row.kind in _OF_GENERATORS else device, word)

    def _tell(self, thing: str, word: SwitchWord) -> None:
        words = self._words.setdefault(thing, [])
        if word not in words:
            insort(words, word)
            del words[:-MAX_WORDS]

    def positions(self, network: Network, at_ms: int) -> tuple[Position, ...]:
        """What was not in its normal position then, by id; what this network does not know is left out."""
        newest: dict[str, tuple[SwitchWord, SwitchWord]] = {}
        # A copy: another thread may take evidence in meanwhile.
        for device, words in list(self._words.items()):
            place = bisect_right(words, at_ms, key=_at_ms)
            element = _element(network, device) if place else ""
            if element and (element not in newest or words[place - 1] > newest[element][0]):
                newest[element] = words[place - 1], _first_of_run(words, place - 1)
        found = (Position(element, not word.open, first) for element, (word, first) in sorted(newest.items()))
        return tuple(one for one in found if one.closed != _normally_closed(network, one.element))

    def switches(self, network: Network, at_ms: int) -> Switches:
        """The same as a revision keeps it."""
        return tuple((one.element, one.closed) for one in self.positions(network, at_ms))


def _first_of_run(words: Sequence[SwitchWord], place: int) -> SwitchWord:
    """What is told again moves nothing: a position stands since it was told first."""
    while place and words[place - 1].open == words[place].open:
        place -= 1
    return words[place]


def _at_ms(word: SwitchWord) -> int:
    return word.at_ms


def _element(network: Network, device: str) -> str:
    """The edge of a sensor, the edge itself, or a jumper or generator that can stand on this network."""
    sensor = network.sensor_row.get(device)
    if sensor is not None:
        return network.edges.ids[int(network.sensors.edge[sensor])]
    known = device in network.edge_row or spare_of(network, device) is not None
    return device if known else ""


def _normally_closed(network: Network, element: str) -> bool:
    row = network.edge_row.get(element)
    return row is not None and bool(network.edges.closed[row])


def _instant_ms(evidence: Evidence) -> int:
    """As the fold takes it: a device clock that cannot be right gives way to the time of receipt."""
    sane = -PAST_MS <= evidence.at_ms - evidence.received_ms <= FUTURE_MS
    return evidence.at_ms if sane else evidence.received_ms

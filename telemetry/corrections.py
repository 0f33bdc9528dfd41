"""What people of the company said about single elements and customers, and what it changes.

A correction is evidence like any other: the newest word about a thing holds, whatever the order of arrival,
so that a night replayed with its corrections comes to the same answer. It never becomes a fact of the
network; it moves what the inference is told.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from geo.network import ABSENT, Bool, Network
from geo.tree import EnergisedTree
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.observations import NEVER, Observations
from telemetry.scope import slice_below

MAX_WORDS: Final = 10_000
"""Words kept; of more, the newest stay."""
SOUND_HOLDS_MS: Final = 2 * 3_600_000
"""An element found sound may fail later: after this long the word is moot."""
MENDED_SHARE: Final = 0.5
"""An element found faulty is mended once this share of the meters below it lived after the word."""
_TOPIC: Final = {
    EvidenceKind.FOUND_FAULTY: "element",
    EvidenceKind.FOUND_SOUND: "element",
    EvidenceKind.CUSTOMER_OUT: "customer",
    EvidenceKind.CUSTOMER_ON: "customer",
    EvidenceKind.INVALID: "invalid",
}
Columns = dict[str, NDArray[Any]]
SAID: Final = frozenset(kind.value for kind in _TOPIC)
"""Names of the reasons that people give."""
MAX_TOLD: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """The newest word of a person about one thing; ordered by when it was said."""

    said_ms: int
    kind: str
    at_ms: int
    """As of when it holds."""
    by: str
    thing: str
    """Id of the element or customer."""


class Corrections:
    """The newest word about every element and customer; ``apply`` takes evidence in any order."""

    def __init__(self, words: Iterable[Word] = ()) -> None:
        self._newest: dict[tuple[str, str], Word] = {}
        for word in words:
            self._take(word)

    def __len__(self) -> int:
        return len(self._newest)

    def apply(self, evidence: Evidence) -> None:
        """Take one row of a correcting kind in."""
        for thing in evidence.devices:
            self._take(
                Word(evidence.received_ms, evidence.kind.value, evidence.at_ms, evidence.source, thing)
            )
        if len(self._newest) > 2 * MAX_WORDS:
            kept = sorted(self._newest.values())[-MAX_WORDS:]
            self._newest = {_key(word): word for word in kept}

    def _take(self, word: Word) -> None:
        before = self._newest.get(_key(word))
        if before is None or word > before:
            self._newest[_key(word)] = word

    def words(self) -> tuple[Word, ...]:
        """By when they were said."""
        return tuple(sorted(self._newest.values()))

    def saying(self, kind: EvidenceKind) -> dict[str, Word]:
        """Things of which the newest word is of this kind."""
        return {word.thing: word for word in self._newest.values() if word.kind == kind}

    def packed(self) -> bytes:
        """For a snapshot; ``unpacked`` reads it back."""
        return json.dumps([[w.said_ms, w.kind, w.at_ms, w.by, w.thing] for w in self.words()]).encode()

    @staticmethod
    def unpacked(body: bytes) -> "Corrections":
        """Raises ValueError for bytes that are none."""
        return Corrections(Word(*word) for word in json.loads(body or b"[]"))

    def applied(self, seen: Observations, network: Network, tree: EnergisedTree, now_ms: int) -> Observations:
        """What the inference is told instead of what the devices said; ``seen`` itself stays as it is."""
        if not self._newest:
            return seen
        changed: Columns = {
            "meter_off_ms": seen.meter_off_ms.copy(),
            "meter_alive_ms": seen.meter_alive_ms.copy(),
            "meter_silent_ms": seen.meter_silent_ms.copy(),
            "meter_call_ms": seen.meter_call_ms.copy(),
            "terminal_off_ms": seen.terminal_off_ms.copy(),
            "terminal_silent_ms": seen.terminal_silent_ms.copy(),
            "edge_open_ms": seen.edge_open_ms.copy(),
            "edge_sound": seen.edge_sound.copy(),
        }
        self._void(changed, network, tree)
        self._elements(changed, network, tree, now_ms)
        self._customers(changed, network)
        return replace(seen, **changed)

    def void_ms(self, network: Network, tree: EnergisedTree) -> NDArray[np.int64]:
        """[positions + 1] up to when signs there mean nothing; the last entry is that of no position."""
        void = np.full(len(tree) + 1, NEVER, np.int64)
        for element, word in self.saying(EvidenceKind.INVALID).items():
            part = slice_below(network, tree, element)
            void[part] = np.maximum(void[part], word.at_ms)
        return void

    def _void(self, changed: Columns, network: Network, tree: EnergisedTree) -> None:
        void = self.void_ms(network, tree)
        if (void == NEVER).all():
            return
        watched = network.terminals.edge
        fed = np.full(len(network.edges) + 1, ABSENT, np.int32)
        fed[tree.edge[tree.edge != ABSENT]] = np.flatnonzero(tree.edge != ABSENT)
        for prefix, until_ms in (
            ("meter_", void[tree.position[network.meters.node]]),
            ("terminal_", void[np.where(watched == ABSENT, ABSENT, fed[watched])]),
            ("edge_open", void[fed[:-1]]),
        ):
            for name, cells in changed.items():
                if name.startswith(prefix) and not name.endswith("alive_ms"):
                    cells[cells <= until_ms] = NEVER

    def _elements(self, changed: Columns, network: Network, tree: EnergisedTree, now_ms: int) -> None:
        """A faulty element is an interruption there since then; a sound one is none."""
        alive_ms = changed["meter_alive_ms"]
        for element, word in self.saying(EvidenceKind.FOUND_FAULTY).items():
            row = network.edge_row.get(element)
            if row is not None and not _mended(network, tree, element, alive_ms, word.said_ms):
                changed["edge_open_ms"][row] = word.at_ms
        for element, word in self.saying(EvidenceKind.FOUND_SOUND).items():
            row = network.edge_row.get(element)
            if row is not None and now_ms - word.said_ms < SOUND_HOLDS_MS:
                changed["edge_sound"][row] = True
                changed["edge_open_ms"][row] = NEVER

    def _customers(self, changed: Columns, network: Network) -> None:
        for kind, name in (
            (EvidenceKind.CUSTOMER_OUT, "meter_call_ms"),
            (EvidenceKind.CUSTOMER_ON, "meter_alive_ms"),
        ):
            said = self.saying(kind)
            rows = [network.customer_row[thing] for thing in said if thing in network.customer_row]
            for row in rows:
                meters = network.meters.customer == row
                at_ms = said[network.customers.ids[row]].at_ms
                changed[name][meters] = np.maximum(changed[name][meters], at_ms)

    def invalidates(self, network: Network, tree: EnergisedTree, part: slice, onset_ms: int) -> bool:
        """Whether a person said of a whole part that nothing was lost there then."""
        if part.start >= part.stop or not self.saying(EvidenceKind.INVALID):
            return False
        return bool((self.void_ms(network, tree)[part] >= onset_ms).all())

    def reasons(self, network: Network, tree: EnergisedTree, part: slice, onset_ms: int) -> tuple[str, ...]:
        """``kind=thing`` of every word that speaks of a part of the tree and holds for that onset."""
        found = []
        for word in self.words():
            near = word.said_ms >= onset_ms and self._lies_in(word, network, tree, part)
            if near:
                found.append(f"{word.kind}={word.thing}")
        return tuple(found[-MAX_TOLD:])

    def _lies_in(self, word: Word, network: Network, tree: EnergisedTree, part: slice) -> bool:
        if _TOPIC[EvidenceKind(word.kind)] == "customer":
            row = network.customer_row.get(word.thing)
            if row is None:
                return False
            at = tree.position[network.meters.node[network.meters.customer == row]]
            return bool(((at >= part.start) & (at < part.stop)).any())
        own = slice_below(network, tree, word.thing)
        return bool(own.start < own.stop and own.start < part.stop and part.start < own.stop)

    def told(self, network: Network, kind: EvidenceKind, since_ms: int) -> Bool:
        """[customers] of whom the newest word is this, as of then or later."""
        rows = np.zeros(len(network.customers), np.bool_)
        for customer, word in self.saying(kind).items():
            row = network.customer_row.get(customer)
            if row is not None and word.at_ms >= since_ms:
                rows[row] = True
        return rows


def _mended(
    network: Network, tree: EnergisedTree, element: str, alive_ms: NDArray[np.int64], since_ms: int
) -> bool:
    part = slice_below(network, tree, element)
    position = tree.position[network.meters.node]
    below = (position >= part.start) & (position < part.stop)
    return bool(below.any() and (alive_ms[below] > since_ms).mean() >= MENDED_SHARE)


def _key(word: Word) -> tuple[str, str]:
    return _TOPIC[EvidenceKind(word.kind)], word.thing

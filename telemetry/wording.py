"""An explanation as sentences a dispatcher reads, in Chinese or English, from data templates.

Templates are a nested table (``telemetry/sentences.toml``): section → name → language → text with braces.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telemetry.customer_evidence import CustomerEvidence
from telemetry.explanation import Explanation
from telemetry.outages import OPEN_STATES, OutageRevision

LANGUAGES: Final = ("zh", "en")
MAX_ALTERNATIVES: Final = 5
MAX_PINGS: Final = 12
SIGNS: Final = (
    "last_gasps", "alive_after", "returned", "silent", "calls", "terminal_off", "terminal_alive",
    "terminal_silent", "switch_open", "fault_passage", "phases_lost", "one_phase_missing", "rule", "planned",
    "overrun_at", "returned_at",
)  # fmt: skip
_INSTANTS: Final = ("off", "alive", "silent", "call")


@dataclass(frozen=True, slots=True)
class Sentence:
    """``section`` is one of verdict, sign, said, owner, blocked, alternative, settle, ping."""

    section: str
    text: str


@dataclass(frozen=True, slots=True)
class Wording:
    """One language of the templates; ``clock`` turns epoch milliseconds into a clock face of the site."""

    templates: Mapping[str, Any]
    language: str
    clock: Callable[[int], str]

    def sentences(self, explanation: Explanation, revision: OutageRevision) -> tuple[Sentence, ...]:
        """Why, what else was possible, what would settle it, what was asked, what people said."""
        return tuple(
            Sentence(section, text)
            for section, texts in (
                ("verdict", self._verdict(explanation, revision)),
                ("sign", self._signs(explanation)),
                ("said", self._said(explanation)),
                ("owner", self._owner(explanation.owner_side)),
                ("blocked", self._blocked(explanation)),
                ("alternative", self._alternatives(explanation)),
                ("settle", self._settling(explanation)),
                ("ping", self._pings(explanation)),
            )
            for text in texts
        )

    def customer(self, found: CustomerEvidence) -> str:
        """One customer's reason and evidence."""
        verdict = self._say(
            f"customer.{found.verdict}",
            customer=found.customer, out=percent(found.out), place=percent(found.place),
        )  # fmt: skip
        instants = {name: getattr(found, f"{name}_ms") for name in _INSTANTS}
        told = [
            self._say(f"customer.{name}", instant=self.clock(at_ms))
            for name, at_ms in instants.items()
            if at_ms is not None
        ]
        return self._joined([verdict, *(told or [self._say("customer.nothing")])])

    def no_customer(self, customer: str) -> str:
        """Of somebody who is not in scope."""
        return self._say("customer.unknown", customer=customer)

    def advice(self, owner_side: str) -> str:
        """What the owner of a fault beyond the boundary is told; '' where it is not."""
        return " ".join(self._owner(owner_side))

    def kind(self, kind: str) -> str:
        """An element's kind."""
        known: Mapping[str, Any] = self.templates["kind"]
        return str(known[kind][self.language]) if kind in known else kind

    def _verdict(self, explanation: Explanation, revision: OutageRevision) -> Iterator[str]:
        name = f"verdict.{revision.state.value}"
        yield self._say(
            f"{name}_phases" if revision.phases and revision.state in OPEN_STATES else name,
            kind=self.kind(revision.cause.kind), element=revision.cause.element, phases=revision.phases,
            probability=percent(revision.probability), dead=percent(explanation.dead),
        )  # fmt: skip
        if len(explanation.elements) > 1:
            named = [f"{each.element} {percent(each.probability)}" for each in explanation.elements]
            yield self._say("verdict.class", elements=self._list(named))

    def _signs(self, explanation: Explanation) -> Iterator[str]:
        for name in SIGNS:
            value = explanation.signs.get(name)
            if value is None:
                continue
            if name.endswith("_at"):
                yield self._say(f"sign.{name}", instant=self.clock(int(value)))
            else:
                exact = f"{name}_{value}"
                known = exact in self.templates["sign"] and self.language in self.templates["sign"][exact]
                yield self._say(f"sign.{exact if known else name}", value=value)

    def _said(self, explanation: Explanation) -> Iterator[str]:
        for word in explanation.said:
            yield self._say(
                f"said.{word.kind}", instant=self.clock(word.said_ms), by=word.by, thing=word.thing
            )

    def _owner(self, owner_side: str) -> Iterator[str]:
        reason, _, element = owner_side.partition("=")
        if reason:
            yield self._say(f"owner.{reason}", element=element)

    def _blocked(self, explanation: Explanation) -> Iterator[str]:
        if explanation.blocked:
            yield self._say("blocked.line", terminals=self._list(explanation.blocked))

    def _alternatives(self, explanation: Explanation) -> Iterator[str]:
        shown = explanation.alternatives[:MAX_ALTERNATIVES]
        for other in shown:
            name = "alternative.line" if other.element else "alternative.nothing"
            yield self._say(
                name, kind=self.kind(other.kind), element=other.element,
                probability=percent(other.probability), customers=other.customers, more=other.more,
                fewer=other.fewer,
            )  # fmt: skip
        if not shown:
            yield self._say("alternative.none")

    def _settling(self, explanation: Explanation) -> Iterator[str]:
        meters = [each.meter for each in explanation.settling]
        yield self._say("settle.line", meters=self._list(meters)) if meters else self._say("settle.none")

    def _pings(self, explanation: Explanation) -> Iterator[str]:
        for ping in explanation.pings[-MAX_PINGS:]:
            yield self._say(
                "ping.line", instant=self.clock(ping.asked_ms), meter=ping.meter,
                reason=self._say(f"ping.reason.{ping.reason}"),
                outcome=self._say(f"ping.outcome.{ping.outcome}"),
            )  # fmt: skip

    def _say(self, name: str, **filled: object) -> str:
        found: Any = self.templates
        for part in name.split("."):
            found = found[part]
        return str(found[self.language]).format(**filled)

    def _list(self, things: Sequence[str]) -> str:
        return ("、" if self.language == "zh" else ", ").join(things)

    def _joined(self, texts: Sequence[str]) -> str:
        return ("" if self.language == "zh" else " ").join(texts)


def percent(share: float) -> str:
    """A probability that never rounds doubt away: .9996 is ``99.9 %``, only 1 is ``100 %``."""
    if share >= 1:
        return "100%"
    if share >= 0.99:
        return f"{int(share * 1000) / 10:.1f}%"
    return f"{share * 100:.1f}%" if share < 0.01 else f"{int(share * 100)}%"

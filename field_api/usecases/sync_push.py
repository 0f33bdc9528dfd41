"""Operations that a phone made, answered one by one in their turn; asked again, each gets the answer it got.

What was done keeps its answer with the doing (``Operations``). What was refused is kept here, under its
content: a repetition that came too late must not do what the person was told had failed. Only what is
nobody's word on the matter (we failed, are full, or what comes before it is not here yet) is not kept: the
phone shall send it again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from field_api.people.users import User
from field_api.ports import Answered, Desk, DeskSession

KEEP_OPERATIONS_MS: Final = 30 * 24 * 3_600_000
"""So long answers are kept; what was done earlier waits for nothing: nobody knows any more if that came."""
TOO_EARLY: Final = 425
"""The status of what waits for another operation (RFC 8470)."""
_FINAL_BELOW: Final = 500
_NOT_FINAL: Final = frozenset({TOO_EARLY, 429})


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    document: str
    """JSON: the thing as it is afterwards, or by language the problem; null: there is nothing to tell."""
    waits_for: tuple[str, ...] = ()
    """Ids of the operations that must be answered first; it was not even tried."""

    @property
    def is_done(self) -> bool:
        """Did it take effect?"""
        return self.status < 300

    @property
    def is_final(self) -> bool:
        """Would asking again change nothing?"""
        return self.status < _FINAL_BELOW and self.status not in _NOT_FINAL


@dataclass(frozen=True, slots=True)
class Told:
    """One operation as far as its turn and its repetition depend on it."""

    id: str
    """'' where it has none that could be read: such a one is refused each time."""
    digest: str
    """Of all that it says."""
    lane: str = ""
    """The order that it steps; '' for what no step waits for without being asked to."""
    after: tuple[str, ...] | None = None
    """Ids of what must be answered before it, by the phone's word; None: the phone does not tell."""
    is_kept: bool = True
    """Does its doing keep the answer under its id?"""


def chained(told: Sequence[Told]) -> tuple[Told, ...]:
    """Each comes after what stands before it in its lane, where the phone does not say what comes when there.

    A repetition in the same push stands where the first one does.
    """
    spoken_for = {one.lane for one in told if one.after is not None}
    last: dict[str, str] = {}
    turns: dict[str, tuple[str, ...]] = {}
    for one in told:
        if one.id and one.id not in turns and one.lane and one.lane not in spoken_for:
            turns[one.id] = (last[one.lane],) if one.lane in last else ()
            last[one.lane] = one.id
    return tuple(one if one.after is not None else replace(one, after=turns.get(one.id, ())) for one in told)


def in_turn(told: Sequence[Told]) -> tuple[int, ...]:
    """Places in ``told`` in an order in which each follows what it comes after; else as they stand.

    What waits for each other in a circle is left as it stands, and will be told to wait.
    """
    places: dict[str, int] = {}
    for place, one in enumerate(told):
        places.setdefault(one.id, place)
    turn: dict[int, None] = {}
    seen: set[int] = set()

    def follow(place: int) -> None:
        if place not in seen:
            seen.add(place)
            for before in told[place].after or ():
                if before in places:
                    follow(places[before])
            turn[place] = None

    for place in range(len(told)):
        follow(place)
    return tuple(turn)


@dataclass(frozen=True, slots=True)
class AnswerOnce:
    desk: Desk

    def __call__(
        self,
        user: User,
        told: Told,
        answer: Callable[[], Outcome],
        now_ms: int,
    ) -> Outcome:
        """The first answer that this content got under this id; ``TOO_EARLY`` until its turn has come."""
        with self.desk.reading() as session:
            before = session.operations.answered(user.id, _refusal(told))
            if before is not None:
                return _outcome(before)
            is_over = _is_over(session, user, told.id)
            before_it = () if is_over else told.after or ()
            missing = tuple(one for one in before_it if not _is_over(session, user, one))
        if missing:
            return Outcome(TOO_EARLY, "null", missing)
        outcome = answer()
        if not outcome.is_final or (outcome.is_done and (told.is_kept or is_over)):
            return outcome
        return self._kept(user, told, outcome, now_ms)

    def _kept(self, user: User, told: Told, outcome: Outcome, now_ms: int) -> Outcome:
        with self.desk.writing() as session:
            before = session.operations.answered(user.id, _refusal(told))
            if before is not None:
                return _outcome(before)
            if not outcome.is_done:
                answered = Answered(str(outcome.status), outcome.document)
                session.operations.keep(user.id, _refusal(told), now_ms, answered)
            if not _is_over(session, user, told.id):
                session.operations.keep(user.id, _over(told.id), now_ms, Answered(told.digest, "null"))
        return outcome


def _is_over(session: DeskSession, user: User, operation_id: str) -> bool:
    """Was that operation of this person answered for good?"""
    keys = (operation_id, _over(operation_id))
    return any(session.operations.answered(user.id, key) is not None for key in keys)


def _refusal(told: Told) -> str:
    # Of the content too: the same id for something else must not find this answer.
    return f"refused/{told.id}/{told.digest[:20]}"


def _over(operation_id: str) -> str:
    return f"over/{operation_id}"


def _outcome(kept: Answered) -> Outcome:
    return Outcome(int(kept.digest), kept.document)

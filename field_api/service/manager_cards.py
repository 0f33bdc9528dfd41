"""Cards of grid managers from which a customer picks: what they did, how it was liked, their load (CUS-01).

Nobody who carries as much as a person may is offered; of the others the best liked come first. Few ratings
say little, so they are drawn to the middle of the scale.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.service.ratings import BEST, WORST

MAX_OPEN: Final = 15
"""Open orders of one manager from which on none may pick them. A working figure; no source states one."""
_MIDDLE: Final = (BEST + WORST) / 2
_WEIGHT: Final = 5
"""The middle counts as so many ratings."""


@dataclass(frozen=True, slots=True)
class ManagerCard:
    person_id: str
    name: str
    closed: int
    """Orders that they answered for, closed in the time looked at."""
    open: int
    ratings: tuple[float, ...]

    @property
    def satisfaction(self) -> float | None:
        """The mean of their ratings, 1 to 5; None while there is none."""
        return sum(self.ratings) / len(self.ratings) if self.ratings else None

    @property
    def standing(self) -> float:
        """The mean, drawn to the middle the more the fewer ratings there are."""
        return (sum(self.ratings) + _WEIGHT * _MIDDLE) / (len(self.ratings) + _WEIGHT)


def offered(cards: Iterable[ManagerCard], max_open: int = MAX_OPEN) -> Sequence[ManagerCard]:
    """Whom a customer may pick, best first; of equals who carries less, then by id."""
    free = [card for card in cards if card.open < max_open]
    return sorted(free, key=lambda card: (-card.standing, card.open, card.person_id))

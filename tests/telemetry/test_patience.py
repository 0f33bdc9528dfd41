"""Work that steps back takes at most its share of the time."""

from hypothesis import given
from hypothesis import strategies as st

from telemetry.patience import SHARE, Patience


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50))
def test_it_takes_its_share_and_no_more(takes_ms: list[int]) -> None:
    patience, now_ms, spent_ms = Patience(), 1_000_000, 0
    began_ms = now_ms
    for takes in takes_ms:
        while not patience.may(now_ms):
            now_ms += 1
        spent_ms += takes
        patience.had(now_ms, now_ms + takes)
        now_ms += takes
    last_ms = SHARE * takes_ms[-1]
    assert now_ms + last_ms - began_ms == (1 + SHARE) * spent_ms

"""Lines of one kind are held back together; none of what they count is forgotten."""

import logging

import pytest

from gateway.adapters.seldom import EVERY_S, Seldom

log = logging.getLogger(__name__)


def test_the_first_at_once_the_others_together(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [0.0]
    lines = Seldom(log, logging.WARNING, "%d frames, first: %s", lambda: now_s[0])
    for number in range(1_000):
        lines.tell(1, f"problem {number}")
    lines.rest()
    assert caplog.messages == ["1 frames, first: problem 0"]
    now_s[0] += EVERY_S
    lines.rest()
    lines.tell(2, "later")
    now_s[0] += EVERY_S
    lines.tell(0, "nothing")
    lines.rest()
    assert caplog.messages[1:] == ["999 frames, first: problem 1", "2 frames, first: later"]

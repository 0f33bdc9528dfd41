"""Who is expected to speak, and who is believed."""

import pytest

from gateway.registry import ApproveRule, Registry, first_approval, held_back
from telemetry.devices import Approval


@pytest.mark.parametrize(
    ("rule", "listed", "approval"),
    [
        ("all", False, Approval.APPROVED),
        ("all", True, Approval.APPROVED),
        ("listed", True, Approval.APPROVED),
        ("listed", False, Approval.PENDING),
        ("none", True, Approval.PENDING),
        ("none", False, Approval.PENDING),
    ],
)
def test_first_contact(rule: ApproveRule, listed: bool, approval: Approval) -> None:
    found, decided_by = first_approval(rule, listed=listed)
    assert found is approval
    assert bool(decided_by) == (approval is Approval.APPROVED)


def test_only_the_approved_are_taken() -> None:
    assert not held_back("T1", Approval.APPROVED)
    assert "T1 is pending" in held_back("T1", Approval.PENDING)
    assert "T1 is blocked" in held_back("T1", Approval.BLOCKED)


def test_silence_is_noticed_once_and_only_of_whom_we_expect() -> None:
    registry = Registry(10)
    registry.expect(["a", "b", "c"], 0)
    registry.dismiss(["c"])
    registry.expect(["b"], 8)
    assert registry.overdue(10) == ()
    assert registry.overdue(10.1) == ("a",)
    assert registry.overdue(11) == ()
    registry.restart(18.5)
    assert registry.overdue(28) == ()
    assert registry.overdue(29) == ("b",)

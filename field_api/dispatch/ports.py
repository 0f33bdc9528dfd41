"""What the dispatcher asks of the desk's stores."""

from typing import Protocol


class DispatchPlans(Protocol):
    """The newest plans of the crews' work, as JSON of ``dispatch_document.DispatchPlanResource``."""

    def newest(self) -> str | None:
        """None before the first."""

    def expected_ms(self, outage_id: str) -> int | None:
        """When the newest plan computes supply to be back; None where it computes nothing."""

    def put(self, number: int, at_ms: int, document: str) -> bool:
        """Keep a plan if its number follows the newest; False: another worker was faster."""

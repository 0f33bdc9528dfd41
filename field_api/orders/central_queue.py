"""Where a case is worked on: at its grid cell, or from 10 kV on in one central queue (ORG-12)."""

import math
from enum import StrEnum
from typing import Final

CENTRAL_FROM_KV: Final = 10.0
"""Where the site's profile says nothing else (``central_from_kv``)."""


class Queue(StrEnum):
    CELL = "cell"
    """With the grid cell's people, as everything below 10 kV and all of unknown voltage."""
    CENTRAL = "central"
    """In one queue for the whole company."""
    ABOVE = "above"
    """Beyond the company's own authority: for the company above it."""


def queue_of(voltage_kv: float, authority_kv: float, central_from_kv: float = CENTRAL_FROM_KV) -> Queue:
    """By the voltage of the case; ``authority_kv`` is the highest that the company itself decides on."""
    if math.isnan(voltage_kv) or voltage_kv < central_from_kv:
        return Queue.CELL
    return Queue.CENTRAL if voltage_kv <= authority_kv else Queue.ABOVE

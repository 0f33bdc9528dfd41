"""The calibration that ships: what P(a customer is out) has proved to be worth in simulated nights.

Fitted by ``python -m benchmarks.fit_calibration`` on nights of other seeds than any result is measured on, at
the failure rates of those nights. A site with confirmed outages of its own fits it to these.
"""

import tomllib
from functools import cache
from pathlib import Path

Knots = tuple[tuple[float, float], ...]
"""(said, came true), both ascending."""

_FILE = Path(__file__).parent / "calibration.toml"


@cache
def shipped() -> Knots:
    """The knots of ``calibration.toml``."""
    knots = tomllib.loads(_FILE.read_text(encoding="utf-8"))["knots"]
    return tuple((float(said), float(came_true)) for said, came_true in knots)

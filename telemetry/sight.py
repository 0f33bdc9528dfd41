"""What one evaluation of one source's area looks at, and what it is believed to mean."""

from dataclasses import dataclass

from telemetry.inference import Posterior
from telemetry.news import Rows
from telemetry.phase_explanation import PhaseSight
from telemetry.signs import Scene


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """Positions and rows are those of the area; ``rows`` leads back to the whole network."""

    number: int
    """Of the area (``geo.source_areas``)."""
    rows: Rows
    """Row in the whole network by row in the area."""
    scene: Scene
    posterior: Posterior
    phases: PhaseSight | None = None
    """What was seen of single phases, where something hinted at a missing one."""

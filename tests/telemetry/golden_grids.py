"""Networks of the golden nights by name, each made once."""

from dataclasses import replace
from functools import cache

from benchmarks.accuracy.grids import Grid, load
from geo.fingerprint import content_hash
from geo.network import Network
from tests.telemetry.nights import FEEDER
from tests.telemetry.phase_nights import PHASED


@cache
def grid(name: str) -> Network:
    """``feeder``, ``phased feeder``, or ``simbench CODE`` (loaded from its package at run time)."""
    if name == "feeder":
        return FEEDER
    if name == "phased feeder":
        return replace(PHASED, content_hash=content_hash(PHASED))
    package, _, code = name.partition(" ")
    return load(Grid(package, code))

"""Outages as chains of revisions, read from the outage log."""

from collections.abc import Callable, Iterator

from telemetry.outages import OPEN_STATES, REAL_STATES, OutageRevision
from telemetry.ports import OutageLog

Chain = tuple[OutageRevision, ...]
"""Revisions of one outage, oldest first."""


def chains(log: OutageLog) -> Iterator[Chain]:
    """Every outage so far, newest start first."""
    return (chain_of(log, head.revision.outage_id) for head in log.current(open_only=False))


def open_spells(
    log: OutageLog, wanted: Callable[[OutageRevision], bool]
) -> Iterator[tuple[OutageRevision, Chain]]:
    """Of every real outage whose newest revision is wanted: that revision, and those that held it open."""
    for head in log.current(open_only=False):
        newest = head.revision
        if newest.state in REAL_STATES and wanted(newest):
            held = tuple(one for one in chain_of(log, newest.outage_id) if one.state in OPEN_STATES)
            if held:
                yield newest, held


def chain_of(log: OutageLog, outage_id: str) -> Chain:
    return tuple(logged.revision for logged in log.revisions(outage_id))

"""Answers about a grid as documents: the same for the command line and the API.

Edges come with kind, phases and switch state; people as a count of all and the ids of those that the asker
may see, at most ``MAX_IDS``.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from geo.back_feeds import BackFeed
from geo.following import Trace
from geo.isolation import Isolation
from geo.live_grid import LiveGrid
from geo.loading import Loading, diversity
from geo.network import Int32
from geo.restoration import CHECK_FIRST, Restoration, Step
from geo.tracing import Element
from geo.what_if import Consequence

MAX_IDS: Final = 500
MAX_EDGES: Final = 2_000
Document = dict[str, Any]


def everybody(customers: Int32) -> Int32:
    """Whom somebody may see who may see all."""
    return customers


@dataclass(frozen=True, slots=True, eq=False)
class Telling:
    """About one grid, to one person; ``seen`` keeps of rows of customers those that they may see."""

    grid: LiveGrid
    seen: Callable[[Int32], Int32] = everybody
    max_ids: int = MAX_IDS

    def people(self, customers: Int32) -> Document:
        """How many, and who of the visible ones."""
        visible = self.seen(customers)[: self.max_ids]
        ids = self.grid.network.customers.ids
        return {"customers": len(customers), "customer_ids": [ids[row] for row in visible.tolist()]}

    def edges(self, rows: Int32) -> list[Document]:
        """At most ``MAX_EDGES``."""
        return [asdict(self.grid.edge(row)) for row in rows[:MAX_EDGES].tolist()]

    def ids(self, rows: Int32) -> list[str]:
        """Ids of edges."""
        return [self.grid.network.edges.ids[row] for row in rows[:MAX_EDGES].tolist()]

    def nodes(self, rows: Int32) -> list[str]:
        """Ids of nodes."""
        return [self.grid.network.nodes.ids[row] for row in rows[:MAX_EDGES].tolist()]

    def head(self, element: Element) -> Document:
        """What was asked about."""
        return {
            "element": element.id,
            "type": element.type,
            "network_hash": self.grid.network.content_hash,
            "switches": [{"element": each, "closed": closed} for each, closed in self.grid.switches],
        }

    def trace(self, element: Element, direction: str, trace: Trace) -> Document:
        """``direction`` up, down, connected or path."""
        more = max(len(trace.edges) - MAX_EDGES, 0)
        return self.head(element) | {
            "direction": direction,
            "edges": self.edges(trace.edges),
            "nodes": self.nodes(trace.nodes),
            "more": more,
            "stopped_at": self.edges(trace.stopped_at),
            "on_loop": trace.on_loop,
            **self.people(trace.customers),
        }

    def isolation(self, element: Element, found: Isolation) -> Document:
        """What to open, and whom that costs supply."""
        told = zip(self.edges(found.opened), found.feeding.tolist(), strict=False)
        return self.head(element) | {
            "possible": found.possible,
            "sources_inside": self.nodes(found.sources),
            "open": [edge | {"feeds": feeds} for edge, feeds in told],
            "keep_open": self.edges(found.keep_open),
            "fuses": self.edges(found.fuses),
            "in_zone": len(found.in_zone),
            "back_feeds": self.back_feeds(found.back_feeds),
            **self.people(found.lost),
        }

    def restoration(self, element: Element, found: Restoration) -> Document:
        """Isolation, then the check, then what to open and close in order."""
        return {
            "isolation": self.isolation(element, found.isolation),
            "check": CHECK_FIRST,
            "check_zh": "合闸前先核查反送电",
            "back_feeds": self.back_feeds(found.back_feeds),
            "loads": asdict(found.loads) | {"diversity": diversity()},
            "steps": [self._step(step) for step in found.steps],
            "left": self.people(found.left),
        }

    def _step(self, step: Step) -> Document:
        fits = {True: "yes", False: "no", None: "unknown"}[step.fits]
        return {
            "open": self.edges(step.opened),
            "close": asdict(self.grid.edge(step.edge)),
            "after_steps": [number + 1 for number in step.needs],
            "load_kva": round(step.load_kva, 3) if step.load_known else None,
            "load_from": asdict(step.sources),
            "fits": fits,
            "loading": None if step.loading is None else self._loading(step.loading),
            "others": self.ids(step.others),
            **self.people(step.customers),
        }

    def _loading(self, loading: Loading) -> Document:
        return {
            "element": self.grid.network.edges.ids[loading.edge],
            "rating_kva": round(loading.rating_kva, 3),
            "before_kva": round(loading.before_kva, 3),
            "after_kva": round(loading.after_kva, 3),
        }

    def back_feeds(self, found: tuple[BackFeed, ...]) -> list[Document]:
        """Known sources; customers only where the asker may see them, others without their name."""
        rows = self.grid.network.customer_row
        shown = []
        for feed in found[: self.max_ids]:
            row = rows.get(feed.id)
            visible = row is None or len(self.seen(_only(row))) > 0
            shown.append(asdict(feed) if visible else {"kind": feed.kind, "id": "", "told": ""})
        return shown

    def consequence(self, found: Consequence) -> Document:
        """Who loses, who gains, who is fed otherwise, which loops arise; ``grid`` is that afterwards."""
        return {
            "network_hash": self.grid.network.content_hash,
            "open": self.edges(found.opened),
            "close": self.edges(found.closed),
            "loses": self.people(found.lost),
            "gains": self.people(found.gained),
            "moves": [
                {"from_feeder": moved.before, "to_feeder": moved.after, **self.people(moved.customers)}
                for moved in found.moved
            ],
            "loops": [
                {
                    "closing": self.grid.network.edges.ids[loop.closing],
                    "joins_sources": loop.joins_sources,
                    "edges": self.ids(loop.edges),
                }
                for loop in found.loops[: self.max_ids]
            ],
            "on_generators": self.people(found.on_generators),
            "back_feeds": self.back_feeds(found.back_feeds),
        }


def _only(row: int) -> Int32:
    return np.array([row], np.int32)

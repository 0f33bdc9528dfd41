"""Small problems of dispatch to plan, and the best plan by trying everything."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from typing import Any, Final

import numpy as np

from field_api.adapters.dispatch_files import dispatch_policy
from field_api.dispatch.kernels import Lists
from field_api.dispatch.policy import Policy
from field_api.dispatch.problem import Hand, Job, Problem
from field_api.dispatch.search import Found, cost_of
from field_api.dispatch.turns import settle
from geo.travel import TravelModel

NOW_MS: Final = 1_795_300_000_000
MINUTE_MS: Final = 60_000
NOWHERE_TO_GO: Final = TravelModel(1.0, 0.0, 0.0, {"urban": 1e12})
"""Everything is next door."""
STRAIGHT: Final = TravelModel(1.0, 0.0, 30.0, {"urban": 60.0})
"""A kilometre a minute, as the crow flies."""


def policy(**changes: Any) -> Policy:
    """The shipped figures with some others."""
    return replace(dispatch_policy(), **changes)


PLAIN: Final = policy(
    importance={}, late={"normal": 0.0}, waiting=0.0, other_cell=0.0, change=0.0, driven=0.0, worthwhile=0.0
)
"""Customer-minutes and nothing else."""


def job(name: str, **changes: Any) -> Job:
    """A repair of half an hour that one customer waits for."""
    usual: dict[str, Any] = {
        "lon": 116.0, "lat": 39.0, "cell": "G1", "area": "urban", "minutes": 30.0, "crew": "",
        "customers_out": 1,
    }  # fmt: skip
    return Job(name, **{**usual, **changes})


def hand(name: str, **changes: Any) -> Hand:
    """A crew that can do everything at any time."""
    usual: dict[str, Any] = {"lon": 116.0, "lat": 39.0, "cells": frozenset({"G1"}), "area": "urban"}
    return Hand(name, **{**usual, **changes})


def problem(
    jobs: Sequence[Job],
    hands: Sequence[Hand],
    how: Policy = PLAIN,
    travel: TravelModel = STRAIGHT,
    **more: Any,
) -> Problem:
    return Problem(NOW_MS, tuple(jobs), tuple(hands), how, travel, **more)


def lists(found: Found, of: Problem) -> dict[str, list[str]]:
    """Crew → ids of its jobs in order."""
    return {
        one.id: [of.jobs[row].id for row in found.lists.routes[crew, : found.lists.length[crew]]]
        for crew, one in enumerate(of.hands)
    }


def best_of_all(of: Problem) -> float:
    """The least cost of any plan that leaves nobody whom some plan need not leave."""
    costs = []
    for plan in _plans(of):
        settle(of.table, plan)
        costs.append(cost_of(of, plan))
    return min(costs)


def _plans(of: Problem) -> Iterator[Lists]:
    """Every assignment of every order of the jobs that are not under way; −1 leaves one."""
    loose = [row for row in range(len(of.jobs)) if row not in {one for rows in of.under_way for one in rows}]
    for owners in product(range(-1, len(of.hands)), repeat=len(loose)):
        shares = [
            [row for row, own in zip(loose, owners, strict=True) if own == crew]
            for crew in range(len(of.hands))
        ]
        for orders in product(*(list(permutations(share)) for share in shares)):
            made = of.empty()
            for crew, rows in enumerate(orders):
                begun = int(made.length[crew])
                made.routes[crew, begun : begun + len(rows)] = rows
                made.length[crew] += len(rows)
                made.owner[list(rows)] = crew
            yield made


def read_tsplib(file: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Coordinates (n × 2) of a EUC_2D instance."""
    rows = file.read_text(encoding="utf-8").split("NODE_COORD_SECTION")[1].splitlines()
    return np.array([row.split()[1:3] for row in rows if len(row.split()) == 3], np.float64)


def shipped() -> dict[str, Any]:
    """The shipped figures as declared."""
    file = Path(__file__).parents[2] / "field_api" / "dispatch" / "dispatch.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))

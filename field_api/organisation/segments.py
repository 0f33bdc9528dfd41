"""Segments of a cell's customers: what its manager sorts them by (ORG-09)."""

from enum import StrEnum

import numpy as np

from field_api.projection import Site
from geo.network import CustomerClass, Int32, Priority


class Segment(StrEnum):
    """A customer is in exactly one: who needs care first, else by class."""

    KEY = "key"
    VULNERABLE = "vulnerable"
    HIGH_VOLTAGE = "high_voltage"
    SMALL_MICRO = "small_micro"
    NON_RESIDENT = "non_resident"
    RESIDENT = "resident"


def segment_rows(site: Site, grid_id: str, segment: Segment) -> Int32:
    """Rows of the cell's customers in that segment, in the network's order; none for an unknown cell."""
    customers = site.network.customers
    if grid_id not in site.cells.ids:
        return np.zeros(0, np.int32)
    mine = site.cells.of_customer == site.cells.ids.index(grid_id)
    if segment in {Segment.KEY, Segment.VULNERABLE}:
        chosen = mine & (customers.priority == Priority[segment.name])
    else:
        is_kind = customers.customer_class == CustomerClass[segment.name]
        chosen = mine & is_kind & (customers.priority == Priority.NORMAL)
    return np.flatnonzero(chosen).astype(np.int32)


def segment_counts(site: Site, grid_id: str) -> dict[Segment, int]:
    """How many customers of the cell are in each; together they are all of the cell."""
    return {segment: len(segment_rows(site, grid_id, segment)) for segment in Segment}

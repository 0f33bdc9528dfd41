"""Every place, element and customer has exactly one owning cell, and it is the one that the map shows."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.projection import Site
from geo.cells import Cells
from geo.coordinates import mercator
from geo.locating import CellFinder
from geo.network import Network
from geo.territory import cell_polygons

LON, LAT = st.floats(-180, 180), st.floats(-85, 85)


pytestmark = pytest.mark.xdist_group("reference-grids")


@pytest.fixture(scope="session")
def network(oberrhein: Network) -> Network:
    return oberrhein


@pytest.fixture(scope="module")
def site(network: Network) -> Site:
    return Site(network)


@settings(max_examples=200, deadline=None)
@given(LON, LAT)
def test_org_02_every_place_has_exactly_one_cell(site: Site, lon: float, lat: float) -> None:
    """ORG-02: anywhere on earth, and the same again."""
    cell = site.cell_at(lon, lat)
    assert site.cells.ids.count(cell) == 1
    assert site.cell_at(lon, lat) == cell


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_org_02_every_element_has_exactly_one_cell(site: Site, data: st.DataObject) -> None:
    """ORG-02: lines, switches, transformers, places, meters, customers."""
    network = site.network
    tables = (network.nodes.ids, network.edges.ids, network.meters.ids, network.customers.ids)
    identifier = data.draw(st.sampled_from(data.draw(st.sampled_from(tables))))
    element = site.find(identifier)
    assert site.cells.ids.count(site.cell_of_element(element)) == 1
    if element.type == "customer":
        assert site.cell_of_element(element) == network.customers.grid[element.row]


def test_org_02_a_place_lies_where_the_map_shows_it(network: Network, site: Site) -> None:
    """ORG-02: inside a cell's land the finder says that cell; land of different cells does not overlap."""
    cells = Cells.of(network)
    world = mercator(network.nodes.lon, network.nodes.lat)
    polygons = cell_polygons(network, cells, world)
    random = np.random.default_rng(3)
    west, south, east, north = site.bounds
    lon, lat = random.uniform(west, east, 2000), random.uniform(south, north, 2000)
    found = CellFinder(network, cells).at(lon, lat)
    points = shapely.points(mercator(lon, lat))
    inside = np.array([shapely.contains_properly(polygon, points) for polygon in polygons])
    assert inside.sum(axis=0).max() == 1
    cell, point = np.nonzero(inside)
    assert len(point) > 200
    assert (found[point] == cell).all()
    assert len(set(found.tolist())) == len(cells.ids) > 1


def test_a_place_that_is_none_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="no place"):
        site.cell_at(float("nan"), 39.0)

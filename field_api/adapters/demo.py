"""Prepares a demo: cells, crews and people for a network, in the desk's database at a location."""

from field_api.adapters.argon_passwords import ArgonPasswords
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.projection import Site
from field_api.usecases.prepare_organisation import DemoLogin, prepare_demo_users, prepare_organisation
from geo.adapters.database import open_database
from geo.network import Network


def prepare_demo(location: str, network: Network, language: str = "zh") -> list[DemoLogin]:
    """Grid cells and crews from the network's areas, and the demo's logins; again changes nothing.

    ``location`` is what ``open_database`` takes; the desk must be migrated.
    """
    engine = open_database(location, "desk")
    try:
        desk = SqlDesk(engine)
        prepare_organisation(desk, Site(network))
        return list(prepare_demo_users(desk, ArgonPasswords(), language, wall_clock_ms()))
    finally:
        engine.dispose()

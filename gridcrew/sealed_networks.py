"""The stored networks with the keys that open them: commands and processes come to them by this door."""

from sqlalchemy import Engine

from field_api.adapters.vault import Vault
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from gridcrew.settings import Settings


def vault(settings: Settings) -> Vault:
    """The keys that seal personal data and sign the audit record."""
    return Vault(settings.key_file)


def open_networks(settings: Settings, engine: Engine | None = None) -> SqlNetworkStore:
    """Of this installation; ``engine`` where the caller has its own on the owner ``network``."""
    return SqlNetworkStore(engine or open_database(settings.database_location, "network"), vault(settings))


def seal_networks(settings: Settings) -> int:
    """Everything readable or under an old key, under the newest; how many snapshots there were."""
    engine = open_database(settings.database_location, "network")
    try:
        return SqlNetworkStore(engine, None).seal_anew(vault(settings))
    finally:
        engine.dispose()

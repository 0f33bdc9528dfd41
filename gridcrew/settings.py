"""Every setting, declared once: ``gridcrew.toml``, overridden by environment variables.

``GRIDCREW_WEB__PORT=9000`` overrides ``[web] port``. The file is ``./gridcrew.toml`` or what GRIDCREW_CONFIG
names. ``docs/settings.md`` is checked against this page by a test.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebSettings(_Section):
    host: str = Field("127.0.0.1", description="Address that the web process listens on.")
    port: int = Field(8440, ge=0, le=65535, description="Port of the API and the pages; 0 picks a free one.")
    events_port: int = Field(8441, ge=0, le=65535, description="Port of the server-sent events process.")
    threads: int = Field(16, ge=1, le=256, description="Request threads of the web process.")
    max_streams: int = Field(500, ge=1, le=5000, description="Most server-sent event streams at once.")


class MqttSettings(_Section):
    url: str = Field(
        "", description="Broker of the site, mqtt://user:password@host:port; empty starts the embedded one."
    )
    host: str = Field("127.0.0.1", description="Address that the embedded broker listens on.")
    port: int = Field(18830, ge=0, le=65535, description="Port of the embedded broker.")


class GatewaySettings(_Section):
    heartbeat_overdue_s: float = Field(
        660.0,
        gt=0,
        description="Silence after which a terminal counts as silent: two heartbeats of five minutes.",
    )
    spool_keep_days: float = Field(7.0, gt=0, description="How long stored spool segments are kept.")


class DetectorSettings(_Section):
    poll_s: float = Field(0.1, gt=0, le=10, description="How often the evidence logs are read.")
    stable_s: float = Field(3.0, ge=0, description="How long a cut must be stable before orders and notices.")


class SimSettings(_Section):
    control_port: int = Field(8442, ge=0, le=65535, description="Loopback control port of the simulator.")
    reading_interval_s: float = Field(15.0, gt=0, description="Between two reading frames of a terminal.")
    heartbeat_s: float = Field(30.0, gt=0, description="Between two heartbeats of a terminal.")
    lost_last_gasps: float = Field(0.2, ge=0, le=1, description="Share of last gasps that never arrive.")
    blocked_terminals: float = Field(0.0, ge=0, le=1, description="Share of terminals that cannot speak.")
    wrong_meters: float = Field(
        0.01, ge=0, le=1, description="Share of meters that hang elsewhere than recorded."
    )
    speed: float = Field(20.0, gt=0, description="How much faster than life crews wait and travel.")
    crews: int = Field(40, ge=0, le=200, description="Most crews that the simulator plays.")
    seed: int = Field(1, description="Seed of all the simulator's randomness.")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="GRIDCREW_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        toml_file="gridcrew.toml",
    )

    data_dir: Path = Field(Path("var"), description="Folder of all that the product keeps.")
    database: str = Field(
        "", description="`postgresql://…` for the facts; empty keeps SQLite files in the data folder."
    )
    language: Literal["zh", "en"] = Field(
        "zh", description="Language of pages and notices until a person chooses."
    )
    demo: bool = Field(False, description="Shows the trip and restore buttons and the demo logins.")
    web: WebSettings = WebSettings()
    mqtt: MqttSettings = MqttSettings()
    gateway: GatewaySettings = GatewaySettings()
    detector: DetectorSettings = DetectorSettings()
    sim: SimSettings = SimSettings()

    @property
    def database_location(self) -> str:
        """What ``geo.adapters.database.open_database`` takes."""
        return self.database or str(self.data_dir)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = Path(os.environ.get("GRIDCREW_CONFIG", "gridcrew.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

"""Every setting, declared once: ``gridcrew.toml``, overridden by environment variables.

``GRIDCREW_WEB__PORT=9000`` overrides ``[web] port``. The file is ``./gridcrew.toml`` or what GRIDCREW_CONFIG
names. ``docs/settings.md`` is checked against this page by a test.
"""

import os
from datetime import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from field_api.saying import Language


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CompanySettings(_Section):
    profile: str = Field(
        "promise",
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="Limits that due times are made of: promise, simplified, city, streamlined, or a file of "
        "that name in `profiles/` of the site's folder.",
    )
    code: str = Field(
        "",
        max_length=64,
        description="Whose own working days and days off go before everybody's; empty knows none.",
    )
    dispatch: Literal["propose", "automatic"] = Field(
        "propose",
        description="What becomes of the plan of crews' work: people take its proposals, or the worker "
        "carries out those that stood for a while, for orders that nobody has accepted.",
    )


class NoticeSettings(_Section):
    customer_channel: str = Field(
        "log", description="Channel of notices to customers: `log`, or a file of `channels/`."
    )
    staff_channel: str = Field(
        "log", description="Channel of people in the call list who name none of their own."
    )
    automatic_below: int = Field(
        500, ge=0, description="Scopes of so many customers and more wait for a dispatcher's click."
    )
    key_waits: bool = Field(True, description="Whether scopes with a key customer wait for that click too.")
    dwell_s: float = Field(
        60.0, ge=0, le=600, description="What is over within it, as after a reclose, is told to nobody."
    )
    quiet_from: time = Field(
        time(22), description="From then nobody but key and vulnerable customers is written to."
    )
    quiet_until: time = Field(time(7), description="Until then; the same as `quiet_from`: never quiet.")
    villages: bool = Field(
        True, description="Whether liaisons of touched villages hear of it and get a task."
    )
    change_minutes: int = Field(
        15, ge=1, le=1_440, description="An expected time that moved by less is no news."
    )
    again_minutes: int = Field(
        30, ge=0, le=1_440, description="So long after other words another computed time waits."
    )
    planned_days_ahead: int = Field(7, ge=0, le=60, description="Planned work is told so many days ahead.")
    temporary_hours_ahead: int = Field(
        24, ge=0, le=720, description="Work announced later than that ahead is told, and counts as late."
    )


class WebSettings(_Section):
    host: str = Field("127.0.0.1", description="Address that the web process listens on.")
    port: int = Field(8440, ge=0, le=65535, description="Port of the API and the pages; 0 picks a free one.")
    events_port: int = Field(8441, ge=0, le=65535, description="Port of the server-sent events process.")
    photos_quota_mb: int = Field(
        20_480, ge=1, le=100_000_000, description="Space for crews' pictures, in `photos` of the data folder."
    )
    processes: int = Field(
        0, ge=0, le=32, description="Processes that answer requests; 0 takes one for each core, at most 4."
    )
    threads: int = Field(16, ge=1, le=256, description="Request threads, shared out among the processes.")
    max_streams: int = Field(500, ge=1, le=5000, description="Most server-sent event streams at once.")
    requests_per_s: float = Field(
        100.0,
        gt=0,
        le=100_000,
        description="Requests of one person, or of one address without login, in the long run; ten seconds' "
        "worth may come at once.",
    )
    proxies: int = Field(
        0, ge=0, le=5, description="Reverse proxies in front whose X-Forwarded-For and -Proto are believed."
    )


class PeopleSettings(_Section):
    key_file: str = Field(
        "",
        description="Keys that seal personal data and sign the audit record; empty is `people.keys` in the "
        "data folder. Processes on other machines need the same file.",
    )


class MqttSettings(_Section):
    url: str = Field(
        "", description="Broker of the site, mqtt://user:password@host:port; empty starts the embedded one."
    )
    host: str = Field("127.0.0.1", description="Address that the embedded broker listens on.")
    port: int = Field(18830, ge=0, le=65535, description="Port of the embedded broker.")
    keepalive_s: int = Field(
        20,
        ge=1,
        le=3600,
        description="Keep-alive of the gateway's sessions; a dead connection shows in 1.4 of it.",
    )
    session_alarm_hours: float = Field(
        72.0, gt=0, description="How long a broker's loss of our session is shown unless acknowledged."
    )
    tls: Literal["off", "mutual"] = Field(
        "off",
        description="Embedded broker: `mutual` lets terminals in by certificate only (`gridcrew access`); "
        "`off` is for this machine alone.",
    )
    allow_plain: bool = Field(
        False, description="Lets the embedded broker listen beyond this machine without TLS, by password."
    )
    max_frames_per_s: float = Field(
        500.0, gt=0, description="Of one terminal over ten seconds; above it is cut off (mutual TLS only)."
    )
    ca_file: str = Field("", description="Authorities that the site's broker (mqtts://) is checked against.")
    cert_file: str = Field("", description="The gateway's certificate for the site's broker.")
    key_file: str = Field("", description="Key of that certificate.")
    broker_log: str = Field(
        "", description="Log file of the site's Mosquitto, read for refusals; empty where there is none."
    )


class AccessSettings(_Section):
    passphrase: str = Field(
        "", description="Of the authority's key; empty where it is not encrypted.", repr=False
    )
    passphrase_file: str = Field("", description="File that holds the passphrase, instead of it.")
    certificate_days: int = Field(365, ge=1, le=3650, description="Validity of a terminal's certificate.")
    overlap_days: float = Field(
        14.0, ge=0, le=400, description="How long the old certificate stays valid after a rotation."
    )


class GatewaySettings(_Section):
    heartbeat_overdue_s: float = Field(
        660.0,
        gt=0,
        description="Silence after which a terminal counts as silent: two heartbeats of five minutes.",
    )
    spool_keep_days: float = Field(7.0, gt=0, description="How long stored spool segments are kept.")
    dead_letters_keep_days: float = Field(90.0, gt=0, description="How long dead letters are kept.")
    site_dir: str = Field(
        "",
        description="Folder of the site's own files (`connections/`, `devices/`, `sources/`, `observers/`); "
        "empty is `site` in the data folder.",
    )
    inbox_dir: str = Field(
        "", description="Folder where exports are dropped; empty is `inbox` in the data folder."
    )
    inbox_settle_s: float = Field(
        5.0, gt=0, description="A dropped file is whole when its size and time have not changed for so long."
    )
    done_keep_days: float = Field(30.0, gt=0, description="How long files that were taken are kept.")
    refused_keep_days: float = Field(
        90.0, gt=0, description="How long refused files and lines are kept, with their reasons."
    )
    ballast_mb: int = Field(
        64, ge=0, le=10_000, description="Space kept in hand for a full disk, released when it is full."
    )
    approve: Literal["all", "listed", "none"] = Field(
        "all",
        description="Terminals believed at first contact: all, those listed in the network in force, none.",
    )
    ping: Literal["mqtt", "file", "none"] = Field(
        "mqtt", description="How ping requests leave: as MQTT commands, as a request file, not at all."
    )
    ping_timeout_s: float = Field(
        30.0, gt=0, description="Silence after a ping over MQTT from which a device counts as silent."
    )
    ping_at_once: int = Field(2, ge=1, le=100, description="Pings of one terminal under way at once.")
    ping_per_minute: int = Field(12, ge=1, le=600, description="Pings that one terminal gets in a minute.")
    outbox_dir: str = Field(
        "", description="Folder of request files (`ping = file`); empty is `outbox` in the data folder."
    )
    late_after_s: float = Field(
        900.0, gt=0, description="A value that arrives longer than this after it was measured is late."
    )
    expected_per_day: int = Field(
        96, ge=1, le=86_400, description="Readings that a meter is expected to deliver each day."
    )


class ReadingsSettings(_Section):
    store: Literal["embedded", "influxdb"] = Field("embedded", description="Where readings are kept.")
    keep_days: float = Field(1100.0, gt=0, description="How long readings are kept.")
    archive_after_days: float = Field(
        0.0, ge=0, description="Age at which days of the embedded store become Parquet files; 0 never."
    )


class InfluxSettings(_Section):
    url: str = Field("http://127.0.0.1:8086", description="The InfluxDB server.")
    api: Literal["v1", "v2"] = Field(
        "v2", description="Write API: v2 for 1.8, 2.x and 3.x; v1 for older servers and 1.x endpoints."
    )
    database: str = Field("gridcrew", description="Database (v1) or bucket (v2).")
    org: str = Field("", description="Organisation, v2 only.")
    token: str = Field("", description="Token of v2.", repr=False)
    username: str = Field("", description="User of v1.")
    password: str = Field("", description="Password of v1.", repr=False)
    writers: int = Field(2, ge=1, le=8, description="Requests that write at the same time.")
    timeout_s: float = Field(10.0, gt=0, le=120, description="How long a request may take.")


class DetectorSettings(_Section):
    poll_s: float = Field(0.1, gt=0, le=10, description="How often the evidence logs are read.")
    stable_s: float = Field(3.0, ge=0, description="How long a cut must be stable before orders and notices.")
    pings_per_terminal: int = Field(
        6, ge=1, le=600, description="Most meters of a terminal that verification asks in a minute."
    )
    pings_per_minute: int = Field(
        120, ge=1, le=100_000, description="Most meters that verification asks in a minute, in all."
    )
    usual_faults: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="Unplanned outages that are usual in three days on the whole network "
        "(none: as learned, else two, or more where kinds and lengths expect more).",
    )


class TicketSettings(_Section):
    inbox: str = Field(
        "",
        description="Folder where lists of 95598 tickets are dropped; empty is `tickets` in the data folder.",
    )
    outbox: str = Field(
        "", description="Folder where answers to tickets are left in the site's columns; empty leaves none."
    )


class WebhookSettings(_Section):
    hosts: str = Field(
        "",
        description="Hosts that webhooks may go to, separated by commas; `*.example.cn` is all below; "
        "empty allows none.",
    )
    allow_private: bool = Field(
        False, description="Lets webhooks go to addresses inside (10.0.0.0/8, 127.0.0.1, fd00::/8, …) too."
    )
    ca_file: str = Field(
        "", description="Authorities (PEM) of partners' certificates besides those that the machine trusts."
    )


class BoardSettings(_Section):
    folder: str = Field(
        "", description="Where the printable board is written; empty is `board` in the data folder."
    )
    every_s: float = Field(300.0, ge=5, le=86_400, description="How often it is written.")
    keep: int = Field(48, ge=1, le=10_000, description="How many boards are kept beside the newest.")


class LogSettings(_Section):
    format: Literal["text", "json"] = Field("text", description="Log lines as text or as JSON objects.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least urgent lines that are logged."
    )


class SimSettings(_Section):
    control_port: int = Field(8442, ge=0, le=65535, description="Loopback control port of the simulator.")
    reading_interval_s: float = Field(15.0, gt=0, description="Between two reading frames of a terminal.")
    heartbeat_s: float = Field(30.0, gt=0, description="Between two heartbeats of a terminal.")
    lost_last_gasps: float = Field(0.2, ge=0, le=1, description="Share of last gasps that never arrive.")
    blocked_terminals: float = Field(0.0, ge=0, le=1, description="Share of terminals that cannot speak.")
    wrong_meters: float = Field(
        0.01, ge=0, le=1, description="Share of meters that hang elsewhere than recorded."
    )
    sensors: bool = Field(
        False, description="Whether switch terminals (FTU) and fault indicators of the network speak too."
    )
    speak: Literal["own", "state-grid"] = Field(
        "own", description="What simulated terminals speak: our contract, or the State Grid envelope."
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
    language: Language = Field("zh", description="Language of pages and notices until a person chooses.")
    demo: bool = Field(False, description="Shows the trip and restore buttons and the demo logins.")
    company: CompanySettings = CompanySettings()
    notices: NoticeSettings = NoticeSettings()
    web: WebSettings = WebSettings()
    people: PeopleSettings = PeopleSettings()
    mqtt: MqttSettings = MqttSettings()
    access: AccessSettings = AccessSettings()
    gateway: GatewaySettings = GatewaySettings()
    readings: ReadingsSettings = ReadingsSettings()
    influx: InfluxSettings = InfluxSettings()
    detector: DetectorSettings = DetectorSettings()
    board: BoardSettings = BoardSettings()
    tickets: TicketSettings = TicketSettings()
    webhooks: WebhookSettings = WebhookSettings()
    log: LogSettings = LogSettings()
    sim: SimSettings = SimSettings()

    @property
    def site_folder(self) -> Path:
        """Where the site's own device, connection, source and observer files lie."""
        return Path(self.gateway.site_dir or self.data_dir / "site").absolute()

    @property
    def inbox_folder(self) -> Path:
        """Where exports are dropped."""
        return Path(self.gateway.inbox_dir or self.data_dir / "inbox").absolute()

    @property
    def outbox_folder(self) -> Path:
        """Where request files are left for somebody to carry them on."""
        return Path(self.gateway.outbox_dir or self.data_dir / "outbox").absolute()

    @property
    def key_file(self) -> Path:
        """Keys that seal personal data."""
        return Path(self.people.key_file or self.data_dir / "people.keys").absolute()

    @property
    def board_folder(self) -> Path:
        """Where the printable board is written."""
        return Path(self.board.folder or self.data_dir / "board").absolute()

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

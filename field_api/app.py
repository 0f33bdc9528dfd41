"""Builds the processes of this room from what they stand on; nothing is opened before it is called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from field_api.adapters.argon_passwords import ArgonPasswords
from field_api.adapters.data_files import (
    shipped_recurring_work,
    shipped_registers,
    shipped_work_types,
    site_information,
    site_profile,
)
from field_api.adapters.dispatch_files import dispatch_policy, travel_model
from field_api.adapters.map_tiles import MapTiles
from field_api.adapters.network_sites import NetworkSites
from field_api.adapters.notice_files import site_texts
from field_api.adapters.photo_store import FolderPhotoStore
from field_api.adapters.simulator_client import SimulatorClient, noted_port
from field_api.adapters.sql_calendar import SqlCalendar
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.adapters.vault import FILE_NAME as KEYS
from field_api.adapters.vault import Vault
from field_api.company import Company
from field_api.deadlines.working_days import WorkCalendar
from field_api.dispatcher import Dispatcher
from field_api.http.events_app import EventServices
from field_api.http.hub import Hub
from field_api.http.services import Services, WebConfig
from field_api.http.throttle import Throttle
from field_api.notice_house import NoticePolicy, notice_desk, receipts_of
from field_api.partners.webhooks import NOWHERE, TargetRules
from field_api.partners_app import PartnersHome, build_partners
from field_api.usecases.advise import Advise
from field_api.usecases.appoint import Appoint
from field_api.usecases.assess import Assess
from field_api.usecases.assign_proposals import AssignProposals
from field_api.usecases.check_topology import ByVoltages, CheckTopology, nothing_compared
from field_api.usecases.claim_revision import ClaimRevision
from field_api.usecases.clearance import Clearance
from field_api.usecases.control_notices import ControlNotices
from field_api.usecases.correct_outage import CorrectOutage, Found
from field_api.usecases.crew_book import Rosters
from field_api.usecases.customer_reports import CustomerReports
from field_api.usecases.enter_calendar import EnterCalendar
from field_api.usecases.excused import Excused
from field_api.usecases.join_orders import JoinOrders
from field_api.usecases.keep_photo import KeepPhoto
from field_api.usecases.live_grids import LiveGrids
from field_api.usecases.login import Logins
from field_api.usecases.move_crew import MoveCrew
from field_api.usecases.open_order import OpenOrder
from field_api.usecases.open_recurring import OpenRecurring
from field_api.usecases.people_house import people_house
from field_api.usecases.plan_dispatch import PlanDispatch
from field_api.usecases.plan_work import PlanWork
from field_api.usecases.record_call import RecordCall
from field_api.usecases.reliability import Interruptions
from field_api.usecases.roll_out import RollOut
from field_api.usecases.step_order import StepOrder
from field_api.usecases.supply import Supply
from field_api.usecases.switch_by_hand import SwitchByHand
from field_api.usecases.sync_pull import PullChanges
from field_api.usecases.watch_orders import WatchOrders
from field_api.usecases.write_register import WriteRegister
from field_api.worker import Worker
from geo.adapters.database import open_database
from geo.adapters.network_proposals import SqlProposals
from geo.adapters.network_store import SqlNetworkStore
from telemetry.adapters.alarm_book import SqlAlarmBook
from telemetry.adapters.completeness_records import SqlCompleteness
from telemetry.adapters.device_records import SqlDeviceRegistry
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.gateway_board import SqlGatewayBoard
from telemetry.adapters.gateway_records import SqlDeadLetters, SqlGatewayRecords
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.adapters.security_records import SqlSecurityRecords
from telemetry.adapters.sentence_file import load_sentences
from telemetry.adapters.switch_reader import SwitchReader
from telemetry.completeness import Expectations
from telemetry.device_watch import DeviceWatch
from telemetry.fault_rule import FaultRule
from telemetry.ports import EvidenceLog, OutageLog, ReadingStore

EXPECTED: Final = Expectations(96)
"""The load curve's quarter-hours, where the site says nothing else."""
PHOTOS: Final = "photos"
"""Their folder within the data directory."""
INFORMATION: Final = "public_information"
"""Folder of the site's own editions of the public page."""
REFUSALS_PER_S: Final = 1 / 60
MOST_REFUSALS: Final = 20.0
"""Of one person, written to the record at once."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where this installation keeps its things."""

    location: str
    """What ``open_database`` takes."""
    data_dir: Path
    language: str
    profile: str = "promise"
    """Which promises: a file of ``profiles``, else one of ``field_api/profiles``."""
    profiles: Path | None = None
    """The site's own."""
    company: str = ""
    """Whose own working days go before everybody's."""
    keys: Path | None = None
    """Keys that seal personal data; None: ``people.keys`` in the data folder."""
    notices: NoticePolicy = field(default_factory=NoticePolicy)
    """Where the site's texts, channels and call list are, and what may leave by itself."""
    site: Path | None = None
    """The site's own files, ``dispatch.toml`` and ``travel.csv`` among them."""
    photos_bytes: int = 20 * 2**30
    """Quota of pictures, announced ones counted."""
    automatic_dispatch: bool = False
    """Whether the worker carries out proposals that stood for a while."""
    webhooks: TargetRules = NOWHERE
    """Where webhooks may go: nowhere, unless the site says otherwise."""

    @property
    def partners(self) -> PartnersHome:
        """What serving other systems needs of it."""
        return PartnersHome(self.site, self.webhooks, Vault(self.keys or self.data_dir / KEYS))


def company(home: Installation, calendar: Callable[[], WorkCalendar]) -> Company:
    """The company of the built-in data files."""
    return Company(
        shipped_work_types(),
        site_profile(home.profile, home.profiles),
        home.language,
        home.notices.customer_channel,
        calendar,
        site_texts(home.notices.folder),
        home.notices.staff_channel,
        home.notices.rules,
    )


def build_services(
    home: Installation,
    config: WebConfig,
    readings: ReadingStore,
    simulator_port: int,
    expectations: Expectations = EXPECTED,
    rules: Sequence[FaultRule] = (),
) -> Services:
    """What the web process works with."""
    desk_database = open_database(home.location, "desk")
    desk = SqlDesk(desk_database, vault(home))
    sites = _sites(home)
    network_database = open_database(home.location, "network")
    outage_database = open_database(home.location, "outages")
    networks, outages = SqlNetworkStore(network_database, vault(home)), SqlOutageLog(outage_database)
    supply = Supply(outages, sites, Excused(sites, readings))
    gateway = open_database(home.location, "gateway")
    calendars = SqlCalendar(desk_database, home.company)
    ours = company(home, calendars)
    clearance = Clearance(ours, sites)
    open_order = OpenOrder(desk, ours, sites)
    step_order = StepOrder(desk, ours, supply.still_dead, clearance, Found(supply, sites))
    plan_dispatch = _plan_dispatch(home, desk, ours)
    logs = {"gateway": SqlEvidenceLog(gateway), "desk": SqlEvidenceLog(desk_database)}
    advise = Advise(supply, sites, readings)
    return Services(
        config=config, clock=wall_clock_ms, desk=desk, sites=sites, company=ours, supply=supply,
        logins=Logins(desk, ArgonPasswords()),
        people=people_house(desk, ArgonPasswords(), vault(home), sites, ours, supply),
        throttle=Throttle(config.requests_per_s, shared=config.shared),
        refusals=Throttle(REFUSALS_PER_S, MOST_REFUSALS, shared=config.shared),
        explanations=SqlExplanations(outage_database),
        sentences=load_sentences(),
        interruptions=Interruptions(outages, sites),
        alarms=SqlAlarmBook(desk_database),
        fault_rules={rule.id: rule for rule in rules},
        open_order=open_order,
        write_register=WriteRegister(desk, ours, sites, shipped_registers()),
        step_order=step_order,
        keep_photo=KeepPhoto(desk, FolderPhotoStore(home.data_dir / PHOTOS), home.photos_bytes),
        pull_changes=PullChanges(desk, ours, sites),
        join_orders=JoinOrders(desk, ours, open_order),
        clearance=clearance,
        plan_dispatch=plan_dispatch,
        assign_proposals=AssignProposals(desk, plan_dispatch, step_order),
        record_call=RecordCall(desk, ours, supply.outage_of, advise, CustomerReports(ours, sites)),
        correct_outage=CorrectOutage(desk, sites, supply),
        switch_by_hand=SwitchByHand(desk, sites), plan_work=PlanWork(desk, sites),
        control_notices=ControlNotices(desk, sites),
        receipts_of=receipts_of(home.notices),
        partners=build_partners(home.partners, desk, ours, sites, advise),
        calendars=calendars,
        enter_calendar=EnterCalendar(calendars, home.company),
        live_grids=LiveGrids(sites, networks, SwitchReader(logs).history),
        networks=networks, proposals=SqlProposals(network_database),
        advise=advise,
        move_crew=MoveCrew(desk, ours),
        appoint=Appoint(desk), roll_out=RollOut(desk),
        assess=Assess(desk, ours, SqlAlarmBook(desk_database)),
        readings=readings,
        information=site_information(None if home.site is None else home.site / INFORMATION),
        dead_letters=SqlDeadLetters(gateway), gateway=SqlGatewayRecords(gateway),
        watch=_watch(gateway, readings, expectations),
        security=SqlSecurityRecords(gateway),
        detector_lag=_DetectorLag(outages, logs),
        tiles=MapTiles(),
        simulator=SimulatorClient(noted_port(home.data_dir / "sim" / "control.json", simulator_port)),
    )  # fmt: skip


def _watch(gateway: Engine, readings: ReadingStore, expectations: Expectations) -> DeviceWatch:
    return DeviceWatch(
        SqlDeviceRegistry(gateway), SqlCompleteness(gateway), SqlGatewayBoard(gateway), readings, expectations
    )


def vault(home: Installation) -> Vault:
    """The keys that seal personal data; the file is made when the first is needed."""
    return Vault(home.keys or home.data_dir / KEYS)


def build_event_services(home: Installation, config: WebConfig) -> EventServices:
    """What the events process works with."""
    desk = SqlDesk(open_database(home.location, "desk"))
    return EventServices(config, wall_clock_ms, Logins(desk, ArgonPasswords()), Hub(desk))


def build_worker(home: Installation, readings: ReadingStore | None = None) -> Worker:
    """The worker; without ``readings`` no dead meter is excused for having been silent before."""
    desk_database = open_database(home.location, "desk")
    desk = SqlDesk(desk_database, vault(home))
    sites = _sites(home)
    outages = SqlOutageLog(open_database(home.location, "outages"))
    ours = company(home, SqlCalendar(desk_database, home.company))
    supply = Supply(outages, sites, None if readings is None else Excused(sites, readings))
    notices = notice_desk(home.notices, home.data_dir, desk, outages, sites, ours)
    return Worker(
        outages=outages,
        desk=desk,
        claim=ClaimRevision(desk, outages, sites, ours, supply.out),
        notices=notices,
        sites=sites,
        clock=wall_clock_ms,
        watch=WatchOrders(desk, ours, supply.still_dead, notices.staff.escalation),
        check_topology=CheckTopology(
            desk, ours, sites, supply.suspects, nothing_compared if readings is None else ByVoltages(readings)
        ),
        open_recurring=OpenRecurring(desk, ours, sites, shipped_recurring_work()),
    )


def build_dispatcher(home: Installation) -> Dispatcher:
    """Who plans the crews' work beside the worker; raises BadDataFile where a site's file cannot be used."""
    desk_database = open_database(home.location, "desk")
    desk, sites = SqlDesk(desk_database, vault(home)), _sites(home)
    ours = company(home, SqlCalendar(desk_database, home.company))
    supply = Supply(SqlOutageLog(open_database(home.location, "outages")), sites)
    plan = _plan_dispatch(home, desk, ours)
    step = StepOrder(desk, ours, supply.still_dead, Clearance(ours, sites))
    return Dispatcher(desk, plan, AssignProposals(desk, plan, step), wall_clock_ms, home.automatic_dispatch)


def _plan_dispatch(home: Installation, desk: SqlDesk, ours: Company) -> PlanDispatch:
    book = Rosters(ours.calendar)
    return PlanDispatch(desk, ours, dispatch_policy(home.site), travel_model(home.site), book)


@dataclass(frozen=True, slots=True)
class _DetectorLag:
    """How far the detector is behind each evidence log."""

    outages: OutageLog
    logs: Mapping[str, EvidenceLog]

    def __call__(self) -> Mapping[str, int]:
        positions = self.outages.position().positions
        return {name: log.newest_id() - positions.get(name, 0) for name, log in self.logs.items()}


def _sites(home: Installation) -> NetworkSites:
    return NetworkSites(SqlNetworkStore(open_database(home.location, "network"), vault(home)), wall_clock_ms)

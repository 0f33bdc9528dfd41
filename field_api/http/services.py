"""What requests work with: built once by the process, given to the application."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from field_api.company import Company
from field_api.http.shared import Shared
from field_api.http.throttle import Throttle
from field_api.partners_house import Partners
from field_api.ports import Clock, Desk, Sites, Tiles, WorkCalendars
from field_api.service.public_information import Edition
from field_api.simulator_ports import Simulator
from field_api.usecases.advise import Advise
from field_api.usecases.appoint import Appoint
from field_api.usecases.assess import Assess
from field_api.usecases.assign_proposals import AssignProposals
from field_api.usecases.clearance import Clearance
from field_api.usecases.control_notices import ControlNotices, ReceiptsOf
from field_api.usecases.correct_outage import CorrectOutage
from field_api.usecases.enter_calendar import EnterCalendar
from field_api.usecases.join_orders import JoinOrders
from field_api.usecases.keep_photo import KeepPhoto
from field_api.usecases.live_grids import LiveGrids
from field_api.usecases.login import Logins
from field_api.usecases.move_crew import MoveCrew
from field_api.usecases.open_order import OpenOrder
from field_api.usecases.people_house import PeopleHouse
from field_api.usecases.plan_dispatch import PlanDispatch
from field_api.usecases.plan_work import PlanWork
from field_api.usecases.record_call import RecordCall
from field_api.usecases.reliability import Interruptions
from field_api.usecases.roll_out import RollOut
from field_api.usecases.step_order import StepOrder
from field_api.usecases.supply import Supply
from field_api.usecases.switch_by_hand import SwitchByHand
from field_api.usecases.sync_pull import PullChanges
from field_api.usecases.write_register import WriteRegister
from geo.ports import NetworkStore, Proposals
from telemetry.alarm_ports import AlarmBook
from telemetry.device_watch import DeviceWatch
from telemetry.fault_rule import FaultRule
from telemetry.gateway_ports import SecurityRecords
from telemetry.ports import DeadLetters, Explanations, GatewayRecords, ReadingStore


@dataclass(frozen=True, slots=True)
class WebConfig:
    demo: bool
    language: str
    web_port: int
    events_port: int
    dist: Path
    """The built front end."""
    max_streams: int = 500
    requests_per_s: float = 100.0
    """Of one person, or one address where nobody is known, in the long run."""
    shared: Shared = field(default_factory=Shared)
    """What the processes of the web have in common."""


@dataclass(frozen=True, slots=True)
class Services:
    config: WebConfig
    clock: Clock
    desk: Desk
    sites: Sites
    company: Company
    logins: Logins
    people: PeopleHouse
    throttle: Throttle
    """Requests of a person, or of an address where nobody is known."""
    refusals: Throttle
    """Refusals of a person that are written to the record; a page that asks in a loop must not fill it."""
    supply: Supply
    explanations: Explanations
    sentences: Mapping[str, Any]
    """Templates of explanations (``telemetry.wording``)."""
    interruptions: Interruptions
    alarms: AlarmBook
    fault_rules: Mapping[str, FaultRule]
    open_order: OpenOrder
    write_register: WriteRegister
    step_order: StepOrder
    keep_photo: KeepPhoto
    pull_changes: PullChanges
    join_orders: JoinOrders
    clearance: Clearance
    plan_dispatch: PlanDispatch
    assign_proposals: AssignProposals
    record_call: RecordCall
    correct_outage: CorrectOutage
    switch_by_hand: SwitchByHand
    plan_work: PlanWork
    control_notices: ControlNotices
    receipts_of: ReceiptsOf
    partners: Partners
    calendars: WorkCalendars
    enter_calendar: EnterCalendar
    live_grids: LiveGrids
    networks: NetworkStore
    proposals: Proposals
    advise: Advise
    move_crew: MoveCrew
    appoint: Appoint
    roll_out: RollOut
    assess: Assess
    readings: ReadingStore
    information: Sequence[Edition]
    """Of the public page, oldest first."""
    dead_letters: DeadLetters
    gateway: GatewayRecords
    watch: DeviceWatch
    security: SecurityRecords
    detector_lag: Callable[[], Mapping[str, int]]
    """Rows of each evidence log that the detector has not published from yet."""
    tiles: Tiles
    simulator: Simulator

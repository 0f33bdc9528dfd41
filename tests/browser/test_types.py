"""The page's picture of the API is the API: each field that it reads is one that the API describes."""

import re
from pathlib import Path
from typing import Any

import pytest

from field_api.http.app import all_operations
from field_api.http.openapi import openapi_document

API = Path(__file__).parent.parent.parent / "field_api/web/src/api"
TYPES = tuple(API / name for name in ("types.ts", "grid.ts", "desk.ts"))
INTERFACE = re.compile(r"export interface (\w+)(?:<T>)?(?: extends (\w+))? \{\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^  (\w+)(\??):", re.MULTILINE)
NAMES = {
    "Session": "SessionResource", "User": "UserResource", "GridCell": "GridCellResource",
    "Bootstrap": "BootstrapResource", "Found": "FoundResource", "GridElement": "ElementResource",
    "Cause": "CauseResource", "Outage": "OutageResource", "Revision": "RevisionResource",
    "OutageDetail": "OutageDetailResource", "Scope": "ScopeResource",
    "AffectedCustomer": "AffectedCustomerResource", "DueTime": "DueResource", "Order": "OrderResource",
    "OrderStep": "HistoryResource", "OrderDetail": "OrderDetailResource", "Crew": "CrewResource",
    "Notice": "NoticeResource", "SourceAge": "SourceAgeResource", "Feeder": "FeederResource",
    "ElementChance": "ElementChanceResource",
    "Alternative": "AlternativeResource", "Settling": "SettlingResource", "Ping": "PingResource",
    "Sentence": "SentenceResource", "Explanation": "ExplanationResource",
    "Correction": "CorrectionResource",
    "Absence": "AbsenceResource", "ReturnStep": "ReturnStepResource", "AbsencePage": "AbsencePage",
    "BackFeed": "BackFeedResource", "EdgeState": "EdgeStateResource", "Opened": "OpenedResource",
    "People": "PeopleResource", "Trace": "TraceResource", "Isolation": "IsolationResource",
    "Loading": "LoadingResource", "RestorationStep": "RestorationStepResource",
    "NotClear": "NotClearResource", "Restoration": "RestorationResource", "Moved": "MovedResource",
    "Loop": "LoopResource",
    "WhatIf": "WhatIfResource", "Switching": "SwitchingResource", "Alarm": "AlarmResource",
    "PlannedWork": "PlannedWorkResource", "Version": "VersionResource",
    "FeederProposal": "FeederProposalResource", "Proposal": "ProposalResource",
    "PendingNotice": "PendingResource", "Verdict": "VerdictResource", "Hold": "HoldResource",
    "Channel": "ChannelResource", "PlanReason": "ReasonResource", "Estimate": "EstimateResource",
    "PlannedOrder": "LeftResource", "Visit": "VisitResource", "CrewPlan": "CrewListResource",
    "OutageTime": "OutageTimeResource", "DispatchPlan": "DispatchPlanResource",
    "Assignment": "AssignmentResource",
    "Assignments": "AssignmentsResource", "WorkStep": "WorkStepResource", "WorkType": "WorkTypeResource",
    "Photo": "PhotoResource", "Incident": "IncidentResource", "HandOver": "HandOverResource",
    "CalendarDay": "CalendarDayResource", "CalendarChange": "CalendarChangeResource",
    "CalendarYear": "CalendarYearResource", "AuditRow": "AuditRowResource",
    "RunnerUp": "RunnerUpResource", "Breach": "BreachResource", "Chain": "ChainResource",
}  # fmt: skip


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    document: dict[str, Any] = openapi_document(all_operations(demo=True), "0")
    return dict(document["components"]["schemas"])


def interfaces() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, base, body in INTERFACE.findall("\n".join(file.read_text(encoding="utf-8") for file in TYPES)):
        found[name] = {field for field, _ in FIELD.findall(body)} | found.get(base, set())
    return found


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_page_reads_only_what_the_api_describes(name: str, schemas: dict[str, Any]) -> None:
    assert interfaces()[name] <= schemas[NAMES[name]]["properties"].keys()


def test_every_interface_is_compared() -> None:
    assert interfaces().keys() - NAMES.keys() == {"Page", "Problem", "FormField"}

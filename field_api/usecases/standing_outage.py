"""An outage as it stands now: itself, or the one that it was merged into, and since when supply is back."""

import json
from datetime import datetime

from field_api.instants import milliseconds
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import DeskSession, OutageView
from field_api.usecases.supply import MAX_MERGES
from telemetry.outages import OutageState


def standing_outage(session: DeskSession, outage_id: str) -> OutageView | None:
    """Following merges; None where nothing of the kind was ever told."""
    view = None
    for _ in range(MAX_MERGES):
        view = session.outages.get(WHOLE_COMPANY, outage_id) if outage_id else None
        if view is None or view.state != OutageState.MERGED:
            return view
        outage_id = str(json.loads(view.document)["merged_into"])
    return view


def restored_ms(view: OutageView | None) -> int | None:
    """Its end, as it stands now; without an outage there was nothing to restore."""
    told = None if view is None else json.loads(view.document)["restored_at"]
    return None if told is None else milliseconds(datetime.fromisoformat(told))

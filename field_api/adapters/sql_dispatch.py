"""The crews' plans in the desk's database."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from field_api.adapters.dispatch_tables import dispatch_plans
from field_api.instants import milliseconds
from geo.adapters.database import lock_log

KEPT: Final = 100
"""Plans that are kept, to see how the last minutes went."""


class SqlDispatchPlans:
    """``DispatchPlans`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self) -> str | None:
        query = select(dispatch_plans.c.document).order_by(dispatch_plans.c.number.desc()).limit(1)
        return self._connection.scalar(query)

    def expected_ms(self, outage_id: str) -> int | None:
        return self._expected.get(outage_id)

    @cached_property
    def _expected(self) -> Mapping[str, int]:
        """Read once in a transaction, which asks for many outages."""
        outages = json.loads(self.newest() or "{}").get("outages", ())
        return {
            one["outage_id"]: milliseconds(datetime.fromisoformat(one["restored"]["at"]))
            for one in outages
            if one["restored"]["by"] == "computed"
        }

    def put(self, number: int, at_ms: int, document: str) -> bool:
        lock_log(self._connection, dispatch_plans.name)
        newest = self._connection.scalar(select(func.max(dispatch_plans.c.number))) or 0
        if number != newest + 1:
            return False
        self._connection.execute(insert(dispatch_plans).values(number=number, at_ms=at_ms, document=document))
        self._connection.execute(delete(dispatch_plans).where(dispatch_plans.c.number <= number - KEPT))
        return True

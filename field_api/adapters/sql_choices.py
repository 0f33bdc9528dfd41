"""Which manager each customer picked, in the desk's tables; the newest word counts."""

from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Table, Text, delete, insert, select

from field_api.adapters.tables import metadata

manager_choices: Final = Table(
    "manager_choices",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)


class SqlManagerChoices:
    """``ManagerChoices`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_customer(self, customer_id: str) -> str:
        query = select(manager_choices.c.person_id).where(manager_choices.c.customer_id == customer_id)
        return str(self._connection.execute(query).scalar_one_or_none() or "")

    def put(self, customer_id: str, person_id: str, at_ms: int) -> None:
        mine = manager_choices.c.customer_id == customer_id
        self._connection.execute(delete(manager_choices).where(mine))
        row = {"customer_id": customer_id, "person_id": person_id, "at_ms": at_ms}
        self._connection.execute(insert(manager_choices).values(**row))

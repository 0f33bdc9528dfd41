"""All that guards people's data and doings, built together."""

from dataclasses import dataclass

from field_api.company import Company
from field_api.people.ports import Sealer
from field_api.ports import Desk, Passwords, Sites
from field_api.usecases.judge_people import JudgePeople
from field_api.usecases.lock_out import LockOut
from field_api.usecases.machine_access import MachineAccess
from field_api.usecases.renew_tokens import RenewTokens
from field_api.usecases.reveal import OrderContacts, RevealCustomer
from field_api.usecases.supply import Supply


@dataclass(frozen=True, slots=True)
class PeopleHouse:
    passwords: Passwords
    lock_out: LockOut
    tokens: RenewTokens
    machines: MachineAccess
    reveal: RevealCustomer
    contacts: OrderContacts
    findings: JudgePeople


def people_house(
    desk: Desk, passwords: Passwords, sealer: Sealer, sites: Sites, company: Company, supply: Supply
) -> PeopleHouse:
    """On one desk and one set of keys."""
    return PeopleHouse(
        passwords, LockOut(desk), RenewTokens(desk, sealer), MachineAccess(desk),
        RevealCustomer(desk, sites, company), OrderContacts(desk, sites, company, supply), JudgePeople(desk),
    )  # fmt: skip

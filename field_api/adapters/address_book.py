"""Where people are reached: customers by the network's records, people of the company by the call list."""

from collections.abc import Callable

from field_api.notices.call_list import STAFF, CallList
from field_api.ports import Sites


class SiteAddresses:
    """``AddressBook``; what it answers must not leave the channel that asks."""

    def __init__(
        self, sites: Sites, call_list: CallList, phone_of: Callable[[str], str] = lambda _: ""
    ) -> None:
        """``phone_of`` knows the people of the organisation who are not in the call list."""
        self._sites = sites
        self._phone_of = phone_of
        self._staff = {one.recipient: one.address for one in call_list}

    def __call__(self, person: str) -> str:
        if person.startswith(STAFF):
            return self._staff.get(person) or self._phone_of(person.removeprefix(STAFF))
        site = self._sites.current()
        row = None if site is None else site.network.customer_row.get(person)
        return "" if site is None or row is None else site.network.customers.phone[row].strip()

"""Where people are reached: customers by the network's records, people of the company by the call list."""

from field_api.call_list import STAFF, CallList
from field_api.ports import Sites


class SiteAddresses:
    """``AddressBook``; what it answers must not leave the channel that asks."""

    def __init__(self, sites: Sites, call_list: CallList) -> None:
        self._sites = sites
        self._staff = {one.recipient: one.address for one in call_list}

    def __call__(self, person: str) -> str:
        if person.startswith(STAFF):
            return self._staff.get(person, "")
        site = self._sites.current()
        row = None if site is None else site.network.customer_row.get(person)
        return "" if site is None or row is None else site.network.customers.phone[row].strip()

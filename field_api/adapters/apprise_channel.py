"""WeCom, DingTalk, Feishu, mail, webhooks and more through the ``apprise`` package (extra ``notify``)."""

import logging
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import apprise

from field_api.adapters.site_secrets import SiteSecrets
from field_api.channel_file import AppriseChannelFile, filled
from field_api.notice_ports import AddressBook, Delivery, Outcome, Sent

FAILURES_IN_A_ROW: Final = 3
_QUIET: Final = logging.CRITICAL + 1
_UNTRIED: Final = Sent(Outcome.UNTRIED, problem="the service does not answer")


class AppriseChannel:
    """``Channel`` by service URLs. The package tells only yes or no, so a no is uncertain."""

    def __init__(self, file: AppriseChannelFile, addresses: AddressBook, secrets: SiteSecrets) -> None:
        self._file = file
        self._addresses = addresses
        self._secrets = secrets
        logging.getLogger("apprise").setLevel(_QUIET)  # it logs URLs, which hold tokens

    @property
    def name(self) -> str:
        return self._file.name

    def send(self, deliveries: Sequence[Delivery]) -> Sequence[Sent]:
        """One notification for each, until three in a row did not go."""
        sent: list[Sent] = []
        failures = 0
        for delivery in deliveries:
            sent.append(_UNTRIED if failures >= FAILURES_IN_A_ROW else self._one(delivery))
            failures = failures + 1 if sent[-1].outcome is Outcome.UNCERTAIN else 0
        return sent

    def _one(self, delivery: Delivery) -> Sent:
        address = self._addresses(delivery.person)
        services = apprise.Apprise()
        for url in self._file.urls:
            if "{address}" in url and not address:
                return Sent(Outcome.REFUSED, problem="no address in the call list")
            if not services.add(filled(url, {"address": quote(address, safe="")}, self._secrets)):
                return Sent(Outcome.REFUSED, problem="a service URL is not understood")
        went = services.notify(body=delivery.text, title=self._file.title, timeout=self._file.timeout_s)
        if went:
            return Sent(Outcome.ACCEPTED)
        return Sent(Outcome.UNCERTAIN, problem="the service did not take it")

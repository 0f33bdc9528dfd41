"""WeCom, DingTalk, Feishu, mail, webhooks and more through the ``apprise`` package (extra ``notify``)."""

from collections.abc import Sequence
from urllib.parse import quote

import apprise

from field_api.adapters.one_by_one import hush, one_by_one
from field_api.adapters.site_secrets import SiteSecrets
from field_api.notices.channel_file import AppriseChannelFile, filled
from field_api.notices.ports import AddressBook, Delivery, Outcome, Sent


class AppriseChannel:
    """``Channel`` by service URLs. The package tells only yes or no, so a no is uncertain."""

    def __init__(self, file: AppriseChannelFile, addresses: AddressBook, secrets: SiteSecrets) -> None:
        self._file = file
        self._addresses = addresses
        self._secrets = secrets
        hush()

    @property
    def name(self) -> str:
        return self._file.name

    def send(self, deliveries: Sequence[Delivery]) -> Sequence[Sent]:
        """One notification for each, until three in a row did not go."""
        return one_by_one(deliveries, self._one)

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

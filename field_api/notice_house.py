"""How notices leave an installation: rules, texts, channels and call list, put together from its files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from field_api.adapters.address_book import SiteAddresses
from field_api.adapters.log_channel import LogChannel
from field_api.adapters.notice_files import NoticeFolder, channel_files, open_channel, site_call_list
from field_api.adapters.site_secrets import SiteSecrets
from field_api.company import Company
from field_api.notices.call_list import STAFF
from field_api.notices.channel_file import HttpChannelFile, ReceiptRule
from field_api.notices.ports import Channel
from field_api.notices.rules import AT_ONCE, NoticeRules
from field_api.ports import Desk, Sites
from field_api.presentation import masked_recipient
from field_api.usecases.announce_plans import AnnouncePlans
from field_api.usecases.control_notices import Receipt, ReceiptsOf
from field_api.usecases.deliver_notices import DeliverNotices
from field_api.usecases.tell_progress import TellProgress
from field_api.usecases.tell_staff import TellStaff
from field_api.usecases.tell_villages import TellVillages
from telemetry.ports import OutageLog

PLANS_EVERY_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class NoticePolicy:
    """What a site says of its notices."""

    rules: NoticeRules = AT_ONCE
    customer_channel: str = LogChannel.name
    staff_channel: str = LogChannel.name
    folder: NoticeFolder | None = None


@dataclass(slots=True)
class NoticeDesk:
    """What the worker does about notices beside claiming revisions."""

    deliver: DeliverNotices
    staff: TellStaff
    progress: TellProgress
    villages: TellVillages
    plans: AnnouncePlans
    planned_ms: int = 0

    def look(self, now_ms: int) -> None:
        """Every few seconds: another expected time, planned work whose time has come."""
        self.progress(now_ms)
        self.villages(now_ms)
        if now_ms - self.planned_ms >= PLANS_EVERY_MS:
            self.planned_ms = now_ms
            self.plans(now_ms)


def notice_desk(
    policy: NoticePolicy, data_dir: Path, desk: Desk, outages: OutageLog, sites: Sites, company: Company
) -> NoticeDesk:
    """Everything for the worker; raises ``BadDataFile``. Nothing is connected yet."""
    log = LogChannel(data_dir / "notices.log")
    channels = {one.name: one for one in open_channels(policy, sites, _phones(desk))} | {log.name: log}
    villages = TellVillages(desk, outages, sites, company)
    staff = TellStaff(company, site_call_list(policy.folder), policy.staff_channel)
    return NoticeDesk(
        deliver=DeliverNotices(desk, company, channels, masked_by(sites), staff, rest=log.name),
        staff=staff,
        progress=TellProgress(desk, outages, sites, company),
        villages=villages,
        plans=AnnouncePlans(desk, sites, company, villages),
    )


def open_channels(
    policy: NoticePolicy, sites: Sites, phone_of: Callable[[str], str] = lambda _: ""
) -> tuple[Channel, ...]:
    """The channels of the site's files; raises ``BadDataFile``."""
    if policy.folder is None:
        return ()
    addresses = SiteAddresses(sites, site_call_list(policy.folder), phone_of)
    secrets = SiteSecrets(policy.folder.secrets)
    return tuple(open_channel(file, addresses, secrets) for file in channel_files(policy.folder))


def receipts_of(policy: NoticePolicy) -> ReceiptsOf:
    """How the receipts of each channel read, where its file says so."""
    return {
        file.name: partial(_receipts, file.receipts)
        for file in channel_files(policy.folder)
        if isinstance(file, HttpChannelFile) and file.receipts is not None
    }


def masked_by(sites: Sites) -> Callable[[str], str]:
    """Recipients as a channel that must not know them, a log and a list see them."""

    def masked(person: str) -> str:
        site = sites.current()
        if site is None:
            return person if person.startswith(STAFF) else "*"
        return masked_recipient(site.network, person)

    return masked


def _phones(desk: Desk) -> Callable[[str], str]:
    def phone_of(person_id: str) -> str:
        with desk.reading() as session:
            person = session.establishment.read().person.get(person_id)
        return person.phone if person is not None else ""

    return phone_of


def _receipts(rule: ReceiptRule, body: object) -> tuple[Receipt, ...]:
    return tuple(Receipt(reference, state) for reference, state in rule.read_from(body))

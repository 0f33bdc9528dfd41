"""Where the desk of this installation keeps its things and by what promises it works: from the settings."""

from pathlib import Path
from typing import Final

from field_api.adapters.notice_files import NoticeFolder
from field_api.app import Installation
from field_api.instants import MINUTE_MS
from field_api.notice_house import NoticePolicy
from field_api.notices.rules import DAY_MS, HOUR_MS, NoticeRules
from field_api.partners.webhooks import TargetRules
from field_api.sideline_app import SidelinePlan
from gridcrew.settings import Settings

PROFILES: Final = "profiles"


def installation(settings: Settings) -> Installation:
    """For the web and worker processes, which must agree."""
    return Installation(
        location=settings.database_location,
        data_dir=settings.data_dir.absolute(),
        language=settings.language,
        profile=settings.company.profile,
        profiles=settings.site_folder / PROFILES,
        company=settings.company.code,
        site=settings.site_folder,
        keys=settings.key_file,
        photos_bytes=settings.web.photos_quota_mb * 2**20,
        webhooks=webhook_rules(settings),
        automatic_dispatch=settings.company.dispatch == "automatic",
        notices=notice_policy(settings),
    )


def notice_policy(settings: Settings) -> NoticePolicy:
    """What may leave by itself, when and by which channel."""
    said = settings.notices
    rules = NoticeRules(
        automatic_below=said.automatic_below,
        key_waits=said.key_waits,
        dwell_ms=round(said.dwell_s * 1_000),
        quiet_from=said.quiet_from,
        quiet_until=said.quiet_until,
        villages=said.villages,
        change_ms=said.change_minutes * MINUTE_MS,
        again_ms=said.again_minutes * MINUTE_MS,
        planned_ahead_ms=said.planned_days_ahead * DAY_MS,
        temporary_ahead_ms=said.temporary_hours_ahead * HOUR_MS,
    )
    folder = NoticeFolder(settings.site_folder)
    return NoticePolicy(rules, said.customer_channel, said.staff_channel, folder)


def webhook_rules(settings: Settings) -> TargetRules:
    """Where webhooks may go."""
    hosts = (host.strip().lower() for host in settings.webhooks.hosts.split(","))
    chosen = settings.webhooks
    return TargetRules(frozenset(filter(None, hosts)), chosen.allow_private, chosen.ca_file)


def sideline_plan(settings: Settings) -> SidelinePlan:
    """What the worker's process does beside claiming outages."""
    tickets = settings.tickets
    return SidelinePlan(
        settings.board_folder,
        settings.board.every_s,
        settings.board.keep,
        Path(tickets.inbox or settings.data_dir / "tickets").absolute(),
        Path(tickets.outbox).absolute() if tickets.outbox else None,
    )

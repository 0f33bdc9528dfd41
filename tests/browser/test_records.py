"""What is only read: working days for everybody, the audit record for auditors."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from geo.adapters.database import open_database
from tests.browser.desk import fits_a_phone
from tests.browser.page import CommandCentre
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("product")]

PASSWORD = "a-long-word-for-the-auditor"


def test_working_days_show_what_differs_and_what_is_provisional(
    running_product: Product, desk_page: Page
) -> None:
    """2026 is published with its make-up days; a year that nobody has published is called provisional."""
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    desk_page.goto(f"{running_product.url}records/calendar")
    calendar = centre.get("calendar")
    expect(calendar.locator("table")).to_have_count(12)
    while calendar.get_attribute("data-year") != "2026":
        year = int(calendar.get_attribute("data-year") or 0)
        centre.get("year-before" if year > 2026 else "year-after").click()
        expect(calendar).to_have_attribute("data-year", str(year + (1 if year < 2026 else -1)))
    expect(centre.get("calendar-standing")).to_have_text("已公布")
    expect(centre.get("differing")).to_contain_text("2026-02-14")
    assert not centre.serious_violations()
    for year in (2027, 2028):
        centre.get("year-after").press("Enter")
        expect(calendar).to_have_attribute("data-year", str(year))
    expect(centre.get("calendar-standing")).to_have_text("暂定")
    centre.get("records-back").click()
    expect(centre.get("tab-outages")).to_be_visible()


def test_an_auditor_sees_the_record_and_nothing_else(running_product: Product, desk_page: Page) -> None:
    """No map, no lists that would be refused; who did what, filtered."""
    running_product.command(
        "user", "add", "page-auditor", "--role", "auditor", "--password", PASSWORD, "--language", "en"
    )
    desk_page.goto(running_product.url)
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.get("login-username").fill("page-auditor")
    centre.get("login-password").fill(PASSWORD)
    centre.get("login-submit").click()
    expect(centre.get("audit-row").first).to_be_visible()
    expect(desk_page.locator(".map-canvas")).to_have_count(0)
    centre.get("audit-action").select_option("login")
    expect(centre.get("audit-row").first).to_contain_text("logged in")
    centre.get("audit-all").click()
    centre.get("audit-actor").fill("page-auditor")
    centre.get("audit-find").click()
    expect(centre.get("audit-row")).to_have_count(1)
    assert not centre.serious_violations()
    _chain_is_checked(centre)
    fits_a_phone(centre)
    centre.get("records-calendar").click()
    expect(centre.get("calendar")).to_contain_text("Working days")


def _chain_is_checked(centre: CommandCentre) -> None:
    """Whole as it was written; where somebody with the database's file altered a row, that row is named."""
    chain = centre.get("audit-chain")
    centre.get("audit-check").press("Enter")
    expect(chain).to_have_attribute("data-state", "whole")
    engine = open_database(centre.product.environment["GRIDCREW_DATA_DIR"], "desk")
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE audit SET subject = subject || '!' WHERE sequence = 2"))
        centre.get("audit-check").click()
        expect(chain).to_have_attribute("data-state", "broken")
        expect(chain).to_contain_text("row 2 was altered")
    finally:
        with engine.begin() as connection:
            mended = "UPDATE audit SET subject = substr(subject, 1, length(subject) - 1) WHERE sequence = 2"
            connection.execute(text(mended))
        engine.dispose()

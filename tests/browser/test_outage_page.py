"""The page of one outage and the tools beside the map, as a dispatcher uses them in the running product."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.page import OUTAGE_S, CommandCentre
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("product")]

TRANSFORMERS = iter(("T35", "T66"))
"""Of the reference grid; no other test lets these fail."""
TIE = "S20906"
"""A normally open switch between two feeders: closing it takes supply from nobody."""
CHINESE = re.compile(r"[\u3400-\u9fff]")
SECOND_MS = 1000


def _outage_of(centre: CommandCentre, element: str) -> Locator:
    """The outage of that element in the list, once the detector has found it."""
    centre.product.command("sim", "trip", element)
    centre.log_in()
    centre.speak("en")
    return centre.outage_at(element).first


def test_an_outage_has_a_page_that_shows_its_reasons(centre: CommandCentre, running_product: Product) -> None:
    """An address of its own; verdict, rivals, what can be seen, proposals; both languages; no barrier."""
    element, page = next(TRANSFORMERS), centre.page
    found = _outage_of(centre, element)
    found.click(timeout=OUTAGE_S * SECOND_MS)
    centre.get("open-page").click()
    expect(page).to_have_url(re.compile(r"/outages/O-\d{8}-\w+$"))
    page.reload()
    shown = centre.get("outage-page")
    expect(centre.get("verdict")).to_contain_text("outage", timeout=OUTAGE_S * SECOND_MS)
    expect(centre.get("explanation")).to_contain_text("last gasp")
    expect(centre.get("sight").get_by_test_id("feeder-item")).to_contain_text("observable")
    expect(centre.get("supply-steps")).to_contain_text(re.compile("still out|Not confirmed"))
    expect(centre.get("isolation").locator("li").first).to_be_visible()
    expect(centre.get("back-feeds").first).to_contain_text("test for voltage")
    for part in ("page-head", "part#part-restore"):
        assert not CHINESE.search(shown.locator(f".{part}").inner_text()), (
            "an English page shows English names"
        )
    centre.speak("zh-CN")
    expect(centre.get("verdict")).to_contain_text("停电")
    assert not centre.serious_violations()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off sideways"
    running_product.command("sim", "restore", element)


def test_a_customers_word_is_corrected_from_the_page(running_product: Product, desk_page: Page) -> None:
    """The customer's row fills the form; the word is kept with name and reason; keys alone lead back."""
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    element = "T58"
    _outage_of(centre, element).click(timeout=OUTAGE_S * SECOND_MS)
    centre.get("open-page").click()
    centre.get("load-customers").click(timeout=OUTAGE_S * SECOND_MS)
    row = centre.get("affected-customers").locator("li").first
    customer = row.locator("code").inner_text()
    row.locator(".people-correct button").click()
    expect(centre.get("correct-customer")).to_have_value(customer)
    centre.get("correct-note").fill("phoned: lights are on")
    desk_page.keyboard.press("Enter")
    expect(centre.get("corrections")).to_contain_text(f"{customer}")
    expect(centre.get("corrections")).to_contain_text("phoned: lights are on")
    centre.get("load-absences").click(timeout=OUTAGE_S * SECOND_MS)
    expect(centre.get("absences").locator("tbody tr").first).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))
    centre.get("page-back").focus()
    desk_page.keyboard.press("Enter")
    expect(centre.get("outage-detail")).to_be_visible()
    running_product.command("sim", "restore", element)


def test_an_element_is_traced_asked_about_and_reported(running_product: Product, desk_page: Page) -> None:
    """Trace, what-if and a report by hand: what is not normal stands on the map and in the list."""
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    centre.speak("en")
    centre.open_element(TIE)
    centre.get("tool-trace").click()
    expect(centre.get("trace-sum")).to_contain_text("elements")
    centre.get("trace-connected").check()
    expect(centre.get("trace")).to_contain_text("Stopped at")
    centre.get("tool-whatif").click()
    centre.get("what-if-open").fill("")
    centre.get("what-if-close").fill(TIE)
    centre.get("what-if-ask").click()
    expect(centre.get("what-if-answer")).to_contain_text(re.compile("loop|joins"))
    assert not centre.serious_violations()
    _report(centre, "closed")
    expect(centre.get("moved")).to_contain_text("not its normal position")
    expect(desk_page.locator(".pin-moved")).to_have_count(1)
    _report(centre, "open")
    expect(desk_page.locator(".pin-moved")).to_have_count(0, timeout=15 * SECOND_MS)


def _report(centre: CommandCentre, position: str) -> None:
    if not centre.get("switching-form").is_visible():
        centre.get("tool-switch").click()
    centre.get("switching-position").select_option(position)
    centre.get("switching-note").fill("by the test")
    centre.get("switching-send").click()
    expect(centre.get("switching-note")).to_have_value("")


def test_a_network_waits_for_approval(running_product: Product, desk_page: Page, tmp_path: Path) -> None:
    """A proposal shows its feeders with what changes; dismissed, it is settled and nothing went live."""
    folder = tmp_path / "network"
    running_product.command("network", "export", str(folder))
    _lengthen(folder / "edges.csv", "L10184")
    running_product.command("network", "propose", str(folder))
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    centre.speak("en")
    centre.get("tab-alarms").click()
    expect(desk_page.locator("#side-body")).to_contain_text("Faults that rules found")
    centre.get("tab-grid").click()
    proposal = centre.get("proposal")
    expect(proposal).to_contain_text("1 changed")
    expect(proposal.get_by_role("checkbox")).to_be_checked()
    assert not centre.serious_violations()
    centre.get("network-note").fill("not yet")
    centre.get("dismiss").click()
    expect(proposal).to_have_count(0)
    expect(centre.get("versions").locator("li")).to_have_count(1)


def _lengthen(file: Path, edge: str) -> None:
    with file.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    for row in rows:
        if row["id"] == edge:
            row["length_m"] = "4321"
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)

"""The main job as a dispatcher sees it: a simulated trip becomes an outage on the page, and ends on it."""

import contextlib
import re
import subprocess
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK
from tests.browser.page import OUTAGE_S, CommandCentre
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("product")]

UNMASKED_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
TRANSFORMERS = iter(("T12", "T47", "T80", "T101"))
"""Of the reference grid; another one each time, so that no test waits for another's crew."""
ORDER_MS = 30_000
RESTORED_MS = 120_000
TILES_S = 60.0
LOOK_MS = 100


def trip(centre: CommandCentre) -> tuple[str, str]:
    """Lets a transformer fail with the demo's button, once nothing else is out; its id and name."""
    expect(centre.page.locator("[data-testid=outage-list] li")).to_have_count(0, timeout=RESTORED_MS)
    element = next(TRANSFORMERS)
    centre.open_element(element)
    panel = centre.get("element-panel")
    name = panel.locator("h2 .name").inner_text()
    assert int(panel.get_by_test_id("customers-below").inner_text().replace(",", "")) > 1
    centre.get("demo-trip").click()
    expect(centre.get("demo-restore")).to_be_visible()
    return element, name


def test_a_trip_becomes_an_outage_in_both_languages(centre: CommandCentre, running_product: Product) -> None:
    """Cause, customers, confidence and order show in Chinese and English; axe finds no serious violation."""
    centre.log_in()
    element, name = trip(centre)
    centre.back_to_list()
    outage = centre.outage_of(name)
    expect(outage).to_be_visible(timeout=OUTAGE_S * 1000)
    # From here on by its id: in English the row shows the English name.
    outage = centre.page.locator(
        f"[data-testid=outage-list] [data-outage='{outage.get_attribute('data-outage')}']"
    )
    assert not centre.serious_violations()
    for language, words in (("zh-CN", ("户停电", "置信度")), ("en", ("out", "Confidence"))):
        centre.speak(language)
        for word in words:
            expect(outage).to_contain_text(word)
        assert not centre.serious_violations()
    outage.click()
    expect(centre.get("outage-detail")).to_have_attribute("data-state", "confirmed", timeout=ORDER_MS)
    expect(centre.get("outage-detail").get_by_test_id("order-item")).to_be_visible(timeout=ORDER_MS)
    centre.get("load-customers").click()
    expect(centre.get("affected-customers").locator("li").first).to_contain_text("*")
    assert not UNMASKED_PHONE.search(centre.page.inner_text("body"))
    assert not centre.serious_violations()
    if centre.on_desk:
        expect(centre.page.locator(".pin-confirmed").first).to_be_visible()
    with contextlib.suppress(subprocess.CalledProcessError):  # its crew may have been quicker
        running_product.command("sim", "restore", element)


def test_power_returns_and_the_outage_leaves_the_list(running_product: Product, desk_page: Page) -> None:
    """The outage closes on positive evidence, whoever mends the fault: the simulated crew or the button."""
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    element, name = trip(centre)
    centre.back_to_list()
    expect(centre.outage_of(name)).to_be_visible(timeout=OUTAGE_S * 1000)
    centre.open_element(element)
    centre.get("demo-restore").click()
    centre.back_to_list()
    expect(centre.outage_of(name)).to_have_count(0, timeout=RESTORED_MS)
    expect(centre.get("restored-list")).to_contain_text(name)


def test_the_map_draws_the_network_and_the_scope(running_product: Product, desk_page: Page) -> None:
    """Tiles of every layer in view arrive and hold something."""
    sizes: dict[str, int] = {}
    desk_page.on("response", lambda answer: _note_tile(answer.url, answer.status, answer.headers, sizes))
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    centre.open_element("T30")
    expect(desk_page.locator(".map-canvas canvas")).to_be_visible()
    layers = {"lines", "transformers", "switches", "customers", "cells"}
    deadline_s = time.monotonic() + TILES_S
    while not layers <= {name for name, size in sizes.items() if size}:
        assert time.monotonic() < deadline_s, f"of the layers only {sorted(sizes)} came"
        desk_page.wait_for_timeout(LOOK_MS)


def _note_tile(url: str, status: int, headers: dict[str, str], sizes: dict[str, int]) -> None:
    found = re.search(r"/tiles/(\w+)/", url)
    if found:
        assert status == 200, url
        sizes[found[1]] = sizes.get(found[1], 0) + int(headers.get("content-length", "0"))


def test_without_webgl_everything_but_the_map_works(running_product: Product, desk_page: Page) -> None:
    """A browser without WebGL2 gets lists, details and search, and is told why there is no map."""
    desk_page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind.startsWith('webgl') ? null : real.call(this, kind, ...rest) }"
    )
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    expect(centre.get("map-missing")).to_be_visible()
    centre.open_element("T30")
    expect(centre.get("customers-below")).not_to_be_empty()
    centre.back_to_list()
    expect(centre.get("outage-list")).to_be_attached()


def test_staleness_shows_and_reconnecting_needs_no_reload(running_product: Product, browser: Browser) -> None:
    """Cut off from the server the page says so, and is live again by itself."""
    with browser.new_context(viewport=DESK) as context:  # type: ignore[arg-type]
        centre = CommandCentre(context.new_page(), running_product, on_desk=True)
        centre.log_in()
        context.set_offline(True)
        expect(centre.get("live-state")).to_have_attribute("data-state", "lost", timeout=40_000)
        context.set_offline(False)
        expect(centre.get("live-state")).to_have_attribute("data-state", "live", timeout=40_000)


def test_a_wrong_password_is_refused_in_words(running_product: Product, browser: Browser) -> None:
    """The login page speaks Chinese first and has no serious violation."""
    with browser.new_context(viewport=DESK) as context:  # type: ignore[arg-type]
        centre = CommandCentre(context.new_page(), running_product, on_desk=True)
        centre.page.goto(running_product.url)
        assert not centre.serious_violations()
        centre.get("login-username").fill("viewer")
        centre.get("login-password").fill("not-it")
        centre.get("login-submit").click()
        expect(centre.page.get_by_role("alert")).to_contain_text("不正确")

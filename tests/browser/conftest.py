"""Chromium of the machine, and one running product for all tests of the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.page import CommandCentre
from tests.product import Product

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-quic", "--no-first-run",
)  # fmt: skip
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium: nothing is downloaded."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: make system-packages")
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": list(QUIET)}


@pytest.fixture(params=["desk", "phone"])
def centre(
    request: pytest.FixtureRequest, browser: Browser, running_product: Product
) -> Iterator[CommandCentre]:
    """The page at the size of a desk and of a phone; a complaint on the console fails the test."""
    size = DESK if request.param == "desk" else PHONE
    with browser.new_context(viewport=size, locale="zh-CN") as context:  # type: ignore[arg-type]
        page = context.new_page()
        complaints = watch_console(page)
        yield CommandCentre(page, running_product, on_desk=request.param == "desk")
    assert not complaints


@pytest.fixture
def desk_page(browser: Browser) -> Iterator[Page]:
    """An empty page of a desk's size; a complaint on the console fails the test."""
    with browser.new_context(viewport=DESK, locale="zh-CN") as context:  # type: ignore[arg-type]
        page = context.new_page()
        complaints = watch_console(page)
        yield page
    assert not complaints


def watch_console(page: Page) -> list[str]:
    """Collects errors of scripts, of the content policy and of requests."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.text} ({message.location})")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints

"""The command-centre page as a test uses it: by test ids, roles and visible text."""

import re
from dataclasses import dataclass
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.product import Product

OUTAGE_S: Final = 30.0
"""Until the page shows an outage; the product's own limit is measured elsewhere."""
SERIOUS: Final = frozenset({"serious", "critical"})


@dataclass(frozen=True, slots=True)
class CommandCentre:
    page: Page
    product: Product
    on_desk: bool

    def log_in(self) -> None:
        self.page.goto(self.product.url)
        self.get("login-username").fill(self.product.username)
        self.get("login-password").fill(self.product.password)
        self.get("login-submit").click()
        expect(self.get("live-state")).to_have_attribute("data-state", "live", timeout=30_000)

    def get(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    def open_element(self, element: str) -> None:
        """Through the search box, as a dispatcher does."""
        self.get("search-input").fill(element)
        exact = self.page.locator(
            "[data-testid=search-result]", has_text=re.compile(rf"\b{re.escape(element)}$")
        )
        exact.first.click()
        expect(self.get("element-panel")).to_have_attribute("data-element", element)

    def speak(self, language: str) -> None:
        """Switch the page to `zh-CN` or `en`."""
        if self.page.locator("html").get_attribute("lang") != language:
            self.get("language-switch").click()
        expect(self.page.locator("html")).to_have_attribute("lang", language)

    def back_to_list(self) -> None:
        if self.get("back").is_visible():
            self.get("back").click()
        self.get("tab-outages").click()

    def outage_of(self, element_name: str) -> Locator:
        return self.page.locator("[data-testid=outage-list] [data-testid=outage-item]", has_text=element_name)

    def outage_at(self, element: str) -> Locator:
        """The open outage that this element may have caused; other tests' may still be listed."""
        return self.page.locator(
            f"[data-testid=outage-list] [data-testid=outage-item][data-cause~='{element}']"
        )

    def serious_violations(self) -> list[str]:
        """What axe finds that keeps people out, each with the place it found."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{violation['id']}: {violation['nodes'][0]['html'][:200]}"
            for violation in found
            if violation["impact"] in SERIOUS
        ]

"""An order on its page: pictures that arrive in spite of everything, a lost answer, splitting and merging."""

import io
import random
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import DESK
from tests.browser.desk import QUIET, fits_a_phone, quiet_order, read, to_quiet_crew
from tests.browser.page import OUTAGE_S, CommandCentre
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("product")]

PART = 256 * 1024
SIZE = (900, 600)
SMALL = 480
CAPTION = "断线处近景"


@pytest.fixture
def unlucky_page(browser: Browser) -> Iterator[Page]:
    """Of a desk's size; here requests may fail, which the browser tells on its console."""
    with browser.new_context(viewport=DESK, locale="zh-CN") as context:  # type: ignore[arg-type]
        yield context.new_page()


def _picture() -> bytes:
    """Noise: more than two parts long."""
    out, (width, height) = io.BytesIO(), SIZE
    noise = random.Random(7).randbytes(width * height * 3)
    Image.frombytes("RGB", SIZE, noise).save(out, "JPEG", quality=95)
    assert len(out.getvalue()) > 2 * PART
    return out.getvalue()


def test_a_picture_arrives_although_the_connection_breaks(
    running_product: Product, unlucky_page: Page
) -> None:
    """After the first part nothing gets through; the page, opened again, goes on from there."""
    centre = CommandCentre(unlucky_page, running_product, on_desk=True)
    centre.log_in()
    order = quiet_order(centre, type="inspection", subject_id="T116")
    unlucky_page.goto(f"{running_product.url}#order/{order['id']}")
    begun: list[str] = []
    mended: list[bool] = []

    def first_part_only(route: Route) -> None:
        if route.request.method != "PUT":
            return route.continue_()
        begun.append(route.request.headers["content-range"])
        passes = len(begun) == 1 or mended
        return route.continue_() if passes else route.abort("internetdisconnected")

    unlucky_page.route("**/photos/*/content", first_part_only)
    centre.get("photo-caption").fill(CAPTION)
    file = {"name": "pole.jpg", "mimeType": "image/jpeg", "buffer": _picture()}
    centre.get("photo-input").set_input_files(file)  # type: ignore[arg-type]
    leaving = centre.get("photo-leaving")
    expect(leaving).to_have_attribute("data-state", "waiting")
    expect(leaving).to_have_attribute("data-received", str(PART))
    expect(leaving).to_contain_text("自动续传")
    assert not centre.serious_violations()

    unlucky_page.reload()
    expect(leaving).to_have_attribute("data-received", str(PART))
    mended.append(True)
    photo = centre.get("photo")
    expect(photo).to_contain_text(CAPTION)
    expect(photo).to_contain_text(read(centre, "session")["user"]["name"])
    expect(leaving).to_have_count(0)
    assert [part for part in begun if part.startswith("bytes 0-")] == begun[:1], "it began anew"
    assert photo.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == SMALL
    expect(centre.get("order-photos")).not_to_contain_text("尚未传到")
    centre.speak("en")
    fits_a_phone(centre)


def test_a_step_whose_answer_was_lost_is_taken_once(running_product: Product, unlucky_page: Page) -> None:
    """The same click again is the same operation of the same instant."""
    centre = CommandCentre(unlucky_page, running_product, on_desk=True)
    centre.log_in()
    order = quiet_order(centre, type="inspection", subject_id="T117")
    unlucky_page.goto(f"{running_product.url}#order/{order['id']}")
    bodies: list[dict[str, Any]] = []

    def lose_the_first_answer(route: Route) -> None:
        bodies.append(route.request.post_data_json or {})
        if len(bodies) > 1:
            return route.continue_()
        assert route.fetch().ok
        return route.abort("connectionreset")

    unlucky_page.route("**/steps", lose_the_first_answer)
    centre.get("step-remark").press("Enter")
    centre.get("step-note").fill("只记一次")
    centre.get("step-send").click()
    expect(centre.get("step-problem")).to_be_visible()
    centre.get("step-send").click()
    expect(centre.get("step-form")).to_have_count(0)
    first, second = ({**body, "sent_at": ""} for body in bodies)
    assert first == second
    history = read(centre, f"orders/{order['id']}")["history"]
    assert [one["note"] for one in history].count("只记一次") == 1


def test_a_job_is_split_and_merged_again(running_product: Product, desk_page: Page) -> None:
    """A second order for another element of the incident; then one absorbs the other and both say so."""
    running_product.command("sim", "trip", "T113")
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    outage = centre.outage_at("T113").first.get_attribute("data-outage", timeout=OUTAGE_S * 1000)
    assert outage
    job = quiet_order(centre, type="patrol", subject_id="T113", outage_id=outage)
    desk_page.goto(f"{running_product.url}#order/{job['id']}")
    detail = centre.get("order-detail")
    centre.get("join-split").click()
    centre.get("join-send").click()
    expect(centre.get("order-join")).to_contain_text("请填写此项")
    centre.get("join-thing").fill("T114")
    centre.get("join-send").press("Enter")
    expect(detail).to_contain_text("T114")
    second = desk_page.url.partition("#order/")[2]
    moved = to_quiet_crew(centre, second)

    desk_page.goto(f"{running_product.url}#order/{job['id']}")
    centre.get("join-merge").press("Enter")
    expect(centre.get("join-thing")).to_contain_text(moved["number"])
    centre.get("join-thing").select_option(second)
    centre.get("join-note").fill("同一处故障")
    fits_a_phone(centre)
    centre.get("join-send").press("Enter")
    expect(detail).to_contain_text(moved["number"])
    expect(centre.get("order-history")).to_contain_text(f"工单 {job['number']} 已并入本单")
    absorbed = read(centre, f"orders/{job['id']}")
    assert (absorbed["state"], absorbed["crew_id"]) == ("cancelled", QUIET)
    assert absorbed["history"][-1]["details"]["merged_into"] == second
    desk_page.goto(f"{running_product.url}#order/{job['id']}")
    expect(
        centre.get("order-history").get_by_role("button", name=f"已并入工单 {moved['number']}")
    ).to_be_visible()
    running_product.command("sim", "restore", "T113")

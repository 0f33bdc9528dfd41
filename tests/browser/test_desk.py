"""What a dispatcher decides on the page: notices that wait, holds, who goes where, steps of an order."""

import time
import uuid

import pytest
from playwright.sync_api import Page, expect

from field_api.notices.control import ChannelState
from field_api.notices.notice import Announcement, NoticeState, Posting
from field_api.notices.rules import Urgency
from field_api.people.users import WHOLE_COMPANY
from tests.browser.desk import QUIET, fits_a_phone, quiet_order, read, writing
from tests.browser.page import CommandCentre
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("product")]

FEED_MS = 20_000
TEXT = "【停电通知】测试网格因试验于21:00停电，预计23:00前恢复供电（暂定）。咨询95598，监督12398。"


def _waiting(product: Product, people: int) -> str:
    """Lets a notice to so many people wait for a click, one of them a key customer; its incident."""
    now_ms, incident = time.time_ns() // 1_000_000, f"inc-test-{uuid.uuid4().hex[:8]}"
    with writing(product) as session:
        cell = session.organisation.cells(WHOLE_COMPANY)[0].id
        told = Announcement(
            f"{incident}/1", incident, incident, "outage", now_ms, TEXT, customers=900, key_customers=1
        )
        postings = [
            Posting(
                f"{incident}/{one}", f"nobody-{one}", cell, "log", state=NoticeState.PENDING,
                urgency=Urgency.EVERYBODY if one else Urgency.KEY,
            )
            for one in range(people)
        ]  # fmt: skip
        session.outbox.announce(told, postings)
    return incident


def _states(product: Product, incident: str) -> set[str]:
    with writing(product) as session:
        listed = session.outbox.listed(WHOLE_COMPANY, None, 500)
    return {one.state.value for one in listed if one.announcement.incident_id == incident}


def test_a_waiting_notice_shows_whom_it_reaches_and_goes_by_one_click(
    running_product: Product, desk_page: Page
) -> None:
    """The count stands on the tab; people, flags, words and why; yes lets it go, no wants a reason."""
    incident, refused = _waiting(running_product, 3), _waiting(running_product, 2)
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    expect(centre.get("count-notices")).to_be_visible(timeout=FEED_MS)
    centre.get("tab-notices").press("Enter")
    card = centre.page.locator(f"[data-testid=pending][data-incident='{incident}']")
    expect(card.get_by_test_id("reach")).to_contain_text("3 人")
    expect(card).to_contain_text("重要 1")
    expect(card.get_by_test_id("notice-text")).to_have_text(TEXT)
    assert not centre.serious_violations()
    card.get_by_test_id("notice-approve").press("Enter")
    expect(card).to_have_count(0)
    assert _states(running_product, incident) <= {"queued", "sending", "sent"}
    centre.speak("en")
    other = centre.page.locator(f"[data-testid=pending][data-incident='{refused}']")
    other.get_by_test_id("notice-reject").press("Enter")
    note = other.get_by_test_id("notice-note")
    expect(note).to_be_focused()
    note.press("Enter")
    expect(other).to_contain_text("Please fill this in")
    fits_a_phone(centre)
    note.fill("a drill")
    note.press("Enter")
    expect(other).to_have_count(0)
    assert _states(running_product, refused) == {"rejected"}


def test_a_hold_is_made_seen_and_released(running_product: Product, desk_page: Page) -> None:
    """A feeder is kept back with name and reason; a channel that fails is told above all else."""
    now_ms = time.time_ns() // 1_000_000
    with writing(running_product) as session:
        session.notices.put_channel(ChannelState("sms-test", now_ms - 400_000, "ConnectTimeout", True))
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    centre.get("tab-notices").click()
    expect(centre.get("channel-down")).to_contain_text("sms-test")
    centre.get("hold-open").click()
    centre.get("hold-send").click()
    expect(centre.get("hold-form")).to_contain_text("请填写此项")
    thing = centre.get("hold-thing").locator("option").nth(3).get_attribute("value")
    centre.get("hold-thing").select_option(thing)
    centre.get("hold-note").fill("核实中")
    centre.get("hold-send").click()
    held = desk_page.locator(f"[data-testid=holds] [data-thing='{thing}']")
    expect(held).to_contain_text("核实中")
    assert not centre.serious_violations()
    held.get_by_test_id("release").click()
    expect(held).to_have_count(0)
    with writing(running_product) as session:
        session.notices.put_channel(ChannelState("sms-test", None, "", reported=False))


def test_the_plan_says_who_goes_where_and_a_crew_is_chosen_by_hand(
    running_product: Product, desk_page: Page
) -> None:
    """Proposals stand first with reasons and runners-up: one is taken by a click, one overruled by hand."""
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    order, taken = (quiet_order(centre, type="inspection", subject_id=one) for one in ("T110", "T109"))
    centre.get("tab-dispatch").click()
    proposed = centre.get("proposals").locator(f"[data-testid=visit][data-order='{taken['id']}']")
    expect(proposed.get_by_test_id("visit-change")).to_contain_text("→", timeout=FEED_MS)
    expect(proposed.get_by_test_id("runners-up").locator("li").first).to_contain_text("到场")
    assert not centre.serious_violations()
    proposed.get_by_test_id("take").press("Enter")
    expect(proposed).to_have_count(0)
    history = read(centre, f"orders/{taken['id']}")["history"]
    given = [one["details"] for one in history if one["step"] == "transfer"]
    assert given[-1]["from_crew"] == QUIET
    visit = desk_page.locator(f"[data-testid=visit][data-order='{order['id']}']")
    expect(visit).to_be_visible(timeout=FEED_MS)
    expect(visit.get_by_test_id("visit-reasons").locator("li").first).to_be_visible()
    expect(visit).to_contain_text("办结时限")
    expect(visit.get_by_test_id("choose-crew")).to_be_enabled()
    visit.get_by_test_id("choose-crew").click()
    visit.get_by_test_id("choice-send").click()
    expect(visit).to_contain_text("请填写此项")
    fits_a_phone(centre)
    crew = visit.get_by_test_id("choice-crew").locator("option").nth(1).get_attribute("value")
    assert crew
    visit.get_by_test_id("choice-crew").select_option(crew)
    visit.get_by_test_id("choice-note").fill("本班组熟悉现场")
    visit.get_by_test_id("choice-send").click()
    expect(visit.get_by_test_id("choice-send")).to_have_count(0)
    told = read(centre, f"orders/{order['id']}")["history"]
    assert [one["details"]["to_crew"] for one in told if one["note"] == "本班组熟悉现场"] == [crew]


def test_an_order_is_stepped_on_behalf_of_its_crew(running_product: Product, desk_page: Page) -> None:
    """Accept, arrive, make safe with a form from its schema: marked, with errors beside the field."""
    centre = CommandCentre(desk_page, running_product, on_desk=True)
    centre.log_in()
    order = quiet_order(centre, type="patrol", subject_id="T111")
    desk_page.goto(f"{running_product.url}#order/{order['id']}")
    detail = centre.get("order-detail")
    for step, state in (("accept", "accepted"), ("arrive", "arrived")):
        centre.get(f"step-{step}").press("Enter")
        expect(centre.get("step-form")).to_contain_text("代")
        centre.get("step-send").press("Enter")
        expect(detail).to_have_attribute("data-state", state)
    expect(centre.get("clear-state")).to_have_attribute("data-standing", "at_work")
    centre.get("step-make_safe").press("Enter")
    centre.get("step-send").press("Enter")
    form = centre.get("step-form")
    expect(form.locator("[aria-invalid=true]").first).to_be_focused()
    form.get_by_label("工作票号").fill("T-7")
    form.get_by_label("工作许可人").fill("王工")
    form.get_by_label("已验电无电压").check()
    form.get_by_label("接地线组数").fill("21")
    centre.get("step-send").click()
    expect(centre.get("field-earthing_placed")).to_contain_text("不得大于 20")
    assert not centre.serious_violations()
    form.get_by_label("接地线组数").fill("2")
    centre.get("step-send").click()
    expect(centre.get("clear-state")).to_contain_text("2 组")
    expect(centre.get("order-safety")).to_contain_text("T-7")
    centre.speak("en")
    made_safe = centre.get("order-history").locator("[data-step=make_safe]")
    expect(made_safe).to_contain_text("tested dead: yes")
    expect(made_safe).to_contain_text(f"for {QUIET}")
    fits_a_phone(centre)

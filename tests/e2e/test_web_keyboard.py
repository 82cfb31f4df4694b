"""By keyboard alone: search, lists, approving, the replay, the package; and the small manners of forms."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.e2e.conftest import WebShop


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent || document.activeElement.name || ''")).strip()


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until the element with these words has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if words in _focused(page):
            return
    raise AssertionError(f"{words!r} is not reached by Tab")


def test_an_approver_decides_without_a_mouse(web_shop: WebShop):
    page = web_shop.page("casey")
    page.goto("/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your decision")).to_be_visible()
    _tab_to_reason(page)
    page.keyboard.type("The owner agrees: plan and rollback are sound.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("You approved")


def _tab_to_reason(page: Page) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "reason":
            return
    raise AssertionError("the reason is not reached by Tab")


def test_the_palette_jumps_by_keyboard(web_shop: WebShop):
    page = web_shop.page("iris")
    page.goto("/")
    page.keyboard.press("/")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.type(web_shop.seed["scheduled"])
    expect(page.get_by_role("option").first).to_contain_text(web_shop.seed["scheduled"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tickets/{web_shop.seed['scheduled']}/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#palette input")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/assets/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next and previous line")


def test_the_replay_plays_seeks_and_is_searched_by_keyboard(web_shop: WebShop):
    page = web_shop.page("quinn")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/sessions/")
    page.goto(f"/sessions/{web_shop.seed['session']}/")
    expect(page.locator(".player-box .ap-player")).to_be_visible()
    expect(page.get_by_text("Intact")).to_be_visible()
    page.keyboard.press("f")
    page.keyboard.type("openssl")
    expect(page.locator("#hit-count")).to_have_text(re.compile("4 lines"))
    page.keyboard.press("Enter")
    page.locator("#hits button").last.press("Enter")
    expect(page.locator(".player-box .ap-time-elapsed")).not_to_have_text(re.compile("00:00|--:--"))
    page.locator("#skip-idle").press("Space")
    expect(page.locator(".player-box .ap-player")).to_be_visible()
    page.locator("#speed").select_option("4")
    expect(page.locator(".player-box .ap-player")).to_be_visible()


def test_the_recording_is_downloaded_by_keyboard(web_shop: WebShop, tmp_path: Path):
    page = web_shop.page("quinn")
    page.goto(f"/sessions/{web_shop.seed['session']}/")
    _tab_to(page, "Recording")
    with page.expect_download() as downloading:
        page.keyboard.press("Enter")
    downloading.value.save_as(tmp_path / "a.cast")
    assert (tmp_path / "a.cast").read_text().startswith('{"version": 2')


def test_a_recording_is_taken_away_as_a_page_that_plays_alone(web_shop: WebShop, tmp_path: Path):
    page = web_shop.page("quinn")
    page.goto(f"/sessions/{web_shop.seed['session']}/")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Page that plays offline").press("Enter")
    downloading.value.save_as(tmp_path / "replay.html")
    asked: list[str] = []
    alone = web_shop.browser.new_context(offline=True).new_page()
    alone.on("request", lambda request: asked.append(request.url))
    alone.on("pageerror", lambda error: web_shop.trouble.append(str(error)))
    alone.goto((tmp_path / "replay.html").as_uri())
    expect(alone.get_by_text("openssl version").first).to_be_visible()
    expect(alone.locator(".ap-player")).to_be_visible()
    assert [url for url in asked if url.startswith("http")] == []
    assert web_shop.trouble == []


def test_a_wrong_form_keeps_the_words_and_focuses_the_field(web_shop: WebShop):
    page = web_shop.page("iris")
    page.goto("/tickets/new/")
    page.get_by_label("What is done, in one line").fill("Keep me")
    page.locator("[name=window_from]").fill("someday")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_label("What is done, in one line")).to_have_value("Keep me")
    expect(page.get_by_text("is not a date and time").first).to_be_visible()
    assert page.evaluate("document.activeElement.closest('.field').querySelector('.wrong') !== null")


def test_typed_times_are_read_back_while_typing(web_shop: WebShop):
    page = web_shop.page("iris")
    page.goto("/tickets/new/")
    page.locator("[name=window_from]").press_sequentially("tomorrow 18:00")
    expect(page.locator("#said-from")).to_contain_text("America/New_York")
    page.locator("[name=window_until]").press_sequentially("+4h")
    expect(page.locator("#said-until")).to_contain_text("4 h long")


def test_a_list_is_searched_filtered_and_kept_as_a_view(web_shop: WebShop):
    page = web_shop.page("iris")
    page.goto("/assets/")
    page.get_by_role("searchbox").press_sequentially("portal")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "q=portal" in page.url
    page.goto("/assets/")
    page.get_by_text("CUI", exact=True).first.click()
    page.goto("/assets/?cui=yes&sort=-hostname")
    expect(page.locator(".fchip")).to_have_count(1)
    page.get_by_text("View", exact=True).click()
    page.get_by_label("Name of the view").fill("CUI first")
    page.get_by_role("button", name="Save").click()
    page.goto("/assets/")
    page.get_by_text("View", exact=True).click()
    page.get_by_role("link", name="CUI first").click()
    assert "cui=yes" in page.url


def test_dark_light_and_the_device(web_shop: WebShop):
    page = web_shop.page("iris", dark=True)
    page.goto("/")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.locator("summary.chip").click()
    page.get_by_role("button", name="Light").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "light"


def test_times_are_in_the_zone_of_the_browser_with_utc_on_hover(web_shop: WebShop):
    page = web_shop.page("iris")
    page.context.clear_cookies(name="qd_zone")
    page.goto(f"/tickets/{web_shop.seed['scheduled']}/")
    moment = page.locator("main time").first
    assert str(moment.get_attribute("title")).endswith("UTC")


def test_a_phone_has_the_bar_at_the_bottom(web_shop: WebShop):
    page = web_shop.page("max", size={"width": 390, "height": 844})
    page.goto("/")
    expect(page.get_by_role("navigation", name="Main, short")).to_be_visible()
    expect(page.locator("aside.side")).to_be_hidden()
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#palette input")).to_be_focused()


def test_a_key_that_decides_brings_you_to_the_reason_first(web_shop: WebShop):
    page = web_shop.page("avery")
    page.goto(f"/tickets/{web_shop.seed['by_key']}/decide/")
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.name") == "reason"
    expect(page.get_by_role("heading", name="Your decision")).to_be_visible()
    page.keyboard.type("Sound.")
    page.keyboard.press("Tab")
    page.keyboard.press("a")
    expect(page.get_by_role("status").first).to_contain_text("You approved")


def test_the_calendar_by_keyboard_and_as_a_list_on_the_phone(web_shop: WebShop):
    page = web_shop.page("iris")
    page.goto("/calendar/")
    expect(page.locator(".cal-month")).to_be_visible()
    expect(page.locator(".cal-narrow")).to_be_hidden()
    page.keyboard.press("w")
    page.wait_for_url("**view=week**")
    expect(page.locator(".cal-week")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tickets/**")
    page.go_back()
    page.keyboard.press("l")
    page.wait_for_url("**view=list**")
    page.keyboard.press("n")
    page.wait_for_url("**on=**")
    phone = web_shop.page("iris", size={"width": 390, "height": 844})
    phone.goto("/calendar/")
    expect(phone.locator(".cal-month")).to_be_hidden()
    expect(phone.locator(".cal-narrow")).to_be_visible()


def test_rows_are_ticked_and_acted_on_by_keyboard_with_a_preview(web_shop: WebShop):
    page = web_shop.page("quinn")
    page.goto("/tickets/")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-picked]")).to_have_text("1")
    page.get_by_role("button", name="Make a package").press("Enter")
    expect(page.get_by_role("heading", name="Package of chosen tickets")).to_be_visible()
    expect(page.get_by_text("What it holds")).to_be_visible()
    page.get_by_role("button", name="Make it of 1").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("is being made")


def test_a_way_in_is_asked_for_only_while_its_asset_is_ticked(web_shop: WebShop):
    page = web_shop.page("iris")
    page.goto("/tickets/new/")
    way = page.get_by_label("Way into fs01.example.test")
    expect(way).to_be_hidden()
    page.get_by_label("fs01.example.test").first.check()
    expect(way).to_be_visible()
    way.select_option(label="ops@10.0.0.9, port 22, elevation none")
    page.get_by_label("fs01.example.test").first.uncheck()
    expect(way).to_be_hidden()


def test_the_assessor_samples_and_asks_by_keyboard(web_shop: WebShop):
    page = web_shop.page("quinn")
    page.goto("/")
    page.wait_for_url("**/desk/")
    page.get_by_label("Draw from").select_option("closed")
    page.get_by_label("Your seed").fill("1-2-3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Drawn again: the same")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/questions/")
    page.get_by_role("textbox", name="Question", exact=True).fill("Where is the plan?")
    page.get_by_role("button", name="Ask", exact=True).press("Enter")
    expect(page.get_by_text("has not answered yet")).to_be_visible()


def test_what_a_package_holds_is_told_when_a_ticket_is_chosen(web_shop: WebShop):
    page = web_shop.page("iris")
    page.goto("/evidence/")
    page.get_by_label("Of one ticket").select_option(web_shop.seed["scheduled"])
    expect(page.locator("#contents")).to_contain_text("What stays here")
    expect(page.locator("#contents")).to_contain_text("Ask the CUI owner")

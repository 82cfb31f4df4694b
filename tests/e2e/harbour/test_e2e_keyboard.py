"""The demo's web by keyboard alone: no test of this file touches a pointer."""

import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.e2e.harbour.building import Harbour
from tests.e2e.harbour.conftest import Visit

_FOCUSED = """() => {
    const at = document.activeElement;
    const words = at.matches("a, button, summary") ? at.innerText : at.getAttribute("name") ?? "";
    return `${words} ${at.getAttribute("aria-label") ?? ""} ${at.id}`;
}"""
_MOST_STEPS = 120


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until what has the focus says `words`; it must also be seen to have it."""
    for _ in range(_MOST_STEPS):
        page.keyboard.press("Tab")
        if re.search(words, page.evaluate(_FOCUSED)):
            shown = page.evaluate("""() => {
                const style = getComputedStyle(document.activeElement);
                return style.outlineStyle !== "none" || style.boxShadow !== "none";
            }""")
            assert shown, f"the focus on {words} can't be seen"
            return
    raise AssertionError(f"{_MOST_STEPS} times Tab never reached {words} on {page.url}")


def _jump(page: Page, words: str) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.type(words)
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text(words)
    page.keyboard.press("Enter")


def test_login_palette_lists_and_an_approval(visit: Visit, shop: Harbour) -> None:
    member, number = shop.member("avery"), shop.tickets["for_keys"]
    tab = visit()
    page = tab.go("/accounts/login/")
    _tab_to(page, "login")
    page.keyboard.type(member.email)
    page.keyboard.press("Tab")
    page.keyboard.type(member.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/2fa/authenticate/**")
    expect(page.get_by_label("code")).to_be_focused()
    page.keyboard.type(member.one_time_code())
    page.keyboard.press("Enter")
    page.wait_for_url(f"{tab.url}/")

    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/tickets/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("[data-rows] > .cursor")).to_have_count(1)
    second = str(page.locator("[data-rows] > .cursor [data-row-link]").get_attribute("href"))
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{second}")

    _jump(page, number)
    page.wait_for_url(f"**/tickets/{number}/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Read and decide")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("a")
    page.wait_for_url(f"**/tickets/{number}/decide/")
    _tab_to(page, "reason")
    page.keyboard.type("More in the log, nothing else.")
    _tab_to(page, "Approve")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tickets/{number}/")
    expect(page.locator("#main")).to_contain_text(f"You approved {number}")


def test_a_waiting_approval_is_given_with_the_key_a(visit: Visit, shop: Harbour) -> None:
    number = shop.tickets["for_keys"]
    page = visit("casey").go(f"/tickets/{number}/")
    page.keyboard.press("a")
    page.wait_for_url(f"**/tickets/{number}/decide/")
    _tab_to(page, "reason")
    page.keyboard.type("Seen.")
    page.keyboard.press("Tab")
    page.keyboard.press("a")
    page.wait_for_url(f"**/tickets/{number}/")
    expect(page.locator("#main")).to_contain_text(f"You approved {number}")


def _row_of_the_terminal(page: Page, shop: Harbour) -> int:
    """Return which row of the list, from 1, is the session in which Max typed; other tests add some of their own."""
    links = [str(one.get_attribute("href")) for one in page.locator("tbody a[href*='/sessions/se_']").all()]
    rows = list(dict.fromkeys(links))
    for number, link in enumerate(rows, 1):
        page.goto(f"{shop.url}{link}")
        shown = page.locator("pre.transcript")
        if shown.count() and "max connections = 200" in str(shown.text_content()):
            return number
    raise AssertionError("no session has a terminal")


def test_replay_is_played_and_sought_and_the_package_taken(visit: Visit, shop: Harbour, tmp_path: Path) -> None:
    down = _row_of_the_terminal(visit("quinn").go("/sessions/"), shop)
    page = visit("quinn").go("/desk/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/sessions/")
    for _ in range(down):
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/sessions/se_"))
    player = page.get_by_role("application", name=re.compile("^Replay"))
    expect(player).to_be_visible()
    _tab_to(page, "Replay")
    expect(player).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("0")
    page.keyboard.press("Escape")
    _tab_to(page, "find-text")
    page.keyboard.type("share.conf")
    expect(page.locator("#hits li").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".ap-term")).to_contain_text("share.conf")

    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/desk/")
    with page.expect_download() as coming:
        _tab_to(page, r"\.zip")
        page.keyboard.press("Enter")
    coming.value.save_as(tmp_path / "package.zip")
    assert zipfile.is_zipfile(tmp_path / "package.zip")

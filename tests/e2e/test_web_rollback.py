"""A rollback on the ticket's page: what was done, what failed and why, and the next step asked for on a phone."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.e2e.conftest import WebShop

PHONE = {"width": 360, "height": 780}
SHOTS = os.environ.get("QD_TEST_SHOTS", "")


def shown(page: Page, name: str) -> str:
    """The rollback's card as text; nothing is wider than the screen. A picture where the tester wants them."""
    card = page.locator("#rollback")
    card.scroll_into_view_if_needed()
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS, f"rollback-{name}.png")), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return card.inner_text()


@pytest.mark.slow
def test_a_step_that_is_done_and_the_clock(web_shop: WebShop) -> None:
    number = web_shop.seed["rolled"]
    for name, looks in (("desk", {}), ("dark", {"dark": True}), ("phone", {"size": PHONE})):
        page = web_shop.page("max", **looks)
        page.goto(f"/tickets/{number}/")
        said = shown(page, f"done-{name}")
        assert "time box ends in" in said
        assert "by itself" in said
        assert page.get_by_role("button", name="Done", exact=True).count() == 1, "the person's step is theirs to tell"
    assert web_shop.trouble == []


@pytest.mark.slow
def test_a_step_that_failed_is_asked_for_again_on_a_phone(web_shop: WebShop) -> None:
    number = web_shop.seed["rollback_failed"]
    page = web_shop.page("max", size=PHONE, dark=True)
    page.goto(f"/tickets/{number}/")
    said = shown(page, "failed-phone")
    assert "No snapshot of the asset was taken under this ticket" in said
    page.get_by_role("link", name="Run the next step").click()
    code = page.get_by_label("Code from your authenticator")
    if code.count():
        code.fill(web_shop.second_factor("max"))
    page.get_by_role("button", name="Run it").click()
    page.wait_for_url(f"**/tickets/{number}/")
    with page.expect_response(lambda answer: answer.url.endswith("/rollback/card/")) as polled:
        shown(page, "waits-phone")
    assert polled.value.ok
    assert page.get_by_role("button", name="Stop").count() == 1
    assert page.get_by_role("link", name="Run the next step").count() == 0
    assert web_shop.trouble == []

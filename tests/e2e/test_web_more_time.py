"""More time in a browser: an approver decides on a phone within a minute, from the inbox to the moved end."""

import time

import pytest
from tests.e2e.conftest import PHONE


@pytest.mark.slow
def test_an_approver_grants_more_time_on_a_phone_within_a_minute(web_shop):
    number, began = web_shop.seed["longer"], time.monotonic()
    page = web_shop.page("avery", size=PHONE)
    page.goto("/")
    page.locator(f"a[href='/tickets/{number}/more-time/decide/']").first.click()
    assert "The second roller is worn too" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Reason").fill("It saves a second visit.")
    code = page.get_by_label("Code from your authenticator")
    if code.count():  # the server serves the whole run, so the login may be older than ten minutes
        code.fill(web_shop.second_factor("avery"))
    page.get_by_role("button", name="Grant").click()
    page.wait_for_url(f"**/tickets/{number}/")
    said = page.inner_text("main")
    assert "You granted 30 min more" in page.inner_text("body")
    assert "extended; approved until" in said
    assert time.monotonic() - began < 60
    assert web_shop.trouble == []

"""Backups, drills and reimage plans in a real browser: set by the IT lead, on a phone and a desk, light and dark."""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.e2e.conftest import DESKTOP, PHONE, WebShop

pytestmark = pytest.mark.slow
PAGES = {
    "backups": "/backups/", "drills": "/backups/drills/", "reimage": "/backups/reimage/",
    "reimage-set": "/backups/reimage/set/", "drill": "{drill}", "plan": "{plan}", "source": "{source}",
    "ticket": "/tickets/{number}/backups/", "log": "/tickets/{number}/backups/log/",
    "snapshots": "/tickets/{number}/snapshots/",
}  # fmt: skip


@pytest.fixture(scope="module")
def places(web_shop: WebShop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("drills")
    page, server = web_shop.page("iris"), web_shop.seed["server"]
    source = f"/assets/{server}/backup-source/"
    page.goto(source)
    page.locator("[name=product]").select_option("files")
    page.locator("[name=repository]").fill(str(folder))
    page.locator("[name=path]").fill(str(folder))
    page.locator("[name=offline]").fill("tape in the safe")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/assets/**#backup")
    page.goto(f"/assets/{server}/drills/")
    page.locator("[name=scratch]").fill(str(folder))
    page.get_by_role("button", name="Plan").click()
    page.wait_for_url("**/backups/drills/*/")
    drill = page.url.removeprefix(web_shop.address)
    page.goto("/backups/reimage/set/")
    page.locator("[name=image]").fill("Windows 11 of the deployment share")
    page.locator("[name=version]").fill("24H2")
    page.locator("[name=tested_at]").fill("today 00:00")
    page.locator("[name=review_by]").fill("+26w")
    page.locator("[name=assets]").first.check()
    page.locator("[name=steps]").fill("Boot from the share, choose the image, join the domain; data is on the share.")
    page.get_by_role("button", name="Set", exact=True).click()
    page.wait_for_url("**/backups/reimage/rp_*/")
    plan = page.url.removeprefix(web_shop.address)
    assert web_shop.trouble == []
    return {"drill": drill, "plan": plan, "source": source, "number": web_shop.seed["scheduled"]}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_of_backups_fit_are_quiet_and_accessible(web_shop: WebShop, places: dict[str, str], size, dark) -> None:
    shots = os.environ.get("QD_TEST_SHOTS")
    page = web_shop.page("iris", size=size, dark=dark, bypass_csp=True)
    for name, template in PAGES.items():
        answer = page.goto(template.format(**places))
        assert answer is not None
        assert answer.status == 200, name
        page.wait_for_load_state("networkidle")
        if shots:
            look = f"{name}-{size['width']}-{'dark' if dark else 'light'}.png"
            page.screenshot(path=str(Path(shots) / look), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        found = [
            one["id"] for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")
        ]
        assert found == [], name
    assert web_shop.trouble == []


def test_lists_are_searched_sorted_filtered_and_exported(web_shop: WebShop, places: dict[str, str]) -> None:
    page = web_shop.page("iris")
    # The ticket has no proof yet: an empty list offers the first act instead of a search.
    for name in ("backups", "drills", "reimage"):
        page.goto(PAGES[name].format(**places))
        assert page.locator("input[type=search], input[name=q]").count() > 0, name
        answer = page.request.get(PAGES[name].format(**places) + "?export=csv")
        assert answer.status == 200, name
        assert "text/csv" in answer.headers["content-type"], name

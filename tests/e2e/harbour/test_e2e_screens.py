"""The screens of the README, of the demo's own data.

With QD_WRITE_SCREENS=1 they are written anew; without, only that the page can be taken and the picture is there.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.harbour.building import Harbour
from tests.e2e.harbour.conftest import Visit

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
# Read when the file is loaded: each test's own settings start empty.
WRITE = os.environ.get("QD_WRITE_SCREENS") == "1"
MOST_BYTES = 250_000
_PNG = b"\x89PNG\r\n\x1a\n"


def _keep(page: Page, name: str) -> None:
    """Take what the window shows, without a blinking caret; write it when that is asked."""
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready.then(() => { document.activeElement?.blur(); scrollTo(0, 0); })")
    taken = page.screenshot(animations="disabled", caret="hide")
    assert taken.startswith(_PNG)
    assert len(taken) < MOST_BYTES
    if WRITE:
        IMAGES.mkdir(parents=True, exist_ok=True)
        (IMAGES / name).write_bytes(taken)
        (IMAGES / name).chmod(0o644)
    assert (IMAGES / name).read_bytes().startswith(_PNG)


@pytest.mark.parametrize(
    ("name", "key", "path"),
    [
        ("ticket.png", "iris", "/tickets/{closed}/"),
        ("approve.png", "avery", "/tickets/{shown}/decide/"),
        ("my-work.png", "avery", "/"),
    ],
)
def test_a_page_for_the_readme(visit: Visit, shop: Harbour, name: str, key: str, path: str) -> None:
    page = visit(key).go(path.format(**shop.tickets))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    _keep(page, name)


def test_an_approval_on_the_phone(visit: Visit, shop: Harbour) -> None:
    page = visit("avery", phone=True).go(f"/tickets/{shop.tickets['shown']}/decide/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    _keep(page, "phone-approve.png")


def test_a_replay(visit: Visit, shop: Harbour) -> None:
    """The terminal session of the three, sought to what it changed."""
    page = visit("casey").go(f"/tickets/{shop.tickets['closed']}/?tab=sessions")
    links = [str(one.get_attribute("href")) for one in page.locator("#tabs a[href*='/sessions/']").all()]
    for link in dict.fromkeys(links):
        page.goto(f"{shop.url}{link}")
        if "max connections = 200" in str(page.locator("pre.transcript").text_content()):
            break
    expect(page.get_by_role("application")).to_be_visible()
    page.get_by_label("Search in the text").fill("connections = 200")
    page.locator("#hits button").last.click()
    expect(page.locator(".ap-term")).to_contain_text("connections = 200")
    _keep(page, "replay.png")


def test_the_report_of_the_package(visit: Visit, shop: Harbour) -> None:
    """The page in the package, opened from the folder as a stranger does."""
    tab = visit()
    tab.url = "file:///"
    tab.page.goto((shop.out / "report.html").as_uri())
    expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
    _keep(tab.page, "report.png")

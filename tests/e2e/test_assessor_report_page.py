"""The report in a real browser, from a file: no request, no error, replay, filter, phone width, keyboard, axe."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from tests.clock import StillClock
from tests.package_scene import Scene
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck import wiring

pytestmark = pytest.mark.django_db


@pytest.fixture
def report(clock: StillClock, tmp_path: Path, settings) -> Path:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        shop = PackageShop(build_yard(clock, cui=False), sealer, player=dict(wiring.press().player))
        scene = Scene(shop, tmp_path / "tree")
        path = shop.package(numbers=[scene.play()])
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "stick")
    return tmp_path / "stick" / path.stem / "data" / "report.html"


@pytest.fixture
def browser(monkeypatch) -> Iterator[Browser]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright keeps a loop in this thread
    with sync_playwright() as playwright:
        chromium = Path("/usr/bin/chromium")
        found = playwright.chromium.launch(
            executable_path=str(chromium) if chromium.exists() else None, args=["--no-sandbox"]
        )
        yield found
        found.close()


def opened(browser: Browser, report: Path, **options: object) -> tuple[Page, list[str], list[str]]:
    page = browser.new_page(**options)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(f"dialog {dialog.message}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    return page, told, asked


def test_the_report_in_a_browser(report: Path, browser: Browser) -> None:
    page, told, asked = opened(browser, report, viewport={"width": 1280, "height": 900})
    page.select_option("[data-filter]", "refusals")
    shown = "document.querySelectorAll('[data-timeline] > li:not([hidden])').length"
    assert page.evaluate(shown) == 1
    page.evaluate("document.querySelector('.session details').open = true")
    page.fill("[data-find]", "anonymous")
    assert page.inner_text("[data-found]") == "1 line"
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert page.locator("a[href^='replay/']").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_axe_finds_nothing_serious(report: Path, browser: Browser, width: int, scheme: str) -> None:
    page, told, _ = opened(browser, report, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
    assert told == []


def test_the_keyboard_reaches_the_content_and_the_replay(report: Path, browser: Browser) -> None:
    page, told, asked = opened(browser, report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("a[href^='replay/']")
    page.keyboard.press("Enter")
    page.wait_for_selector(".ap-player")
    page.wait_for_function("document.getElementById('replay-length').textContent === '00:17'")
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
    assert told == []


def replay_of(report: Path) -> Path:
    (found,) = (report.parent / "replay").iterdir()
    return found


def test_a_replay_is_played_paused_and_sought_by_keys(report: Path, browser: Browser) -> None:
    page, told, asked = opened(browser, replay_of(report))
    page.wait_for_selector(".ap-player")
    page.wait_for_function("document.getElementById('replay-length').textContent === '00:17'")
    page.focus(".ap-player")
    page.keyboard.press("Space")
    page.wait_for_selector(".ap-player :text('sudo apt-get')")
    page.keyboard.press("Space")
    page.keyboard.press("7")
    page.wait_for_selector(".ap-player :text('systemctl restart')")
    page.keyboard.press("0")
    page.wait_for_selector(".ap-player :text('systemctl restart')", state="detached")
    page.fill("[data-find]", "anonymous")
    assert page.inner_text("[data-found]") == "1 line"
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
    assert told == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_replay_fits_and_axe_finds_nothing_serious(report: Path, browser: Browser, width: int, scheme: str) -> None:
    page, told, _ = opened(
        browser, replay_of(report), viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    page.wait_for_selector(".ap-player")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
    assert told == []

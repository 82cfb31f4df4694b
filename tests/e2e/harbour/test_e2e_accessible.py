"""Every page for everybody: axe on desktop and phone, light and dark; nothing wider than 360 px; light, still pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.e2e.harbour.conftest import Visit
from tests.e2e.harbour.building import Harbour
from tests.e2e.harbour.tab import DESKTOP, NARROW, PHONE, Tab

GRAVE = frozenset({"serious", "critical"})
MOST_BYTES = 200_000
MOST_SHIFT = 0.02
_EVERYTHING = {"resultTypes": ["violations"], "preload": False}
_COLOURS = {"resultTypes": ["violations"], "preload": False, "runOnly": ["color-contrast"]}

STRANGERS = ("/accounts/login/", "/enrol/", "/no-such-page/")
OF_IRIS = (
    "/", "/calendar/", "/first-run/", "/you/", "/tickets/", "/tickets/?state=closed", "/tickets/new/", "/tickets/standard/",
    "/tickets/{closed}/", "/tickets/{closed}/?tab=timeline", "/tickets/{closed}/?tab=plan", "/tickets/{closed}/?tab=sessions",
    "/tickets/{closed}/?tab=drift", "/tickets/{closed}/?tab=checks", "/tickets/{closed}/?tab=files",
    "/tickets/{closed}/?tab=comments", "/tickets/{shown}/", "/tickets/{shown}/change/", "/tickets/{shown}/withdraw/",
    "/tickets/{open}/", "/sessions/", "/assets/", "/assets/add/", "/assets/import/", "/assets/{files01}/",
    "/assets/{files01}/change/", "/people/", "/people/add/", "/people/{max}/", "/vendors/", "/vendors/agreements/add/",
    "/registers/", "/registers/add/", "/registers/{technique}/", "/registers/ways-in/", "/evidence/", "/objectives/",
)  # fmt: skip
OF_AVERY = ("/", "/tickets/{shown}/", "/tickets/{shown}/decide/")
OF_NOOR = ("/", "/tickets/{open}/", "/tickets/{open}/work/", "/tickets/{scheduled}/", "/tickets/quick-log/")
OF_QUINN = ("/desk/", "/objectives/", "/objectives/{objective}/", "/evidence/", "/tickets/{closed}/")


def _path(pattern: str, shop: Harbour) -> str:
    names = shop.tickets | {key: member.id for key, member in shop.shop.people.items()}
    names |= {"files01": shop.shop.server_id, "technique": shop.shop.technique, "objective": "MA.L2-3.7.5-a"}
    return pattern.format(**names)


def _grave(page: Page, axe: Axe, options: dict[str, Any], how: str) -> Iterator[str]:
    for found in axe.run(page, options=options).response["violations"]:
        if found["impact"] in GRAVE:
            for node in found["nodes"][:4]:
                why = " ".join(node["failureSummary"].split())
                yield f"{how} {page.url} {found['id']} ({found['impact']}): {node['target']} {why[:260]}"


def _looked_at(tab: Tab, path: str) -> list[str]:
    """Load once, look at it in every way: the theme and the width follow without another request."""
    axe = Axe()
    page = tab.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    tab.go(path)
    found = [*_grave(page, axe, _EVERYTHING, "desktop light")]
    page.emulate_media(color_scheme="dark")
    found += _grave(page, axe, _COLOURS, "desktop dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    found += _grave(page, axe, _EVERYTHING, "phone dark")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > NARROW["width"]:
        found.append(f"{page.url} is {wide} px wide on {NARROW['width']} px")
    return found


@pytest.mark.parametrize(
    ("key", "paths"),
    [("", STRANGERS), ("iris", OF_IRIS), ("avery", OF_AVERY), ("noor", OF_NOOR), ("quinn", OF_QUINN)],
    ids=["nobody", "iris", "avery", "noor", "quinn"],
)
def test_axe_finds_nothing_serious(visit: Visit, shop: Harbour, key: str, paths: tuple[str, ...]) -> None:
    tab = visit(key)
    tab.expects(404)
    assert not [line for path in paths for line in _looked_at(tab, _path(path, shop))]


def test_axe_finds_nothing_serious_in_a_replay_a_palette_and_the_keys(visit: Visit, shop: Harbour) -> None:
    tab = visit("iris")
    tab.go("/sessions/")
    replay = tab.page.locator("[data-row-link]").first.get_attribute("href")
    found = _looked_at(tab, str(replay))
    tab.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    tab.page.keyboard.press("Control+k")
    tab.page.get_by_role("option").first.wait_for()
    found += _grave(tab.page, Axe(), _EVERYTHING, "palette")
    tab.page.keyboard.press("Escape")
    tab.page.locator("#palette").wait_for(state="hidden")
    tab.page.keyboard.press("?")
    tab.page.locator("#keys").wait_for()
    assert not [*found, *_grave(tab.page, Axe(), _EVERYTHING, "keys")]


@pytest.mark.parametrize("path", ["/", "/tickets/", "/tickets/{closed}/", "/assets/"])
def test_a_normal_page_is_light_with_an_empty_cache_and_does_not_jump(visit: Visit, shop: Harbour, path: str) -> None:
    tab = visit("iris")
    network = tab.page.context.new_cdp_session(tab.page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    tab.go(_path(path, shop))
    tab.page.evaluate("document.fonts.ready.then(() => true)")
    assert 0 < sum(sizes) < MOST_BYTES
    shift = tab.page.evaluate(
        """new Promise((tell) => {
            new PerformanceObserver((seen) => tell(seen.getEntries().reduce((sum, one) => sum + one.value, 0)))
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => tell(0), 300);
        })"""
    )
    assert shift <= MOST_SHIFT

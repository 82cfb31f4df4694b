"""Every page for everybody: axe on desktop and phone, light and dark; nothing wider than 360 px; light, still pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.e2e.harbour.building import Harbour
from tests.e2e.harbour.conftest import Visit
from tests.e2e.harbour.tab import DESKTOP, NARROW, PHONE, Tab

from quarterdeck.controls.api import MA_OBJECTIVES

GRAVE = frozenset({"serious", "critical"})
MOST_BYTES = 200_000
MOST_SHIFT = 0.02
_EVERYTHING = {"resultTypes": ["violations"], "preload": False}
_BUT_COLOURS = _EVERYTHING | {"rules": {"color-contrast": {"enabled": False}}}
_COLOURS = {"resultTypes": ["violations"], "preload": False, "runOnly": ["color-contrast"]}

# Forms and lists are looked at with made-up rows in test_web_pages; here are the pages that the demo's own data fills.
OBJECTIVE = next(one.token for one in MA_OBJECTIVES if one.id.startswith("MA.L2-3.7.5"))
STRANGERS = ("/accounts/login/", "/enrol/", "/no-such-page/")
OF_IRIS = (
    "/", "/calendar/", "/tickets/", "/tickets/new/", "/tickets/{closed}/", "/tickets/{closed}/?tab=drift",
    "/tickets/{open}/?tab=timeline", "/sessions/", "/assets/{files01}/", "/people/{max}/", "/evidence/",
)  # fmt: skip
OF_AVERY = ("/", "/tickets/{shown}/", "/tickets/{shown}/decide/")
OF_NOOR = ("/", "/tickets/{open}/", "/tickets/{open}/work/", "/tickets/quick-log/")
OF_QUINN = ("/desk/", "/objectives/", "/objectives/{objective}/")


def _path(pattern: str, shop: Harbour) -> str:
    names = shop.tickets | {key: member.id for key, member in shop.shop.people.items()}
    names |= {"files01": shop.shop.server_id, "technique": shop.shop.technique, "objective": OBJECTIVE}
    return pattern.format(**names)


def _grave(page: Page, axe: Axe, options: dict[str, Any], how: str) -> Iterator[str]:
    for found in axe.run(page, options=options).response["violations"]:
        if found["impact"] in GRAVE:
            for node in found["nodes"][:4]:
                why = " ".join(node["failureSummary"].split())
                yield f"{how} {page.url} {found['id']} ({found['impact']}): {node['target']} {why[:260]}"


def _theme(page: Page, wanted: str) -> None:
    page.emulate_media(color_scheme=wanted)  # type: ignore[arg-type]
    if page.url.startswith("http"):
        page.wait_for_function(
            "(wanted) => document.documentElement.dataset.bsTheme === wanted && !document.getAnimations().length",
            arg=wanted,
        )


def _looked_at(tab: Tab, path: str) -> list[str]:
    """Load once, look at it in every way: the theme and the width follow without another request."""
    axe = Axe()
    page = tab.page
    _theme(page, "light")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.goto(f"{tab.url}{path}", wait_until="load")
    found = [*_grave(page, axe, _EVERYTHING, "desktop light")]
    _theme(page, "dark")
    found += _grave(page, axe, _COLOURS, "desktop dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    found += _grave(page, axe, _BUT_COLOURS, "phone dark")
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
    found = [line for path in paths for line in _looked_at(tab, _path(path, shop))]
    assert not found, "\n".join(found)


def test_axe_finds_nothing_serious_in_a_replay_a_palette_and_the_keys(visit: Visit, shop: Harbour) -> None:
    tab = visit("iris")
    tab.go("/sessions/")
    replay = tab.page.locator("[data-row-link]").first.get_attribute("href")
    found = _looked_at(tab, str(replay))
    tab.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    tab.page.keyboard.press("Control+k")
    tab.page.locator("#palette").get_by_role("option").first.wait_for()
    found += _grave(tab.page, Axe(), _EVERYTHING, "palette")
    tab.page.keyboard.press("Escape")
    tab.page.locator("#palette").wait_for(state="hidden")
    tab.page.keyboard.press("?")
    tab.page.locator("#keys").wait_for()
    found += _grave(tab.page, Axe(), _EVERYTHING, "keys")
    assert not found, "\n".join(found)


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

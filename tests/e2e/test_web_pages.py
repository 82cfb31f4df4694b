"""Every page in a real browser: nothing in the console, nothing serious for axe, nothing wider than the screen."""

import gzip
import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.e2e.conftest import DESKTOP, PHONE, WebShop

PAGES = {
    "iris": (
        "/", "/tickets/", "/calendar/", "/calendar/?view=week&usual=1", "/calendar/?view=list&tz=utc", "/sessions/",
        "/sessions/{session}/", "/sessions/{interrupted}/", "/sessions/{files}/", "/sessions/{files}/?files=log",
        "/assets/", "/backups/", "/questions/",
        "/questions/{question}/", "/desk/samples/{sample}/", "/evidence/checkpoints/", "/evidence/packages/all/",
        "/evidence/sealing/",
        "/objectives/?r=3",
        "/assets/{server}/", "/assets/import/", "/assets/add/", "/people/", "/people/{max}/", "/people/add/",
        "/people/{max}/authorise/", "/vendors/", "/registers/", "/registers/{tool}/", "/registers/ways-in/",
        "/evidence/", "/objectives/", "/objectives/MA.L2-3.7.2.b/", "/first-run/", "/you/", "/tickets/new/",
        "/tickets/quick-log/", "/tickets/standard/", "/tickets/{scheduled}/", "/tickets/{scheduled}/?tab=plan",
        "/tickets/{scheduled}/?tab=sessions", "/tickets/{scheduled}/?tab=checks", "/tickets/{scheduled}/?tab=files",
        "/tickets/{scheduled}/?tab=comments", "/tickets/{scheduled}/?tab=drift", "/tickets/{draft}/change/",
        "/assets/{portal}/", "/assets/{server}/monitoring/", "/monitoring/{plan}/", "/findings/",
        "/findings/{finding}/", "/tickets/{scheduled}/attach/", "/tickets/{scheduled}/attached/",
        "/evidence/retention/",
        "/evidence/retention/policy/", "/evidence/retention/holds/", "/evidence/retention/proposals/",
        "/evidence/assessments/", "/policy/",
        "/policy/settings/record_screens_of_cui_assets/", "/policy/rows/HP-PRECHECK/",
    ),
    "avery": (
        "/", "/tickets/{waiting}/decide/", "/monitoring/{waiting_plan}/", "/tickets/{longer}/more-time/decide/",
        "/access/", "/access/revoke/everything/",
    ),
    "casey": ("/", "/tickets/{scheduled}/consent/"),
    "max": ("/", "/tickets/{scheduled}/work/", "/tickets/{longer}/more-time/"),
    "quinn": ("/desk/", "/questions/", "/objectives/", "/objectives/MA.L2-3.7.5.b/", "/desk/samples/{sample}/"),
}  # fmt: skip
SHOTS = {
    "my-work": ("avery", "/"),
    "ticket": ("iris", "/tickets/{scheduled}/"),
    "decide": ("avery", "/tickets/{waiting}/decide/"),
    "replay": ("iris", "/sessions/{session}/"),
    "files": ("iris", "/sessions/{files}/"),
    "assets": ("iris", "/assets/"),
    "calendar": ("iris", "/calendar/"),
    "worksheet": ("iris", "/objectives/MA.L2-3.7.2.b/"),
}
HEAVIEST = 200_000


def _path(shop: WebShop, template: str) -> str:
    return template.format(**shop.seed, **shop.seed["ids"])


ON_THE_PHONE = frozenset({
    "/", "/tickets/", "/tickets/{scheduled}/", "/tickets/new/", "/tickets/quick-log/", "/tickets/{waiting}/decide/",
    "/tickets/{scheduled}/work/", "/tickets/{longer}/more-time/", "/tickets/{longer}/more-time/decide/", "/access/",
    "/access/revoke/everything/", "/sessions/{session}/", "/assets/", "/evidence/", "/evidence/sealing/", "/desk/",
    "/assets/{portal}/",
    "/monitoring/{plan}/", "/monitoring/{waiting_plan}/", "/findings/", "/findings/{finding}/",
    "/calendar/", "/sessions/{files}/",
    "/objectives/", "/objectives/MA.L2-3.7.5.b/", "/first-run/", "/assets/{server}/", "/questions/", "/backups/",
    "/desk/samples/{sample}/", "/tickets/{scheduled}/consent/", "/tickets/{scheduled}/?tab=drift",
    "/tickets/{scheduled}/attach/", "/tickets/{scheduled}/attached/", "/evidence/retention/",
    "/evidence/retention/policy/", "/evidence/retention/holds/", "/policy/", "/policy/rows/HP-PRECHECK/",
})  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["desktop-light", "phone-dark"])
@pytest.mark.parametrize("key", PAGES)
def test_every_page_is_quiet_accessible_and_fits(web_shop, key, size, dark):
    # axe puts itself into the page by a script element, which our policy forbids: only this check goes without it.
    page = web_shop.page(key, size=size, dark=dark, bypass_csp=True)
    found = []
    for template in PAGES[key]:
        if size is PHONE and template not in ON_THE_PHONE:
            continue
        answer = page.goto(_path(web_shop, template))
        assert answer.status == 200, template
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > size["width"]:
            found.append(f"{template} is {wide} px wide")
        found += [
            f"{template}: {one['id']} {one['nodes'][0]['html'][:120]}"
            for one in Axe().run(page).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
    assert found == []
    assert web_shop.trouble == []
    page.context.close()


@pytest.mark.slow
def test_the_policy_of_the_pages_breaks_nothing_and_wasm_is_for_the_replay_alone(web_shop):
    for key, templates in PAGES.items():
        page = web_shop.page(key)
        for template in templates:
            answer = page.goto(_path(web_shop, template))
            assert ("wasm-unsafe-eval" in answer.headers["content-security-policy"]) == template.startswith(
                "/sessions/{"
            )
            assert "unsafe-inline" not in answer.headers["content-security-policy"]
        page.context.close()
    assert web_shop.trouble == []


@pytest.mark.parametrize("width", [360, 900, 2560])
def test_pages_fit_from_small_phones_to_wide_screens(web_shop, width):
    page = web_shop.page("iris", size={"width": width, "height": 800})
    for template in (
        "/",
        "/tickets/",
        "/tickets/{scheduled}/",
        "/tickets/new/",
        "/assets/",
        "/assets/{server}/",
        "/calendar/",
        "/calendar/?view=week",
        "/evidence/",
        "/first-run/",
        "/objectives/",
        "/sessions/{session}/",
    ):
        page.goto(_path(web_shop, template))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, template
    page.context.close()


def test_a_normal_page_weighs_less_than_200_kb(web_shop):
    page = web_shop.page("iris")
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.setdefault(answer.url, len(gzip.compress(answer.body()))))
    page.goto(_path(web_shop, "/tickets/{scheduled}/"))
    page.wait_for_load_state("networkidle")
    assert len(sizes) >= 6
    assert sum(sizes.values()) < HEAVIEST, sizes
    page.context.close()


def test_nothing_jumps_when_a_page_loads(web_shop):
    page = web_shop.page("iris")
    for template in ("/", "/tickets/{scheduled}/", "/tickets/"):
        page.goto(_path(web_shop, template))
        page.wait_for_load_state("networkidle")
        shift = page.evaluate(
            "() => new Promise(done => { let sum = 0; new PerformanceObserver(list => { for (const one of"
            " list.getEntries()) sum += one.value; }).observe({type: 'layout-shift', buffered: true});"
            " setTimeout(() => done(sum), 300); })"
        )
        assert shift < 0.02, template
    page.context.close()


def test_pictures_for_the_readme(web_shop):
    """Taken where QD_TEST_SCREENS says; without it they only prove that the pages can be taken."""
    folder = Path(os.environ.get("QD_TEST_SCREENS") or web_shop.folder / "screens")
    folder.mkdir(parents=True, exist_ok=True)
    for name, (key, template) in SHOTS.items():
        for look, size, dark in (("desktop", DESKTOP, False), ("dark", DESKTOP, True), ("phone", PHONE, False)):
            page = web_shop.page(key, size=size, dark=dark)
            page.goto(_path(web_shop, template))
            page.wait_for_load_state("networkidle")
            picture = page.screenshot(path=str(folder / f"{name}-{look}.png"))
            assert len(picture) > 10_000
            page.context.close()

"""A real Chromium on a real shop: one shop for all tests of a run, one browser for each file, one tab for each visit.

A tab fails its test on errors in the console, on anything the content policy stopped, on requests to other hosts and
on answers of 500 and more.
"""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.e2e.harbour import Harbour, open_harbour
from tests.e2e.tab import Tab, open_tab

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--font-render-hinting=none",
)  # fmt: skip

Visit = Callable[..., Tab]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbour]:
    """The whole running shop; it takes half a minute to build and ends with the run."""
    with open_harbour(tmp_path_factory.mktemp("harbour")) as harbour:
        yield harbour


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium for the tests of one file: its event loop must not outlive them in this thread."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip(f"NOT RUN HERE: no browser. Install one of {', '.join(_BROWSERS)} to test the web.")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=list(_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, shop: Harbour) -> Iterator[Visit]:
    """Open a tab of a person: `visit("avery", phone=True, dark=True)`; without a name, of nobody."""
    tabs: list[Tab] = []

    def come(key: str = "", **how: bool | str) -> Tab:
        tabs.append(open_tab(browser, shop, key, **how))  # type: ignore[arg-type]
        return tabs[-1]

    yield come
    problems = [problem for tab in tabs for problem in tab.problems]
    for tab in tabs:
        tab.page.context.close()
    assert not problems, "\n".join(problems)
